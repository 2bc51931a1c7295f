"""Merge tags from the template to the mail that is sent; what readers see where a picture is not to be had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.delivery.compose import Composer, Envelope
from broker.delivery.sign import dkim_signer
from broker.delivery.template import compile_template
from broker.mailings.creative_check import Extras, check_creative
from broker.mailings.foreign_tags import in_our_tags
from broker.vault.keyring import WorkerKeys, create_keys, load_worker
from tests.unit.test_compose import parsed

FORMS = (
    "{{first_name}}",
    "{{ first_name }}",
    "{{first_name|cher client}}",
    "{{first_name | cher client}}",
    "{{FIRST_NAME|cher client}}",
    "{{first_name|cher <b>client</b>}}",
    "{{<b>first_name</b>|cher client}}",
    "{{{first_name}}}",
    "{{{first_name|cher client}}}",
    "{{{{first_name|cher client}}}}",
    "{{{contact.first_name}}}",
    "{{ contact.FIRSTNAME | default: 'cher client' }}",
    "*|FNAME|*",
    "*|TITLE:FNAME|*",
    "*|IF:FNAME|**|FNAME|**|ELSE:|*cher client*|END:IF|*",
    "%%FIRST_NAME%%",
    '[[data:firstname:"cher client"]]',
    "$[FNAME|cher client]$",
    "[firstname,fallback=cher client]",
    "%FIRSTNAME%",
    "{first_name}",
    "{contactfield=firstname|cher client}",
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> WorkerKeys:
    folder: Path = tmp_path_factory.mktemp("keys")
    create_keys(folder / "k", "mail.courtier.test", "c2026")
    return load_worker(folder / "k")


def mail(keys: WorkerKeys, form: str, person: dict[str, str], own_plain: str = "") -> tuple[str, str, str]:
    """(subject, text part, HTML) of what one person gets."""
    subject = f"Bonjour {form} !"
    report = check_creative(f"<p>Bonjour {form} !</p>", "fr", subject, Extras(own_plain=own_plain))
    assert report.errors == ()
    envelope = Envelope(
        dispatch_id=202611000007, mailing_id=12, mailing_code="mailing_x", base_code="base-a", kind="rental",
        subject=in_our_tags(subject), from_name="Boutique", sending_domain="mail.courtier.test",
        bounce_domain="bounce.courtier.test", public_url="https://courtier.test",
    )  # fmt: skip
    template = compile_template(report.html, report.plain, "https://courtier.test")
    composer = Composer(keys.front, dkim_signer(keys, "mail.courtier.test", "c2026"), envelope, template)
    letter = composer.compose(1, {"email": "martine@exemple.test", **person}, datetime(2026, 11, 21, 10, tzinfo=UTC))
    assert letter is not None
    message = parsed(letter.raw)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(message["Subject"]), plain.get_content(), html.get_content()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_first_name_greets_by_it(keys: WorkerKeys, form: str) -> None:
    subject, plain, html = mail(keys, form, {"first_name": "Martine"}, own_plain=f"Bonjour {form} !")
    assert subject == "Bonjour Martine !"
    assert plain.startswith("Bonjour Martine !")
    assert "<p>Bonjour Martine !</p>" in html


@pytest.mark.parametrize("form", [form for form in FORMS if "client" in form and "IF:" not in form])
def test_every_form_of_a_default_greets_who_has_no_name(keys: WorkerKeys, form: str) -> None:
    subject, plain, html = mail(keys, form, {})
    assert subject == "Bonjour cher client !"
    assert plain.startswith("Bonjour cher client !")
    assert "<p>Bonjour cher client !</p>" in html


@pytest.mark.parametrize("form", ["{{first_name", "{{first_name}", "{{product|{{first_name}}}}", "{{& first_name}}"])
def test_a_tag_that_does_not_close_is_named_and_not_sent_as_it_stands(form: str) -> None:
    for report in (check_creative(f"<p>Bonjour {form} !</p>"), check_creative("<p>Bonjour</p>", subject=form)):
        assert any("merge tags" in error for error in report.errors)


@pytest.mark.parametrize("text", ["{{{text}}}", "{{{ order.total }}}", "a {b} c", "@media x{.a{color:red}}"])
def test_braces_that_are_no_tag_of_ours_stay_as_they_are(text: str) -> None:
    assert in_our_tags(text) == text


def absent(picture: str) -> str:
    return check_creative(f"<p>Bonjour {picture}</p>").html.partition("Bonjour ")[2].partition("</p>")[0]


def test_words_of_an_absent_picture_keep_the_letters_that_were_chosen_for_them() -> None:
    style = "display:block;width:300px;color:#c7b;font-size:24px;font-family:Arial;border:0"
    assert absent(f'<img src="https://img.test/a.png" alt="Été &lt;3" style="{style}">') == (
        '<span style="color:#c7b;font-size:24px;font-family:Arial">Été &lt;3</span>'
    )
    assert absent('<img src="https://img.test/a.png" alt="Soldes" style="display:block">') == "Soldes"
    assert absent('<img src="https://img.test/a.png" alt="Soldes">') == "Soldes"


@pytest.mark.parametrize(
    "said", ['width="310"', 'width="310" style="height:auto"', 'height="auto" width="64" style="width:100%;"']
)
def test_an_absent_picture_of_unknown_height_does_not_grow_to_a_square(said: str) -> None:
    assert "height:1px !important" in absent(f'<img src="https://img.test/a.png" {said} alt="">')


@pytest.mark.parametrize("said", ['width="9" height="20"', 'width="9" style="height: 20px"'])
def test_an_absent_picture_holds_the_height_that_its_author_said(said: str) -> None:
    assert "1px" not in absent(f'<img src="https://img.test/a.png" {said} alt="">')
