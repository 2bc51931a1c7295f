"""Real newsletters keep their layout: what Outlook reads, document types, media queries, spacers. Odd files pass."""

from __future__ import annotations

import re
import sys
from subprocess import run

import pytest

from broker.mailings.clean_css import clean_css
from broker.mailings.clean_html import clean_html
from broker.mailings.creative_check import Extras, check_creative

NAME = "0" * 32 + ".png"
FILL = "https://img.test/fond.png"


def page(body: str, head: str = "", kind: str = "<!DOCTYPE html>") -> str:
    return f"{kind}<html><head>{head}</head><body><p>Bonjour à tous</p>{body}</body></html>"


BUTTON = f"""<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml"
 xmlns:w='urn:schemas-microsoft-com:office:word' href="https://shop.test/?a=1&amp;b=2"
 style="height:40px;v-text-anchor:middle;width:200px;"
 arcsize="10%" stroke=f>
 <v:fill type="tile" src="{FILL}" color="#c00" /><w:anchorlock/><center style='color:#fff'>Voir > tout</center>
 </v:roundrect><![endif]--><!--[if !mso]><!-- --><a href="https://shop.test/?a=1&amp;b=2">Voir</a><!--<![endif]-->"""


def test_what_outlook_draws_stays_with_its_link_and_our_picture() -> None:
    report = check_creative(page(BUTTON), extras=Extras(images={FILL: NAME}))
    assert report.urls == ("https://shop.test/?a=1&b=2",)  # both halves of a button are one link
    assert report.html.count("{{link:1}}") == 2
    assert f'<v:fill type="tile" src="{{{{image:{NAME}}}}}" color="#c00"/>' in report.html
    assert '<v:roundrect xmlns:v="urn:schemas-microsoft-com:vml"' in report.html
    assert "<w:anchorlock/>" in report.html
    assert "Voir &gt; tout" in report.html
    assert '<!--[if !mso]><!--><a href="{{link:1}}">Voir</a><!--<![endif]-->' in report.html
    assert report.removed == {}
    assert "{{link:1}}" in report.plain


def test_tables_for_outlook_stay_open_and_closed_as_they_were() -> None:
    left = '<!--[if (gte mso 9)|(IE)]><table width="600"><tr><td width="300" valign="top"><![endif]-->'
    right = "<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->"
    html = check_creative(page(f"{left}<div>Un</div>{right}")).html
    assert f"{left}<div>Un</div>{right}" in html


def test_outlooks_settings_keep_their_capitals() -> None:
    head = (
        "<!--[if gte mso 9]><xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch>"
        "</o:OfficeDocumentSettings></xml><![endif]-->"
    )
    assert head in check_creative(page("", head)).html


@pytest.mark.parametrize(
    "inside",
    [
        '<img src="https://home.test/o.gif">',
        '<v:fill src="https://home.test/o.gif"/>',
        '<v:image src="https://home.test/o.gif"></v:image>',
        "<style>p{background:url(https://home.test/o.gif)}</style>",
        '<link rel="stylesheet" href="https://home.test/x.css">',
        "<script>alert(1)</script>",
        "<td onclick='alert(1)'>x</td>",
        "<iframe src='https://home.test'></iframe>",
        "--<b></b>><img src=x onerror=alert(1)>",
        "<style>a{} --></style><img src=x onerror=alert(1)>",
        "<td title='--><script>alert(1)</script>'>x</td>",
        "<td background=https://home.test/o.gif>x</td>",
        "<v:rect href='javascript:alert(1)'></v:rect>",
        "<base href='https://home.test/'><meta http-equiv=refresh content='0;url=https://home.test'>",
    ],
)
def test_a_conditional_comment_is_no_way_around_the_rules(inside: str) -> None:
    html = check_creative(page(f"<!--[if mso]>{inside}<![endif]-->après")).html
    for gone in ("home.test", "alert", "onclick", "onerror", "<script", "javascript:"):
        assert gone not in html
    assert html.count("<!--") == html.count("-->")


