"""Files as advertisers send them: odd character sets, AMP parts, tags that keep a parser busy for minutes."""

from __future__ import annotations

import pytest

from broker.mailings.clean_html import MOST_ATTRIBUTES, clean_html
from broker.mailings.creative_check import check_creative
from broker.mailings.crowded_tags import crowded
from broker.mailings.decode_html import decode_html

TEXT = "<html><head><meta charset=%s></head><body><p>Été à 5 € – “œuvre” Ÿ</p></body></html>"
HOME = "http://home.evil.test/o.gif"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("before", ["", "\r\n ", "<!-- newsletter -->"])
def test_wide_files_are_read_with_and_without_a_mark(codec: str, before: str) -> None:
    if codec == "utf-32":
        assert decode_html((before + TEXT).encode(codec)) == before + TEXT
        return
    assert decode_html((before + TEXT).encode(codec)) == before + TEXT
    marked = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[codec] + (before + TEXT).encode(codec)
    assert decode_html(marked) == before + TEXT


@pytest.mark.parametrize(
    "declared",
    [
        "idna",
        "undefined",
        "punycode",
        "unicode_escape",
        "raw-unicode-escape",
        "utf-7",
        "rot13",
        "zip",
        "utf-16",
        "utf-32",
        "windows-1252",
        "utf-8",
        "none_such",
    ],
)
def test_what_a_file_says_of_itself_never_spoils_it(declared: str) -> None:
    said = TEXT % declared
    assert decode_html(said.encode("cp1252")) == said
    assert decode_html(said.encode()) == said


@pytest.mark.parametrize(
    "declared", ["macintosh", "iso-8859-15", "windows-1250", "koi8-r", "shift_jis", "big5", "euc-kr"]
)
def test_other_sets_that_documents_have_are_read_by_their_names(declared: str) -> None:
    text = {"koi8-r": "Привет", "shift_jis": "東京", "big5": "東京", "euc-kr": "한국"}.get(declared, "Été ü")
    said = f"<meta charset={declared}><p>{text}"
    assert decode_html(said.encode("mac_roman" if declared == "macintosh" else declared, "replace")) == said


def many(count: int, separator: str = " ") -> str:
    return separator.join(f"x{number}" for number in range(count))


@pytest.mark.parametrize(
    "source",
    [
        f"<a {many(100_000)}>x</a>",
        f"<a/{many(100_000, '/')}>x</a>",
        f"<p title='>' {many(MOST_ATTRIBUTES)}>x",
        "".join(f"<html {one}>" for one in many(30_000).split()),
        "<body>" + "".join(f"<body {one}>" for one in many(30_000).split()),
        f"<svg><style><p {many(100_000)}></style></svg>",
        f'<style>a="</style><p {many(100_000)} b=">',
        f"<!--><p {many(100_000)}>-->",
    ],
)
def test_an_element_of_thousands_of_attributes_is_refused_before_it_is_parsed(source: str) -> None:
    assert crowded(source, MOST_ATTRIBUTES)
    assert "attributes" in clean_html(source).errors[0]


@pytest.mark.parametrize(
    "source",
    [
        "<p a=1 b='2' c>x</p>" * 5_000,
        f'<p title="{many(5_000)}">x</p>',
        f"<p title='{many(5_000)}'>x</p>",
        f"<!-- {many(5_000)} <p {many(5_000)}> --><p>x</p>",
        f"<script>if (a<b && {many(5_000)}</script><p>x</p>",
        f"x < y {many(5_000)}",
        "<p " + " " * 100_000 + ">x</p>",
        "<script>" * 50_000,
    ],
)
def test_long_texts_and_many_elements_are_no_crowd(source: str) -> None:
    assert not crowded(source, MOST_ATTRIBUTES)


def test_an_amp_message_is_seen_and_keeps_its_pictures_by_us() -> None:
    source = (
        "<!doctype html><html ⚡4email><head><script async src=https://cdn.ampproject.org/v0.js></script>"
        "<style amp4email-boilerplate>body{visibility:hidden}</style>"
        "<style amp-boilerplate>body{-webkit-animation:-amp-start 8s steps(1,end) 0s 1 normal both}</style>"
        f"<style amp-custom>h1{{color:red;background:url({HOME})}}</style></head><body><h1>Soldes</h1>"
        f"<amp-img src='https://a.test/i.png' alt='Une robe' width=300 height=200></amp-img>"
        f"<amp-img src='{HOME}' alt='Rien' width=300 height=200></amp-img>"
        f"<amp-form action-xhr={HOME}></amp-form><amp-list src={HOME}></amp-list>"
        "<a href='https://a.test/?x=1'>Voir</a></body></html>"
    )
    cleaned = clean_html(source, {"https://a.test/i.png": "abc.png"})
    assert "hidden" not in cleaned.html
    assert "amp" not in cleaned.html
    assert "evil" not in cleaned.html
    assert '<img src="{{image:abc.png}}" alt="Une robe" width="300" height="200">' in cleaned.html
    assert "Rien" in cleaned.html
    assert "color: red" in cleaned.html
    assert cleaned.urls == ["https://a.test/?x=1"]
    assert set(cleaned.pictures) == {"https://a.test/i.png", HOME}


@pytest.mark.parametrize(
    "begins", [b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\xd0\xcf\x11\xe0", b"%PDF-1.7\n", b"\x1f\x8b"]
)
def test_a_document_or_a_picture_is_no_message(begins: bytes) -> None:
    raw = begins + b"<p>" + bytes(number * 7919 % 251 for number in range(20_000))
    assert any("another kind of file" in error for error in check_creative(decode_html(raw)).errors)


def test_a_stray_control_character_spoils_no_message() -> None:
    assert not check_creative("<p>Bonjour\x0b \x1c" + "la saison \x02" * 3 + "est l\u00e0 " * 80 + "\ufffd</p>").errors
