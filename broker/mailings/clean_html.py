"""An author's HTML made safe to send: what may stay is listed, links become numbered slots, CSS is inlined.

Nothing that runs, asks or loads survives: scripts, forms, frames, event handlers, external style sheets. Remote images
stay where they were fetched and are served by us, else their alternative text takes their place. What was taken out is
counted. What is laid out stays so: the document's type, media queries, what Outlook reads in conditional comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from broker.mailings.absent_picture import NOTHING, space_of, words_of
from broker.mailings.allowed_html import ATTRIBUTES, KEPT, META_NAMES, SPACES, WITH_CONTENT, document_type
from broker.mailings.cleaned import Cleaned, is_remote
from broker.mailings.conditional_comments import clean_comment, is_hidden
from broker.mailings.crowded_tags import crowded
from broker.mailings.css_rules import declarations
from broker.mailings.foreign_tags import understand
from broker.mailings.html_tokens import VOID, Comment, End, Raw, Start, Text, Token, start_tag, tokens
from broker.mailings.parse_deep import deeper_than, parse_deep
from broker.mailings.style_sheets import inline_sheets

MOST_ATTRIBUTES: Final = 2_000  # of one element
DEEPEST: Final = 10_000  # elements open at once: more are an attack on whoever reads them
CHARSET: Final = '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
# AMP hides the whole body until its script has run, which here it never does.
_BOILERPLATE: Final = re.compile(
    r"<style\b[^<>]*\bamp(?:4email|4ads)?-boilerplate\b[^<>]*>(?:(?!<style\b).)*?</style\s*>", re.IGNORECASE | re.DOTALL
)
_AMP_PICTURES: Final = ("amp-img", "amp-anim")
_NOSCRIPT: Final = re.compile(r"</?noscript\b[^>]*>", re.IGNORECASE)
_PICTURE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp)[;,]", re.IGNORECASE)
_IMPORTANT: Final = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_COUNTED: Final = ("0", "1", "0px", "1px")  # sides of an image that is there to be counted, not to be seen


def clean_html(source: str, images: Mapping[str, str] | None = None) -> Cleaned:
    """Clean one document (or fragment). Never fails on broken HTML. `images`: those we serve, address → name."""
    source, dropped = understand(source)
    cleaned = Cleaned(removed=dropped, images=images or {})
    found = _read(source, cleaned)
    cleaned.base = _base(found)
    out: list[str] = []
    later: dict[int, str] = {}  # where comments stand: their links come after those that everybody sees
    skipping, depth = "", 0
    for at, token in enumerate(found):
        if skipping:
            if isinstance(token, Start) and token.name == skipping:
                depth += 1
            elif isinstance(token, End) and token.name == skipping:
                depth -= 1
                skipping = skipping if depth else ""
        elif isinstance(token, Start) and token.name in WITH_CONTENT:
            cleaned.removed[token.name] += 1
            skipping, depth = token.name, 1
        elif isinstance(token, Comment) and is_hidden(token.content):
            later[len(out)] = token.content
            out.append("")
        elif isinstance(token, Start) and token.name == "video":
            out.append(_video(token, found, at, cleaned))
        else:
            out.append(_piece(token, cleaned))
    for at, content in later.items():
        out[at] = clean_comment(content, cleaned)
    cleaned.html = document_type(source) + "".join(out)
    cleaned.conclude()
    return cleaned


def _read(source: str, cleaned: Cleaned) -> list[Token]:
    """The document as a browser's parser reads it, its style sheets inlined where they can be."""
    source = _BOILERPLATE.sub("", _NOSCRIPT.sub("", source.replace("\0", "")))
    if crowded(source, MOST_ATTRIBUTES):
        cleaned.errors.append(f"An element has more than {MOST_ATTRIBUTES:,} attributes: no mail programme reads that.")
        return []
    if deeper_than(source, DEEPEST):
        cleaned.errors.append(f"More than {DEEPEST:,} elements stand inside one another: no mail programme shows that.")
        return []
    styled = parse_deep(inline_sheets, source)
    cleaned.yielding = styled.yielding
    if styled.malformed:
        cleaned.warnings.append("The style sheet is malformed and was not inlined.")
    return list(tokens(styled.html))


def _base(found: list[Token]) -> str:
    """Where the author says that addresses without a host lead: the first `<base href>` of the web."""
    for token in found:
        if isinstance(token, Start) and token.name == "base" and "href" in token.attributes:
            address = token.attributes["href"].strip()
            return address if re.match(r"https?://[^/\s{]", address, re.IGNORECASE) else ""
    return ""


