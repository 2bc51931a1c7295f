"""Small parts of the pages that need no database: forms read as a stream, amounts typed by people, safe targets."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import InvalidInput
from web.bases import read_partners
from web.http import display, language
from web.http.form_stream import read_form_stream
from web.http.forms import cents_of, day_of, whole_of
from web.http.words import TABLES, TONES

BOUNDARY = "----form-boundary-7d3"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def body(content: bytes, *fields: tuple[str, str], name: str = "people.csv") -> bytes:
    """A form as a browser sends it, the file last."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(f"{head}Content-Type: text/csv\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Slow(io.BytesIO):
    """A stream that gives a few bytes at a time, as a network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size if size and size > 0 else 7, 7))


@given(st.binary(max_size=3000))
def test_a_file_arrives_byte_by_byte_as_it_was(content: bytes) -> None:
    form = read_form_stream(KIND, Slow(body(content, ("csrf_token", "t"), ("kind", "contacts"))))
    assert form.fields == {"csrf_token": "t", "kind": "contacts"}
    assert form.file_name == "people.csv"
    assert b"".join(form.chunks) == content


def test_a_file_cut_in_the_middle_is_refused() -> None:
    whole = body(b"a" * 5000, ("kind", "contacts"))
    form = read_form_stream(KIND, io.BytesIO(whole[:3000]))
    with pytest.raises(InvalidInput, match="Send the file again"):
        b"".join(form.chunks)


@pytest.mark.parametrize("kind", ["", "text/csv", "multipart/form-data", "application/x-www-form-urlencoded"])
def test_another_shape_than_a_form_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput):
        read_form_stream(kind, io.BytesIO(b"email\n"))


def test_a_form_without_a_chosen_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Choose a file"):
        read_form_stream(KIND, io.BytesIO(body(b"", ("kind", "contacts"), name="")))


def test_a_field_cannot_fill_the_memory() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        read_form_stream(KIND, io.BytesIO(body(b"x", ("kind", "k" * 200_000))))


@pytest.mark.parametrize(
    ("typed", "cents"), [("25", 2500), ("25.5", 2550), ("25,50", 2550), ("1 250,00 €", 125_000), ("0", 0)]
)
def test_amounts_as_people_type_them(typed: str, cents: int) -> None:
    assert cents_of(typed, "cpm") == cents


@pytest.mark.parametrize("typed", ["", "-1", "1e9", "12.345", "NaN", "١٢", "abc", "1.2.3"])
def test_what_is_no_amount_is_refused_with_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cents_of(typed, "cpm")
    assert refusal.value.field == "cpm"


@given(st.text(max_size=12))
def test_whole_numbers_are_read_or_refused_never_anything_else(typed: str) -> None:
    try:
        number = whole_of(typed, "volume")
    except InvalidInput:
        return
    assert 0 <= number < 2**31


def test_days() -> None:
    assert day_of("2026-11-21", "send_on") == date(2026, 11, 21)
    assert day_of("", "send_on") is None
    with pytest.raises(InvalidInput):
        day_of("21/11/2026", "send_on")


def test_partners_are_read_a_line_each() -> None:
    found = read_partners("Manteaux; org_1; fashion\n\n  Fleurs \n")
    assert [(one.name, one.advertiser, one.sector) for one in found] == [
        ("Manteaux", "org_1", "fashion"),
        ("Fleurs", None, None),
    ]


def test_every_toned_state_has_a_word() -> None:
    assert set(TONES) - {code for table in TABLES for code in table} == set()


def test_a_template_compiled_in_one_language_speaks_the_other_as_well() -> None:
    app = Flask("web")
    language.install(app)
    display.install(app)
    template = app.jinja_env.from_string(
        """{{ "b2c" | word }}, {{ 1234 | cents }}{% if "b2c" | word == "x" %}!{% endif %}"""
    )
    wanted = {"en": "consumers (B2C), €12.34", "fr": "particuliers (B2C), 12,34\u00a0€"}
    for name in language.LANGUAGES:
        with app.test_request_context(f"/?lang={name}"):
            assert template.render() == wanted[name]


def test_figures_in_both_languages() -> None:
    app = Flask(__name__)
    language.install(app)
    wanted = {"en": ("€1,234.50", "€0.0266"), "fr": ("1\u202f234,50\u00a0€", "0,0266\u00a0€")}
    for name in language.LANGUAGES:
        with app.test_request_context(f"/?lang={name}"):
            assert (display.cents(123_450), display.micros(26_600)) == wanted[name]


def test_what_is_not_everything_never_reads_as_a_hundred_per_cent() -> None:
    app = Flask(__name__)
    language.install(app)
    with app.test_request_context("/?lang=en"):
        shown = [display.percent(part, 100_000) for part in (9_000, 50_000, 99_400, 99_700, 99_999, 100_000)]
    assert shown == ["9.0%", "50%", "99%", "99.7%", "99.9%", "100%"]


def test_a_page_says_what_was_refused_once() -> None:
    """`page.html` shows it; a page that shows it elsewhere says so."""
    for template in (Path(display.__file__).parents[1] / "templates").rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        if text.startswith('{% extends "page.html" %}') and "refusal_note(refusal)" in text:
            assert "own_refusal" in text or "{% elif" in text, template
