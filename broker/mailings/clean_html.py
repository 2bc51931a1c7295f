"""An author's HTML made safe to send: what may stay is listed, links become numbered slots, CSS is inlined.

Nothing that runs, asks or loads survives: scripts, forms, frames, event handlers, external style sheets. Remote images
stay where they were fetched and are served by us, else their alternative text takes their place. What was taken out is
counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypedDict

import css_inline

from broker.mailings.clean_css import clean_css
from broker.mailings.foreign_tags import understand
from broker.mailings.html_tokens import VOID, Comment, End, Raw, Start, Text, start_tag, tokens, words
from broker.mailings.slots import TAG_IN_URL, URL_TAGS, image_slot, link_slot


class _Local(TypedDict):
    """Options of the inliner that keep it from the network."""

    keep_link_tags: bool
    load_remote_stylesheets: bool


KEPT = words(
    """a abbr acronym address area article aside b bdi bdo big blockquote body br caption center cite code col colgroup
    dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header hgroup hr html i
    img ins kbd li main map mark nav nobr ol p pre q rp rt ruby s samp section small span strike strong sub summary sup
    table tbody td tfoot th thead time tr tt u ul var wbr"""
)
WITH_CONTENT = words(
    """applet audio canvas datalist dialog frameset math object optgroup option portal select svg template video"""
)
ATTRIBUTES = words(
    """abbr align alink alt axis bgcolor border bordercolor cellpadding cellspacing class color cols colspan coords
    datetime dir face frame headers height hspace id lang leftmargin link marginheight marginwidth name noshade nowrap
    role rows rowspan rules scope shape size span start style summary target text title topmargin type usemap valign
    value vlink vspace width"""
)
META_NAMES = frozenset(
    ("viewport", "color-scheme", "supported-color-schemes", "format-detection", "x-apple-disable-message-reformatting")
)
PLAIN_SCHEMES = ("mailto", "tel", "sms")
# External sheets are never fetched; their tags stay for us to report.
_LOCAL: Final = _Local(keep_link_tags=True, load_remote_stylesheets=False)
_NOSCRIPT = re.compile(r"</?noscript\b[^>]*>", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp)[;,]", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


@dataclass
class Cleaned:
    """What came out, and what is to be said about it."""

    html: str = ""
    urls: list[str] = field(default_factory=list)  # of link 1, 2, …: exactly as a browser reads them
    seen: int = 0  # links found, those refused included
    pictures: list[str] = field(default_factory=list)  # addresses of remote images, each once
    images: Mapping[str, str] = field(default_factory=dict)  # those that were fetched: address → name
    removed: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)  # texts and attribute values: where merge tags may stand
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def clean_html(source: str, images: Mapping[str, str] | None = None) -> Cleaned:
    """Clean one document (or fragment). Never fails on broken HTML. `images`: those we serve, address → name."""
    source, dropped = understand(source)
    cleaned = Cleaned(removed=dropped, images=images or {})
    regular = _regular(_NOSCRIPT.sub("", source.replace("\0", "")), cleaned)
    out: list[str] = []
    skipping, depth = "", 0
    for token in tokens(regular):
        if skipping:
            if isinstance(token, Start) and token.name == skipping:
                depth += 1
            elif isinstance(token, End) and token.name == skipping:
                depth -= 1
                skipping = skipping if depth else ""
        elif isinstance(token, Start) and token.name in WITH_CONTENT:
            cleaned.removed[token.name] += 1
            skipping, depth = token.name, 1
        else:
            out.append(_piece(token, cleaned))
    cleaned.html = "".join(out)
    return cleaned


def _regular(source: str, cleaned: Cleaned) -> str:
    """The document as a browser's parser reads it, its style sheets inlined where they can be."""
    try:
        return css_inline.CSSInliner(keep_at_rules=True, **_LOCAL).inline(source)
    except css_inline.InlineError:
        cleaned.warnings.append("The style sheet is malformed and was not inlined.")
        return css_inline.CSSInliner(inline_style_tags=False, keep_style_tags=True, **_LOCAL).inline(source)


def _piece(token: Start | End | Text | Raw | Comment, cleaned: Cleaned) -> str:
    match token:
        case Text(raw):
            cleaned.words.append(raw)
            return raw
        case Comment(content):
            if content.lstrip().lower().startswith("[if"):
                cleaned.removed["conditional comment"] += 1
            return ""
        case Raw(name, content):
            return _raw(name, content, cleaned)
        case End(name):
            return f"</{name}>" if name in KEPT and name not in VOID else ""
        case Start(name, attributes):
            return _start(name, attributes, cleaned)