def _piece(token: Token, cleaned: Cleaned) -> str:
    match token:
        case Text(raw):
            cleaned.words.append(raw)
            return raw
        case Comment(content):
            return clean_comment(content, cleaned)
        case Raw(name, content):
            return _raw(name, content, cleaned)
        case End(name):
            return f"</{name}>" if name in KEPT and name not in VOID else ""
        case Start(name, attributes):
            return _start(name, attributes, cleaned)


def _raw(name: str, content: str, cleaned: Cleaned) -> str:
    if name == "style":
        css = cleaned.css(content)
        return f"<style>{css}</style>" if css.strip() else ""
    if name == "title":
        return f"<title>{content.replace('<', '&lt;')}</title>"
    cleaned.removed[name] += 1
    return ""


def _start(name: str, attributes: dict[str, str], cleaned: Cleaned) -> str:
    if name == "meta":
        return _meta(attributes, cleaned)
    if name == "img" or name in _AMP_PICTURES:
        return _image(attributes, cleaned)
    if name not in KEPT:
        cleaned.removed[name] += 1
        return ""
    kept = _kept_attributes(attributes, cleaned)
    if name in ("a", "area") and "href" in attributes:
        target = cleaned.target(attributes["href"])
        if target is not None:
            kept["href"] = target
    if name == "html":
        kept |= {key: value for key, value in attributes.items() if SPACES.get(key) == value}
    return start_tag(name, kept) + (CHARSET if name == "head" else "")


def _kept_attributes(attributes: dict[str, str], cleaned: Cleaned) -> dict[str, str]:
    kept = {}
    for name, value in attributes.items():
        if name == "style":
            css = cleaned.css(_weaker(value, cleaned))
            if css.strip() and "{{" not in value:
                kept[name] = css
        elif name in ATTRIBUTES or name.startswith("aria-"):
            cleaned.words.append(value)
            kept[name] = value
        elif name == "background":
            slot = cleaned.served(value)
            if slot is None:
                cleaned.removed["background"] += 1
            else:
                kept[name] = slot
        elif name.startswith("on") or name == "srcset":
            cleaned.removed[name] += 1
    return kept


def _weaker(style: str, cleaned: Cleaned) -> str:
    """A style attribute that lets media queries win where they won as sheets."""
    if not cleaned.yielding or "!" not in style:
        return style
    lines = (
        f"{name}: {_IMPORTANT.sub('', value) if name in cleaned.yielding else value}"
        for name, value in declarations(style)
    )
    return ";".join(lines)


def _meta(attributes: dict[str, str], cleaned: Cleaned) -> str:
    name = attributes.get("name", "").lower()
    if name in META_NAMES:
        return start_tag("meta", {"name": name, "content": attributes.get("content", "")})
    if attributes.get("http-equiv", "").lower() == "refresh":
        cleaned.removed["meta"] += 1
    return ""


def _image(attributes: dict[str, str], cleaned: Cleaned) -> str:
    source = attributes.get("src", "").strip()
    kept = _kept_attributes(attributes, cleaned)
    if _PICTURE.match(source):
        return start_tag("img", {"src": source, **kept})
    sides = [attributes[side] for side in ("width", "height") if side in attributes]
    if len(sides) == 2 and all(side in _COUNTED for side in sides):
        cleaned.removed["tracking pixel"] += 1
        return start_tag("img", {"src": NOTHING, **kept, "alt": ""})
    slot = cleaned.served(source)
    if slot is not None:
        return start_tag("img", {"src": slot, **kept})
    cleaned.picture_lost(source)
    alt = " ".join(attributes.get("alt", "").split())
    if not alt and sides and is_remote(source):
        return space_of(kept)
    return words_of(alt, kept.get("style", ""))


def _video(video: Start, found: list[Token], at: int, cleaned: Cleaned) -> str:
    """What a mail shows in the place of a video: what its author wrote for those who cannot play it, else its still."""
    cleaned.removed["video"] += 1
    for token in found[at + 1 :]:
        if isinstance(token, End) and token.name == "video":
            break
        if isinstance(token, Start) and token.name == "img":
            return ""
    poster = video.attributes.get("poster", "")
    if not poster:
        return ""
    return _image({**video.attributes, "src": poster, "alt": video.attributes.get("title", "")}, cleaned)