def test_a_style_sheet_cannot_end_its_element() -> None:
    # Taking a part out must not make another of what stood on both sides.
    for css in ("<<!--/style><img src=x onerror=alert(1)>", "<</style/**//style>x", "a{}-<!---->->"):
        html = check_creative(page("", f"<style>@media screen{{p{{color:red}}}} u + .x{{a:b}} {css}</style>")).html
        assert "onerror" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
        cleaned = clean_css(css)[0]
        assert "</" not in cleaned
        assert "-->" not in cleaned


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<!doctype html>", "<!DOCTYPE html>"),
        (
            '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"\n "http://www.w3.org/TR/xhtml1/x.dtd">',
            '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
            ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        ),
        ('<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">', ""),  # read as if there were none
        ('<!DOCTYPE html PUBLIC "-//IETF//DTD HTML 2.0//EN">', ""),
        ("", ""),
    ],
)
def test_the_document_type_is_the_authors(written: str, kept: str) -> None:
    assert check_creative(page("", kind=written)).html.startswith(f"{kept}<html>")


def test_a_sheet_for_phones_stays_one() -> None:
    head = '<style media="only screen and (max-width:480px)">.c{display:none}</style>'
    head += "<style media=screen>p{color:#c00}</style>"
    html = check_creative(page('<p class="c">x</p>', head)).html
    assert "@media only screen and (max-width:480px){.c{display:none !important}}" in html
    assert 'class="c" style="color: #c00;"' in html


def test_media_queries_win_where_they_won_and_lose_where_they_lost() -> None:
    head = """<style>.a{width:600px} .b{width:600px !important}
    @media (max-width:480px){.a{width:100%} .b{width:100% !important} .own{width:90%}}</style>"""
    body = '<table class="a"></table><table class="b"></table><table class="own" style="width:500px"></table>'
    html = check_creative(page(body, head)).html
    assert ".a{width:100% !important}" in html  # a style attribute would beat it now
    assert ".own{width:90%}" in html  # the author's own style attribute did beat it
    assert 'class="b" style="width: 600px"' in html


def test_what_reaches_one_programme_stays_and_what_means_nothing_goes() -> None:
    head = "<style>a:hover{color:red} #outlook a{padding:0} [data-ogsc] p{color:#fff} .nowhere{color:blue}</style>"
    html = check_creative(page('<a href="https://a.test">x</a>', head)).html
    for kept in ("a:hover{color:red !important}", "#outlook a{", "[data-ogsc] p{"):
        assert kept in html
    assert ".nowhere" not in html


def test_hacks_for_old_programmes_keep_their_meaning() -> None:
    assert clean_css("width:99%\\9;*zoom:1")[0] == "width:99%\\9;*zoom:1"
    assert clean_css(".sm\\:w-1\\/2{width:50%}")[0] == ".sm\\:w-1\\/2{width:50%}"
    assert clean_css("v\\:*{behavior:url(#default#VML);}")[0] == "v\\:*{behavior:url(#default#VML);}"
    assert "behavior" not in clean_css("p{behavior:url(#default#time2)}")[0]
    assert clean_css("background:url(data:image/png;base64,ab//cd==)") == (
        "background:url(data:image/png;base64,ab//cd==)",
        0,
    )


def test_spacers_hold_the_layout_open_and_tell_nobody() -> None:
    body = (
        '<img src="https://x.test/p.gif?id=1" width="1" height="1">'
        '<img src="https://x.test/s.gif" width="20" height="40" alt="">'
        '<img src="https://x.test/photo.png" width="20" alt="Photo">'
    )
    report = check_creative(page(body))
    assert "x.test" not in report.html
    assert report.html.count('src="data:image/gif') == 2
    assert "Photo" in report.html
    assert report.removed["tracking pixel"] == 1
    assert "https://x.test/p.gif?id=1" not in report.pictures  # nobody asks for it
    assert any("they tell who opens" in line for line in report.warnings)


