"""Creatives: hand-written newsletters, as broken as real ones."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.mailings.clean_css import clean_css
from broker.mailings.creative_check import check_creative
from broker.mailings.decode_html import decode_html
from broker.mailings.slots import link_slot
from broker.operate.cli import cli

AROUND = "<html><body><p>Texte</p>{}</body></html>"


def links_of(html: str) -> tuple[str, ...]:
    return check_creative(AROUND.format(html)).urls


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ('"https://a.test/?x=1&copy=2&amp;reg=3"', "https://a.test/?x=1&copy=2&reg=3"),
        ("https://a.test/sans-guillemets", "https://a.test/sans-guillemets"),
        ("'https://a.test/\"q\"'", 'https://a.test/"q"'),
        ('"  https://a.test/espaces \n"', "https://a.test/espaces"),
        ('"https://a.test/cou\npé"', "https://a.test/coupé"),
        ('"HTTPS://A.test/Casse#Ancre"', "HTTPS://A.test/Casse#Ancre"),
        ('"//a.test/x"', "//a.test/x"),
        ('"https://a.test/%7Bx%7D?u=a%26b+c"', "https://a.test/%7Bx%7D?u=a%26b+c"),
        ('"https://a.test/&eacute;t&eacute;&nbsp;"', "https://a.test/été\u00a0"),
        ('"https://a.test/?a=&lt;b&gt;"', "https://a.test/?a=<b>"),
    ],
)
def test_a_link_comes_back_as_exactly_its_url(written: str, url: str) -> None:
    assert links_of(f"<a href={written}>lien</a>") == (url,)


def test_links_survive_broken_html_in_order() -> None:
    broken = (
        "<table><a href=https://a.test/1>un<a href=https://a.test/2>deux<tr><td><b><a href='https://a.test/3'>trois"
        "<noscript><a href='https://a.test/4?a=1&copy=2'>quatre</a></noscript></table></p></div>"
        '<!-- <a href=https://a.test/comment> --><a/href=https://a.test/5 =x y"z>cinq<map><area href=https://a.test/6>'
    )
    assert set(links_of(broken)) == {f"https://a.test/{n}" for n in (1, 2, 3, 5, 6)} | {"https://a.test/4?a=1&copy=2"}


def test_each_link_has_its_slot_in_both_parts() -> None:
    report = check_creative(AROUND.format('<a href="https://a.test">un</a> <a href="https://b.test">deux</a>'))
    assert (report.links, report.rewritten) == (2, 2)
    for part in (report.html, report.plain):
        assert part.index("{{link:1}}") < part.index("{{link:2}}")
    assert "a.test" not in report.html
    assert "{{link:0}}" in report.html
    assert "{{link:0}}" not in report.plain


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ("<script>alert(1)</script>", "script"),
        ("<SCRIPT SRC=//x.test/a.js></SCRIPT>", "script"),
        ("<iframe><iframe></iframe>", "iframe"),
        ("<form action=https://x.test><input name=a></form>", "form"),
        ("<object data=x></object>", "object"),
        ("<embed src=x>", "embed"),
        ("<base href=https://x.test>", "base"),
        ("<svg onload=alert(1)><a xlink:href='javascript:x'>x</a></svg>", "svg"),
        ("<p onclick='x()'>a</p>", "onclick"),
        ("<img src=https://x.test/pixel.gif alt='Un sac'>", "img"),
        ("<td background=https://x.test/a.gif>", "background"),
        ("<link rel=stylesheet href=https://x.test/a.css>", "link"),
        ("<meta http-equiv=refresh content='0;url=https://x.test'>", "meta"),
        ("<a href='java&#10;script:alert(1)'>x</a>", "javascript: link"),
        ("<a href='data:text/html,x'>x</a>", "data: link"),
        ('<p style="background:u\\72l(https://x.test/a)">x</p>', "css url()"),
        ("<style>@import 'https://x.test/a.css'; p{color:red}</style>", "css url()"),
        ("<!--[if mso]><script src='https://x.test'></script><![endif]-->", "conditional comment"),
    ],
)
def test_what_runs_asks_or_loads_is_removed_and_reported(html: str, name: str) -> None:
    table = f"<table><tr>{html}</tr></table>" if html.startswith("<td") else html
    report = check_creative(AROUND.format(f"avant {table} après"))
    assert report.removed.get(name, 0) >= 1
    assert "x.test" not in report.html
    assert "alert" not in report.html
    assert "après" in report.plain


def test_a_picture_leaves_its_words() -> None:
    report = check_creative(AROUND.format('<a href="https://a.test"><img src="//x.test/i.png" alt="Voir <ici>"></a>'))
    assert "Voir &lt;ici&gt;</a>" in report.html


def test_styles_are_inlined_and_media_queries_kept() -> None:
    css = "<style>p{color:#c00}@media (max-width:600px){p{color:#00c}}</style>"
    report = check_creative(f"<html><head>{css}</head><body><p>x</p></body></html>")
    assert 'style="color: #c00;"' in report.html
    assert "@media (max-width:600px)" in report.html


@pytest.mark.parametrize(
    "css", ["url(//x.test)", "u\\000072 l(//x.test)", "\\75rl( 'https://x.test' )", "url(https://x.test"]
)
def test_no_css_calls_home(css: str) -> None:
    cleaned, removed = clean_css(f"background: {css}")
    assert "x.test" not in cleaned
    assert removed


def test_an_inline_picture_in_css_stays() -> None:
    assert "data:image/png" in clean_css("background:url(data:image/png;base64,AAAA)")[0]


def test_merge_tags_are_declared_and_never_in_a_url() -> None:
    report = check_creative(
        AROUND.format(
            "{{first_name|ami}} {{ birthday }} *|FNAME|* *|IF:VIP|*"
            ' <a href="https://a.test/?e={{first_name}}">a</a><a href="https://a.test/?e=%7B%7Bcity%7D%7D">b</a>'
            ' <a href="*|UNSUB|*">partir</a>'
        )
    )
    assert report.unknown_tags == ("birthday", "*|IF:VIP|*")
    assert report.html.count("{{first_name") == 2
    assert "{{unsubscribe_url}}" in report.html
    assert sum("holds a merge tag" in error for error in report.errors) == 2
    assert (report.links, report.rewritten) == (2, 0)


def test_missing_legal_lines_are_named_and_added_in_the_language() -> None:
    french = check_creative(AROUND.format(""))
    assert french.missing == ("source_line", "advertiser", "opt_out", "partner_list")
    for slot in ("{{owner_name}}", "{{advertiser_identity}}", "{{unsubscribe_url}}", "{{partners_url}}"):
        assert slot in french.html
        assert slot in french.plain
    assert "Vous recevez ce message car vous avez donné votre adresse à" in french.html
    assert "You receive this message" in check_creative(AROUND.format(""), "en").html
    own = '<p>De {{owner_name}} pour {{advertiser_identity}} <a href="{{unsubscribe_url}}">x</a></p>'
    assert check_creative(AROUND.format(own)).missing == ("partner_list",)


def test_heavy_and_loud_creatives_are_warned_about() -> None:
    report = check_creative(
        AROUND.format("GROSSES PROMOTIONS PARTOUT MAINTENANT " + "mot " * 40_000), "fr", "Gagnez !!!"
    )
    assert len(report.warnings) >= 4


SOUP = """<a href='https://a.test/?x=1&y'>|</a>|<script>|</script>|<style>|</style>|<!--|-->|<table>|<tr>|<td>|</table>
<iframe>|<xmp>|<svg>|<math>|<title>|<textarea>|<|&|"|'|>|<img src=x onerror=alert(1)>|<noscript>|</noscript>|<select>
é|{{|]]>|<p onclick=alert(1) style='background:url(//x.test)'>|<![CDATA[|<template>|</p>|<plaintext>
</title>|<body onload=x>"""


class Seen(HTMLParser):
    """What an independent parser sees of the result."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.targets: set[str | None] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets |= {value for name, value in attrs if name in ("href", "src", "action")}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SOUP.replace("\n", "|").split("|")), max_size=14))
def test_no_soup_of_tags_lets_anything_through(pieces: list[str]) -> None:
    html = check_creative("".join(pieces)).html
    seen = Seen(html)
    assert not seen.tags & {"script", "iframe", "svg", "math", "form", "select", "template", "xmp", "img", "textarea"}
    assert not [name for name in seen.attributes if name.startswith("on")]
    slots = {link_slot(number) for number in range(15)}
    assert seen.targets <= slots | {"{{unsubscribe_url}}", "{{partners_url}}"}
    assert not re.search(r"style=\"[^\"]*x\.test", html)


def test_files_are_decoded_as_they_say() -> None:
    assert decode_html("é".encode("cp1252")) == "é"
    assert decode_html("﻿é".encode()) == "é"
    assert decode_html(b"<meta charset=iso-8859-15>\xa4") == "<meta charset=iso-8859-15>€"
    utf8 = b"<meta charset=utf-8>"
    assert decode_html(utf8 + "été ’œuvre’ €".encode("cp1252")).endswith("été ’œuvre’ €")
    assert decode_html(utf8 + "été ".encode() + "à".encode("cp1252")).endswith("été à")  # both in one file
    assert decode_html(b"<meta charset=iso-8859-1>\x93x\x94").endswith("“x”")
    assert decode_html(b"<meta charset=shift_jis>" + "日本".encode("cp932")).endswith("日本")
    assert decode_html(b"<meta charset=no-such-set>\xe9\x81").endswith("é\x81")
    assert decode_html("<p>é</p>".encode("utf-16-le")) == "<p>é</p>"


def test_the_command_reports_and_writes_the_composed_html(tmp_path: Path) -> None:
    source, out = tmp_path / "n.html", tmp_path / "o.html"
    source.write_text(AROUND.format('<a href="https://a.test/1">un</a>'), encoding="utf-8")
    result = CliRunner().invoke(cli, ["creative", "check", str(source), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    assert '"links": 1, "rewritten": 1, "urls": ["https://a.test/1"]' in result.output
    written = out.read_text(encoding="utf-8")
    assert "https://a.test/1" not in written
    assert "/c/preview-1" in written
