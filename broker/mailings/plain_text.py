"""The text part of a creative, generated once from its cleaned HTML."""

from __future__ import annotations

import re
from html import unescape

from broker.mailings.html_tokens import End, Raw, Start, Text, tokens, words

_BLOCKS = words(
    """address article aside blockquote body br caption center dd div dl dt figure footer form h1 h2 h3 h4 h5 h6 header
    hr li main nav ol p pre section table tr ul"""
)
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def plain_text(html: str) -> str:
    """Readable text: a line per block, a link's address behind its words, hidden parts left out."""
    out: list[str] = []
    target, label = "", ""
    for token in tokens(html):
        match token:
            case Text(raw):
                text = _SPACES.sub(" ", unescape(raw.replace("\n", " ")))
                label += text
                out.append(text)
            case Start(name="a", attributes=attributes):
                target, label = attributes.get("href", ""), ""
                if attributes.get("aria-hidden") == "true":
                    target = ""
            case End(name="a"):
                if target and not target.startswith("#"):
                    out.append(f" {target} " if label.strip() else target)
                target = ""
            case Start(name="img", attributes=attributes):
                label += attributes.get("alt", "")
                out.append(attributes.get("alt", ""))
            case Start(name="td" | "th") | End(name="td" | "th"):
                out.append(" ")
            case Start(name="li"):
                out.append("\n- ")
            case Start(name=name) | End(name=name) if name in _BLOCKS:
                out.append("\n")
            case Raw() | Start() | End():
                pass
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(out).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"
