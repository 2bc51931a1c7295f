"""Whole templates of other mailers, written after their documentation: what they say is understood or named."""

from __future__ import annotations

import pytest

from broker.mailings.creative_check import CreativeReport, check_creative

END = '<p><a href="https://shop.test/?utm_source=x&amp;a=1">Voir</a> les nouveautés de la saison</p>'


def checked(body: str) -> CreativeReport:
    return check_creative(f"<html><body>{body}{END}</body></html>", "fr", "Bonjour")


MAILCHIMP = (
    '<!--*|IF:MC_PREVIEW_TEXT|*--><span style="display:none">*|MC_PREVIEW_TEXT|*</span><!--*|END:IF|*-->'
    '<a href="*|ARCHIVE|*">En ligne</a>'
    "*|IF:FNAME|*<p>Bonjour *|FNAME|* *|UPPER:LNAME|*</p>*|ELSE:|*<p>Bonjour</p>*|END:IF|*"
    '<div mc:edit="body">© *|CURRENT_YEAR|* *|LIST:COMPANY|* *|HTML:LIST_ADDRESS_HTML|*</div>'
    '<a href="*|UNSUB|*">Partir</a>'
)
BREVO = (
    '<p>Bonjour {{ contact.FIRSTNAME | default : "vous" }} {{ contact.NOM|upper }}</p>'
    '<a href="{{ mirror }}">En ligne</a>'
    "{% if contact.FIRSTNAME %}<p>Cher {{contact.FIRSTNAME}}</p>{% else %}<p>Cher client</p>{% endif %}"
    '<a href="{{ unsubscribe }}">Partir</a><a href="{{ update_profile }}">Profil</a>'
)
MAILJET = (
    '<p>Bonjour [[data:firstname:"vous"]] {{data:lastname}}</p><a href="[[PERMALINK]]">En ligne</a>'
    '{% if data:firstname:"" != "" %}<p>Cher {{data:firstname}}</p>{% elseif var:firstname %}<p>Cher ami</p>'
    "{% else %}<p>Cher client</p>{% endif %}{% if var:firstname %}<b>x</b>{% endif %}"
    '<a href="[[UNSUB_LINK_FR]]">Partir</a>'
)


@pytest.mark.parametrize("template", [MAILCHIMP, BREVO, MAILJET])
def test_a_usual_template_is_taken_as_it_is(template: str) -> None:
    report = checked(template)
    assert report.errors == ()
    assert "{{first_name" in report.html
    assert "{{last_name}}" in report.html
    assert '<a href="{{unsubscribe_url}}">Partir</a>' in report.html
    assert report.urls == ("https://shop.test/?utm_source=x&a=1",)
    assert not any(sign in report.html for sign in ("*|", "{%", "[[", "contact.", "data:firstname", "Cher client"))


@pytest.mark.parametrize(
    "tag",
    [
        "*|EMAIL|*", "*|DATE:d/m/y|*", "*|INTERESTED:Group:A|*", "*|IF:AGE >= 18|*", "*|PROMO_CODE:[$store_id=1]|*",
        "{{ contact.EMAIL }}", "{{ params.order_id }}", '{{date "dd/MM/yyyy"}}', "{% for item in params.items %}",
        '[[data:age:""]]', "[[data:age:'12']]", "[[data:age]]", '[[var:order_id:"none"]]', "[[EMAIL_TO]]",
        "{{var:order:}}",
        '{% if var:age == "1" %}',
    ],
)  # fmt: skip
def test_what_means_nothing_here_is_named_and_never_sent_as_it_stands(tag: str) -> None:
    report = checked(f"<p>Bonjour {tag}</p>")
    assert len(report.unknown_tags) == 1
    assert any(error.startswith("Unknown merge tags") for error in report.errors)


@pytest.mark.parametrize("tag", ["*|UNIQID|*", "{{ contact.EMAIL }}", "[[EMAIL_TO]]", "{{var:id}}", '[[data:id:""]]'])
def test_no_form_of_a_tag_stands_in_an_address(tag: str) -> None:
    errors = checked(f"<a href='https://shop.test/?i={tag}'>x</a>").errors
    assert any("holds a merge tag" in error for error in errors)


def test_the_source_of_a_message_is_no_message() -> None:
    report = checked(
        "<mjml><mj-body><mj-text>Hi</mj-text><mj-button href='https://shop.test/'>Go</mj-button></mj-body></mjml>"
    )
    assert any("MJML" in error for error in report.errors)
