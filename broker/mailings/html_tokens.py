"""Tokens of HTML in the form that a conforming parser writes it out again (WHATWG HTML, 13.3).

Authors' HTML is first read by html5ever (inside css-inline), which repairs it exactly as browsers do; what it writes is
regular: attributes in double quotes with `&` and `"` escaped, `<` in text escaped. So each attribute's value is known
exactly here, `?a=1&copy=2` included, which parsers of HTML 4 get wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape


def words(text: str) -> frozenset[str]:
    """A set of names written as a text."""
    return frozenset(text.split())


VOID = words("area base br col embed frame hr img input keygen link meta param source track wbr")
RAW = words("script style iframe noembed noframes xmp textarea title plaintext")

_TAG = re.compile(r'<(/?)([A-Za-z][^\s/>]*)((?:\s+=?[^\s>=]+(?:="[^"]*")?)*)\s*/?>')
_ATTRIBUTE = re.compile(r'\s+(=?[^\s>=]+)(?:="([^"]*)")?')
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Start:
    """A start tag; attribute values are unescaped."""

    name: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class End:
    """An end tag."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text as written, entities included."""

    raw: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole element whose content is no markup (script, style, …)."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment's content."""

    content: str


Token = Start | End | Text | Raw | Comment


def tokens(html: str) -> Iterator[Token]:
    """The tokens of regular HTML; anything irregular comes out as text, which is never markup again."""
    at, length = 0, len(html)
    while at < length:
        mark = html.find("<", at)
        if mark < 0:
            yield Text(html[at:])
            return
        if mark > at:
            yield Text(html[at:mark])
        token, at = _token(html, mark)
        if token is not None:
            yield token


def _token(html: str, at: int) -> tuple[Token | None, int]:
    comment = _COMMENT.match(html, at)
    if comment:
        return Comment(comment[1]), comment.end()
    doctype = _DOCTYPE.match(html, at)
    if doctype:
        return None, doctype.end()
    tag = _TAG.match(html, at)
    if tag is None:
        return Text("&lt;"), at + 1
    name = tag[2].lower()
    if tag[1]:
        return End(name), tag.end()
    if name in RAW:
        return _raw(html, name, tag.end())
    found = _ATTRIBUTE.findall(tag[3])
    return Start(name, {key.lower(): unescape(value) for key, value in found}), tag.end()


def _raw(html: str, name: str, at: int) -> tuple[Token, int]:
    close = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(html, at)
    if close is None:
        return Raw(name, html[at:]), len(html)
    return Raw(name, html[at : close.start()]), close.end()


def start_tag(name: str, attributes: dict[str, str]) -> str:
    """A start tag as text."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>"
