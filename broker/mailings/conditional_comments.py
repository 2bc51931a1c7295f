"""Conditional comments: what Outlook reads of a message and nobody else, or everybody but Outlook.

`<!--[if mso]> … <![endif]-->` holds the tables, drawings and settings without which Outlook breaks a layout; other mail
programmes read a comment. It is markup for one reader, so it is cleaned as strictly as the rest: elements and
attributes that are listed, links by their slots, images that we serve. What cannot be read for certain
is left out as a whole.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from broker.mailings.allowed_html import ATTRIBUTES, KEPT, OUTLOOK, OUTLOOK_ATTRIBUTES, SPACES
from broker.mailings.cleaned import Cleaned
from broker.mailings.html_tokens import VOID, start_tag, words

_CONDITION: Final = r"\[if\s([A-Za-z0-9\s!()&|.]{1,80})\]"
_HIDDEN: Final = re.compile(rf"\s*{_CONDITION}>(.*?)<!\[endif\]\s*", re.DOTALL | re.IGNORECASE).fullmatch
_SHOWN: Final = re.compile(rf"\s*{_CONDITION}(?:>\s*<!(?:--)?\s*(?:-->)?)?\s*", re.IGNORECASE).fullmatch
_SHOWN_END: Final = re.compile(r"\s*(?:<!)?\[endif\]\s*", re.IGNORECASE).fullmatch
_PIECE: Final = re.compile(
    r"""<style\b[^>]*>(?P<css>.*?)</style\s*>
    |<(?P<end>/?)(?P<name>[a-z][\w:-]*+)(?P<attributes>(?:"[^"]*"|'[^']*'|[^<>"'])*+)>
    |(?P<text>[^<]+)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE: Final = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?")
_NEVER: Final = words("html head body title meta link base")  # of the document alone
_FORBIDDEN: Final = words("script iframe object embed svg math form input select textarea button applet frameset")


def clean_comment(content: str, cleaned: Cleaned) -> str:
    """One comment as it may stay: markup for Outlook, a mark around what Outlook leaves out, or nothing."""
    hidden = _HIDDEN(content)
    if hidden is not None:
        inner = _inner(hidden[2], cleaned)
        if inner is not None:
            return f"<!--[if {_words(hidden[1])}]>{inner}<![endif]-->"
    elif shown := _SHOWN(content):
        return f"<!--[if {_words(shown[1])}]><!-->"
    elif _SHOWN_END(content):
        return "<!--<![endif]-->"
    if "[if" in content.lower():
        cleaned.removed["conditional comment"] += 1
    return ""


def is_hidden(content: str) -> bool:
    """Whether a comment holds markup of its own."""
    return _HIDDEN(content) is not None


def _words(condition: str) -> str:
    return " ".join(condition.split())


def _inner(html: str, cleaned: Cleaned) -> str | None:
    """The markup of a comment, cleaned; None where a part of it is no markup that can be read for certain."""
    out, at = [], 0
    while at < len(html):
        piece = _PIECE.match(html, at)
        if piece is None or (piece["name"] or "").lower() in _FORBIDDEN:
            return None
        at = piece.end()
        if piece["css"] is not None:
            out.append(f"<style>{cleaned.css(piece['css'])}</style>")
        elif piece["text"] is not None:
            cleaned.words.append(piece["text"])
            out.append(piece["text"].replace(">", "&gt;"))
        else:
            out.append(_tag(piece, cleaned))
    inner = "".join(out)
    return None if "-->" in inner or "--!>" in inner else inner


def _tag(piece: re.Match[str], cleaned: Cleaned) -> str:
    lower = piece["name"].lower()
    name = OUTLOOK.get(lower, lower)
    if name in _NEVER or (lower not in OUTLOOK and lower not in KEPT):
        return ""
    if piece["end"]:
        return f"</{name}>"
    kept = {}
    for key, double, single, bare in _ATTRIBUTE.findall(piece["attributes"]):
        value = _value(lower, key.lower(), unescape(double or single or bare), cleaned)
        if value is not None:
            kept[key.lower()] = value
    if lower in ("img", "v:image") and "src" not in kept:
        return ""
    tag = start_tag(name, kept)
    closed = piece["attributes"].rstrip().endswith("/") and lower not in VOID
    return f"{tag[:-1]}/>" if closed else tag


def _value(name: str, key: str, value: str, cleaned: Cleaned) -> str | None:
    """What an attribute may say; None where it may not stay."""
    if key == "href":
        return cleaned.target(value, hidden=True)
    if key in ("src", "background"):
        return cleaned.served(value)
    if key == "style":
        css = cleaned.css(value)
        return None if "{{" in value and "{{image:" not in css else css
    if key in SPACES:
        return SPACES[key] if value == SPACES[key] else None
    if key in ATTRIBUTES or (key in OUTLOOK_ATTRIBUTES and (":" in name or key == "type")):
        cleaned.words.append(value)
        return value
    return None