def _raw(name: str, content: str, cleaned: Cleaned) -> str:
    if name == "style":
        css, removed = clean_css(content, lambda url: _served(url, cleaned))
        if removed:
            cleaned.removed["css url()"] += removed
        return f"<style>{css}</style>" if css.strip() else ""
    if name == "title":
        return f"<title>{content.replace('<', '&lt;')}</title>"
    cleaned.removed[name] += 1
    return ""


def _start(name: str, attributes: dict[str, str], cleaned: Cleaned) -> str:
    if name == "meta":
        return _meta(attributes, cleaned)
    if name == "img":
        return _image(attributes, cleaned)
    if name not in KEPT:
        cleaned.removed[name] += 1
        return ""
    kept = _kept_attributes(attributes, cleaned)
    if name in ("a", "area") and "href" in attributes:
        target = _target(attributes["href"], cleaned)
        if target is not None:
            kept["href"] = target
    return start_tag(name, kept)


def _kept_attributes(attributes: dict[str, str], cleaned: Cleaned) -> dict[str, str]:
    kept = {}
    for name, value in attributes.items():
        if name == "style":
            css, removed = clean_css(value, lambda url: _served(url, cleaned))
            if removed:
                cleaned.removed["css url()"] += removed
            if css.strip() and "{{" not in value:
                kept[name] = css
        elif name in ATTRIBUTES or name.startswith("aria-"):
            cleaned.words.append(value)
            kept[name] = value
        elif name == "background":
            slot = _served(value.strip(), cleaned)
            if slot is None:
                cleaned.removed["background"] += 1
            else:
                kept[name] = slot
        elif name.startswith("on"):
            cleaned.removed[name] += 1
    return kept


def _meta(attributes: dict[str, str], cleaned: Cleaned) -> str:
    name = attributes.get("name", "").lower()
    if name in META_NAMES:
        return start_tag("meta", {"name": name, "content": attributes.get("content", "")})
    if attributes.get("http-equiv", "").lower() == "refresh":
        cleaned.removed["meta"] += 1
    return ""


def _image(attributes: dict[str, str], cleaned: Cleaned) -> str:
    kept = _kept_attributes(attributes, cleaned)
    source = attributes.get("src", "").strip()
    if _PICTURE.match(source):
        return start_tag("img", {"src": source, **kept})
    slot = _served(source, cleaned)
    if slot is not None:
        return start_tag("img", {"src": slot, **kept})
    cleaned.removed["img"] += 1
    alt = " ".join(attributes.get("alt", "").split())
    return alt.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _served(url: str, cleaned: Cleaned) -> str | None:
    """The slot of a remote image that we serve; None where it is none, or is not fetched (yet)."""
    if _REMOTE.match(url) is None:
        return None
    if TAG_IN_URL.search(url):
        cleaned.errors.append("The address of an image holds a merge tag: whoever serves it would learn who reads.")
        return None
    if url not in cleaned.pictures:
        cleaned.pictures.append(url)
    name = cleaned.images.get(url)
    return None if name is None else image_slot(name)


def _target(href: str, cleaned: Cleaned) -> str | None:
    """What a link's address becomes: a slot, itself (mailto, tel, anchors), or None where it is refused."""
    # As browsers read it (WHATWG URL, 4.4): no control character or space around, no tab or line feed within.
    url = href.strip("".join(map(chr, range(0x21)))).translate({9: None, 10: None, 13: None})
    if url.strip("{} ") in URL_TAGS and url.startswith("{{"):
        return f"{{{{{url.strip('{} ')}}}}}"
    if not url:
        return None
    if url.startswith("#"):
        return url
    scheme = _SCHEME.match(url)
    named = scheme[1].lower() if scheme else ""
    if named in PLAIN_SCHEMES:
        cleaned.words.append(url)
        return url
    cleaned.seen += 1
    if TAG_IN_URL.search(url):
        cleaned.errors.append(
            f"Link {cleaned.seen} holds a merge tag: the advertiser would learn there who the reader is."
        )
    elif named in ("http", "https") or url.startswith("//"):
        cleaned.urls.append(url)
        return link_slot(len(cleaned.urls))
    elif named:
        cleaned.removed[f"{named}: link"] += 1
        cleaned.warnings.append(f"Link {cleaned.seen} has the scheme {named}, which no mail may hold: taken out.")
    else:
        cleaned.errors.append(f"Link {cleaned.seen} is relative: in a mail it leads nowhere. Write it with https://.")
    return None