def test_links_of_a_document_with_a_base_are_made_whole() -> None:
    report = check_creative(
        page(
            '<a href="soldes?a=1#x">1</a><a href="/y">2</a><a href="//cdn.test/z">3</a><a href="#ici">4</a>'
            '<a HREF="HTTPS://SHOP.test/A">5</a><img src="i/a.png" alt="a">',
            '<base href="https://shop.test/news/"><base href="https://evil.test/">',
        )
    )
    assert report.urls == (
        "https://shop.test/news/soldes?a=1#x",
        "https://shop.test/y",
        "//cdn.test/z",
        "HTTPS://SHOP.test/A",
    )
    assert report.pictures == ("https://shop.test/news/i/a.png",)
    assert 'href="#ici"' in report.html
    assert report.errors == ()


def test_a_video_leaves_its_fallback_or_its_still() -> None:
    images = Extras(images={FILL: NAME})
    still = check_creative(
        page(f'<video poster="{FILL}" width="300"><source src="https://x.test/a.mp4"></video>'), extras=images
    )
    assert f'<img src="{{{{image:{NAME}}}}}" width="300"' in still.html
    inside = f'<a href="https://a.test"><img src="{FILL}" alt="Film"></a>'
    body = f'<video poster="{FILL}" src="https://x.test/a.mp4">{inside}</video>'
    fallback = check_creative(page(body), extras=images)
    assert fallback.html.count("{{image:") == 1
    assert fallback.urls == ("https://a.test",)
    assert "x.test" not in still.html + fallback.html


def test_pictures_that_no_address_leads_to_are_explained() -> None:
    report = check_creative(page('<img src="cid:logo" alt="Logo"><img src="a.png"><img src="data:image/svg+xml,x">'))
    said = " ".join(report.warnings)
    for word in ("cid:", "no full address", "SVG"):
        assert word in said


def test_legal_lines_that_nobody_sees_are_added_again() -> None:
    hidden = [
        '<p style="display:none">{{owner_name}}</p>',
        '<div style="max-height:0;overflow:hidden"><p>{{owner_name}}</p></div>',
        "<!--[if mso]><p>{{owner_name}}</p><![endif]-->",
        '<p title="{{owner_name}}">x</p>',
        '<p style="opacity:0">{{owner_name}}</p>',
    ]
    for body in hidden:
        assert "source_line" in check_creative(page(body)).missing
    assert "opt_out" in check_creative(page('<a href="{{unsubscribe_url}}"></a>')).missing
    assert "opt_out" not in check_creative(page('<a href="{{unsubscribe_url}}">partir</a>')).missing
    assert "source_line" not in check_creative(page("<p>{{owner_name}}</p>")).missing


def test_thousands_of_open_elements_end_no_process() -> None:
    # A stack that overflows is no exception: it would end whoever reads the message. So it is tried in another process.
    code = (
        "from broker.mailings.creative_check import check_creative as c\n"
        "for n, e in ((9_000, '<div>'), (9_000, '<b>'), (2_400, '<table><tr><td>'), (300_000, '<i>')):\n"
        "    print(bool(c('<p>Bonjour</p>' + e * n).errors))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["False", "False", "False", "True"])


@pytest.mark.parametrize("piece", ["p{x:url(", "*|IF:A|*", "{% if a %}", "<!--[if mso]>", "{{a|title ", "@import "])
def test_unclosed_pieces_are_read_once(piece: str) -> None:
    # Reading each to the end again would take minutes; the test then never ends.
    report = check_creative(
        f"<p>Bonjour</p><p style='{piece * 20_000}'>x</p><style>{piece * 20_000}</style>{piece * 20_000}"
    )
    assert report.html


def test_a_document_of_five_thousand_tables_passes() -> None:
    cell = '<td align="center" style="padding:4px">Une ligne de texte</td>'
    row = f'<table width="600" bgcolor="#ffffff"><tr>{cell}</tr></table>'
    report = check_creative(page(row * 5_000))
    assert report.errors == ()
    assert report.html.count('bgcolor="#ffffff"') == 5_000


def test_cleaning_what_is_clean_changes_nothing() -> None:
    once = clean_html(page(BUTTON.replace("https://shop.test/?a=1&amp;b=2", "{{unsubscribe_url}}"))).html
    assert clean_html(once).html.replace('content="text/html; charset=utf-8"', "") == once.replace(
        'content="text/html; charset=utf-8"', ""
    )
