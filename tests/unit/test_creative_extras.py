"""Foreign merge tags, campaign parameters, the author's own text part, the preheader, served images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import InvalidInput
from broker.mailings.campaign_parameters import check_parameters, with_parameters
from broker.mailings.clean_css import clean_css
from broker.mailings.creative_check import Extras, check_creative
from broker.mailings.foreign_tags import understand
from broker.mailings.slots import fill_image_slots

NAME = "0123456789abcdef0123456789abcdef.png"
URL = "https://img.test/a.png?v=1&w=2"


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("*|FNAME|*", "{{first_name}}"),
        ("*|TITLE:FNAME|*", "{{first_name}}"),
        ("*|MERGE2|*", "{{last_name}}"),
        ("%%FIRST_NAME%%", "{{first_name}}"),
        ('[[data:firstname:"vous"]]', "{{first_name|vous}}"),
        ("{{ contact.FIRSTNAME | default : 'vous' }}", "{{first_name|vous}}"),
        ('{{contact.PRENOM|default("vous")}}', "{{first_name|vous}}"),
        ("{{ unsubscribe }}", "{{unsubscribe_url}}"),
        ("[[UNSUB_LINK_FR]]", "{{unsubscribe_url}}"),
        ("*|UPDATE_PROFILE|*", "{{unsubscribe_url}}"),
        ("*|CURRENT_YEAR|*", "{{current_year}}"),
        ("*|LIST:COMPANY|*", "{{advertiser_name}}"),
        ("*|HTML:LIST_ADDRESS_HTML|*", "{{advertiser_identity}}"),
        ("a*|LIST:DESCRIPTION|*b", "ab"),
        ("*|IFNOT:ARCHIVE_PAGE|*a*|END:IF|*", "a"),
        ("*|IF:REWARDS|*a*|HTML:REWARDS|*b*|END:IF|*c", "c"),
        ("*|IF:FNAME|*Chère *|FNAME|**|ELSE:|*Bonjour*|END:IF|*", "Chère {{first_name}}"),
        ("*|IFNOT:ARCHIVE_PAGE|*x*|IF:REWARDS|*y*|END:IF|*z*|END:IF|*", "xz"),
        ("{{ person.first_name|title|default:'vous' }}", "{{first_name|vous}}"),
        ('{{ first_name | default: "vous" }}', "{{first_name|vous}}"),
        ("{{first_name|vous}}", "{{first_name|vous}}"),
        ('{{var:prenom:"vous"}}', "{{first_name|vous}}"),
        ("{{${first_name} | default: 'vous'}}", "{{first_name|vous}}"),
        ("{{ Prénom }}", "{{first_name}}"),
        ("{{{unsubscribe}}}", "{{unsubscribe_url}}"),
        ("{{ view_as_page_url }}", ""),
        ("{% unsubscribe 'Partir' %}", '<a href="{{unsubscribe_url}}">Partir</a>'),
        ("{% unsubscribe %}", "{{unsubscribe_url}}"),
        ("<unsubscribe>Partir</unsubscribe>", '<a href="{{unsubscribe_url}}">Partir</a>'),
        ("[firstname,fallback=vous]", "{{first_name|vous}}"),
        ("[UNSUBSCRIBE]", "{{unsubscribe_url}}"),
        ("%FIRSTNAME% %UNSUBSCRIBELINK%", "{{first_name}} {{unsubscribe_url}}"),
        ("{contactfield=firstname|vous}", "{{first_name|vous}}"),
        ("$[FNAME|vous]$", "{{first_name|vous}}"),
        ("<%asm_group_unsubscribe_raw_url%>", "{{unsubscribe_url}}"),
        ("$First Name$", "{{first_name}}"),
        ('[[FIRSTNAME OR "vous"]]', "{{first_name|vous}}"),
        ("{% if contact.FIRSTNAME %}Cher {{contact.FIRSTNAME}}{% else %}Bonjour{% endif %}", "Cher {{first_name}}"),
        ("*|IF:FNAME|*a{% if x > 1 %}b{% endif %}*|ELSE:|*c*|END:IF|*", "a{% if x > 1 %}b{% endif %}"),
        ("de 5$ à 10$ [1] p{color:red} 100%", "de 5$ à 10$ [1] p{color:red} 100%"),
        ("*|EMAIL|* {{first_name}} %%41%% 100 %", "*|EMAIL|* {{first_name}} %%41%% 100 %"),
    ],
)
def test_tags_of_other_mailers_become_ours_or_stay_to_be_named(foreign: str, ours: str) -> None:
    assert understand(foreign)[0] == ours


@pytest.mark.parametrize(
    "tag",
    ["{% if x > 1 %}", "<%= order.total %>", "${profile.age}", "{$company_id}", "$[UD:ORDER]$", "%CUSTOMFIELD%",
     "%%=v(@name)=%%", "{contactfield=age}", "[[data:age]]"],
)  # fmt: skip
def test_what_no_tag_of_ours_means_is_named(tag: str) -> None:
    assert check_creative(f"<p>Bonjour {tag}</p>").unknown_tags == (tag,)
    link = check_creative(f'<p>Bonjour</p><a href="https://a.test/?x={tag.replace(" ", "")}">x</a>')
    assert "holds a merge tag" in link.errors[0]
    assert link.urls == ()


def test_an_address_may_not_be_merged() -> None:
    report = check_creative("<p>x *|EMAIL|*</p>")
    assert report.unknown_tags == ("*|EMAIL|*",)


def test_each_advertiser_has_its_tags() -> None:
    report = check_creative("<p>{{first_name}} {{city}}</p>", extras=Extras(tags=("first_name",)))
    assert report.unknown_tags == ("city",)
    assert "Those that may be used: first_name." in report.errors[0]


@pytest.mark.parametrize(
    ("url", "with_it"),
    [
        ("https://a.test", "https://a.test?utm_source=c"),
        ("https://a.test/?x=1&copy=2", "https://a.test/?x=1&copy=2&utm_source=c"),
        ("https://a.test/?", "https://a.test/?utm_source=c"),
        ("https://a.test/p#top?x", "https://a.test/p?utm_source=c#top?x"),
        ("https://a.test/?utm_source=own&z=%20é", "https://a.test/?utm_source=own&z=%20é"),
    ],
)
def test_parameters_are_added_and_nothing_else_changes(url: str, with_it: str) -> None:
    assert with_parameters(url, {"utm_source": "c"}) == with_it


@given(st.text(alphabet="abc&=?#%;/+é ", max_size=30), st.text(min_size=1, max_size=12))
def test_whatever_a_link_holds_stays_in_its_order(rest: str, value: str) -> None:
    url = f"https://a.test/{rest}"
    result = with_parameters(url, {"utm_term": value})
    address, _, fragment = url.partition("#")
    assert result.startswith(address)
    assert result.partition("#")[2] == fragment
    assert with_parameters(result, {"utm_term": value}) == result


@pytest.mark.parametrize(
    "utm", [{"1x": "a"}, {"utm source": "a"}, {"utm_source": "{{city}}"}, {"utm_source": "a" * 121}]
)
def test_odd_parameters_are_refused_by_name(utm: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_parameters(utm)
    assert next(iter(utm)) in refusal.value.sentence


def test_the_own_text_part_follows_the_links_and_carries_the_legal_lines() -> None:
    text = "Voyez https://a.test/?x=1, (https://b.test/Paris_(France)) ou https://a.test/?x=1."
    report = check_creative(
        '<p>x <a href="https://a.test/?x=1">a</a></p>', extras=Extras(own_plain=text, utm={"utm_source": "c"})
    )
    assert report.urls == ("https://a.test/?x=1&utm_source=c", "https://b.test/Paris_(France)?utm_source=c")
    assert report.plain.startswith("Voyez {{link:1}}, ({{link:2}}) ou {{link:1}}.\n")
    for slot in ("{{owner_name}}", "{{advertiser_identity}}", "{{unsubscribe_url}}", "{{partners_url}}"):
        assert slot in report.plain


def test_a_merge_tag_in_a_link_of_the_text_part_is_refused() -> None:
    report = check_creative("<p>x</p>", extras=Extras(own_plain="https://a.test/?e={{first_name}}"))
    assert any("merge tag" in error for error in report.errors)


def test_the_preheader_is_hidden_at_the_start_and_escaped() -> None:
    report = check_creative("<html><body class=a><p>x</p></body></html>", extras=Extras(preheader="5 < 6 & {{city}}"))
    body = report.html.index("<body")
    assert report.html.index("5 &lt; 6 &amp; {{city}}") < report.html.index("<p")
    assert "display:none" in report.html[body : report.html.index("5 &lt;")]
    assert "5 < 6" not in report.plain


PICTURES = (
    f'<img src="{URL.replace("&", "&amp;")}" alt="un sac">',
    f'<table><tr><td background="{URL.replace("&", "&amp;")}">x</td></tr></table>',
    f"<div style=\"background: url('{URL.replace('&', '&amp;')}')\">x</div>",
    f"<style>@media (max-width: 9px) {{ .a {{ background-image: url({URL}) }} }}</style>",
)


@pytest.mark.parametrize("html", PICTURES)
def test_remote_images_are_served_by_us_wherever_they_stand(html: str) -> None:
    before = check_creative(f"<html><head></head><body><p>mot</p>{html}</body></html>")
    assert before.pictures == (URL,)
    assert "img.test" not in before.html
    after = check_creative(
        f"<html><head></head><body><p>mot</p>{html}</body></html>", extras=Extras(images={URL: NAME})
    )
    assert f"{{{{image:{NAME}}}}}" in after.html
    sent = fill_image_slots(after.html, "https://c.test")
    assert f"https://c.test/i/{NAME}" in sent
    assert "img.test" not in sent


def test_the_words_of_a_served_image_are_in_the_text_part() -> None:
    assert "un sac" in check_creative(f"<p>x</p>{PICTURES[0]}", extras=Extras(images={URL: NAME})).plain


def test_a_merge_tag_in_an_images_address_is_refused() -> None:
    report = check_creative('<p>x</p><img src="https://i.test/{{first_name}}.png">')
    assert any("address of an image" in error for error in report.errors)


def test_no_css_makes_a_slot_of_its_own() -> None:
    for css in ("content:'{{first_name}}'", "content:'\\7b\\7b first_name}}'", "background:url({{image:x}})"):
        assert "{{" not in clean_css(css)[0]
