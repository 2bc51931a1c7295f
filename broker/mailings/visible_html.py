"""What a reader sees of a message: a legal line in a hidden element, a comment or a link without words is none."""

from __future__ import annotations

import re
from typing import Final

from broker.mailings.css_rules import declarations
from broker.mailings.html_tokens import VOID, End, Start, Text, tokens

_ZERO: Final = re.compile(r"0(?:\.0*)?(?:px|pt|em|rem|%)?").fullmatch
_IMPORTANT: Final = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)


def visible_html(html: str) -> str:
    """Texts and the addresses of links with words, of cleaned HTML whose sheets are inlined. For searching only."""
    out: list[str] = []
    opened: list[tuple[str, bool]] = []  # elements, and whether each hides what it holds
    hidden = 0
    address, label = "", ""
    for token in tokens(html):
        match token:
            case Text(raw) if not hidden:
                out.append(raw)
                label += raw
            case Start(name, attributes) if name not in VOID:
                hides = _hides(attributes)
                opened.append((name, hides))
                hidden += hides
                if name == "a" and not hidden:
                    address, label = attributes.get("href", ""), ""
            case Start(name="img", attributes=attributes) if not hidden:
                label += attributes.get("alt", "")
            case End(name):
                if name == "a" and label.strip():
                    out.append(f" {address} ")
                if any(one == name for one, _ in opened[-40:]):
                    while opened and (closed := opened.pop()):
                        hidden -= closed[1]
                        if closed[0] == name:
                            break
                if name == "a":
                    address, label = "", ""
    return "".join(out)


def _hides(attributes: dict[str, str]) -> bool:
    if "hidden" in attributes:
        return True
    style = {name: _IMPORTANT.sub("", value).lower() for name, value in declarations(attributes.get("style", ""))}
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or _ZERO(style.get("opacity", "1")) is not None
        or (_ZERO(style.get("max-height", "1")) is not None and style.get("overflow") == "hidden")
        or style.get("mso-hide") == "all"
    )
