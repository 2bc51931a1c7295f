"""CSS without anything that loads or runs: a mail that calls home tells the advertiser who opened it."""

from __future__ import annotations

import re
from collections.abc import Callable

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_HEX_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_LETTER_ESCAPE = re.compile(r"\\([g-zG-Z-])")
_IMPORT = re.compile(r"@(?:import|charset|namespace)\b[^;{}]*(?:;|(?=[{}])|$)", re.IGNORECASE)
_FONT_FACE = re.compile(r"@font-face\s*\{[^{}]*\}?", re.IGNORECASE)
_PICTURE = r"data:image/(?:png|gif|jpe?g|webp)[;,]"
_LOADED = re.compile(r"\burl\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)\"'\s]*))\s*\)", re.IGNORECASE)
_URL = re.compile(
    rf"\burl\(\s*(?!['\"]?{_PICTURE}|{{{{image:)(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|[^)]*)\s*(?:\)|$)", re.IGNORECASE
)
_IMAGE_SET = re.compile(
    r"(?:-\w+-)?(?:image-set|cross-fade|image|src|element)\((?:[^()]|\([^()]*\))*(?:\)|$)", re.IGNORECASE
)
_ACTIVE = re.compile(r"(?:expression\s*\([^;}]*|(?:behavior|-moz-binding)\s*:[^;}]*)", re.IGNORECASE)
_REMOTE = re.compile(r"(?:\b[a-z]{2,10}:)?//[^\s;)\"'}]*", re.IGNORECASE)


Keep = Callable[[str], str | None]
"""An image's address → the slot under which we serve it, or None where it is not to be had."""


def clean_css(css: str, keep: Keep = lambda _: None) -> tuple[str, int]:
    """The CSS without comments, imports, fonts, remote addresses and active parts; and how many were taken out."""
    css = _COMMENT.sub("", css)
    css = _HEX_ESCAPE.sub(lambda found: _character(found[1]), css)
    css = _LETTER_ESCAPE.sub(r"\1", css)
    css = css.replace("{{", "{ {")  # no slot but ours
    removed = 0
    for pattern, put in ((_IMPORT, ""), (_FONT_FACE, "")):
        css, count = pattern.subn(put, css)
        removed += count

    def served(match: re.Match[str]) -> str:
        slot = keep((match[1] or match[2] or match[3] or "").strip())
        return match[0] if slot is None else f"url({slot})"

    css = _LOADED.sub(served, css)
    for pattern, put in ((_URL, "none"), (_IMAGE_SET, "none"), (_ACTIVE, "")):
        css, count = pattern.subn(put, css)
        removed += count
    css, count = _REMOTE.subn("", css)
    return css.replace("</", "").replace("<!--", "").replace("-->", ""), removed + count


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if 0x20 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF else ""
