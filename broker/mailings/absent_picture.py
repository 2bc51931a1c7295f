"""What stands in the place of a picture that is not to be had: its words in their letters, else its space."""

from __future__ import annotations

from html import escape
from typing import Final

from broker.mailings.css_rules import declarations
from broker.mailings.html_tokens import start_tag

# One transparent point, stretched as the picture was.
NOTHING: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
# How mail programmes draw alternative text: authors style it on the picture, for readers who block pictures.
_OF_WORDS: Final = (
    "color", "font", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height",
    "text-decoration", "text-shadow", "text-transform",
)  # fmt: skip


def words_of(alt: str, style: str) -> str:
    """Alternative text in the letters that its author chose. `style`: of the picture, cleaned."""
    words = escape(alt, quote=False)
    letters = ";".join(f"{name}:{value}" for name, value in declarations(style) if name in _OF_WORDS)
    return f"{start_tag('span', {'style': letters})}{words}</span>" if words and letters else words


def space_of(attributes: dict[str, str]) -> str:
    """The space of a picture without words. One whose height nobody said is flat: a point would grow to a square."""
    kept = {**attributes, "alt": ""}
    if not _is_size(attributes.get("height", "")) and not _has_height(attributes.get("style", "")):
        style = attributes.get("style", "").rstrip("; ")
        kept["style"] = f"{style};height:1px !important" if style else "height:1px !important"
    return start_tag("img", {"src": NOTHING, **kept})


def _is_size(value: str) -> bool:
    return value.strip()[:1].isdigit()


def _has_height(style: str) -> bool:
    """The last one said counts: `height:auto` leaves it to the picture, even where an attribute says a number."""
    said = [value for name, value in declarations(style) if name == "height"]
    return bool(said) and _is_size(said[-1])
