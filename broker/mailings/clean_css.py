"""CSS without anything that loads or runs: a mail that calls home tells the advertiser who opened it.

Read token by token (CSS Syntax 3, section 4), in time proportional to its length: names are compared with their escapes
undone, and what is kept is written as its author wrote it, so that the hacks old mail programmes need (`width:99%\\9`)
keep their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Keep = Callable[[str], str | None]
"""An image's address → the slot under which we serve it, or None where it is not to be had."""

_TOKEN: Final = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z))
    |(?P<string>"(?:[^"\\\n]|\\.)*+(?:"|\Z|(?=\n))|'(?:[^'\\\n]|\\.)*+(?:'|\Z|(?=\n)))
    |(?P<name>@?(?:[\w-]|[^\x00-\x7f]|\\[0-9a-fA-F]{1,6}\s?|\\[^\n0-9a-fA-F])++)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|\n|(.))", re.DOTALL)
_PICTURE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp)[;,][A-Za-z0-9+/=;:,._%\s-]*", re.IGNORECASE).fullmatch
_REMOTE: Final = re.compile(r"(?:\b[a-z]{2,10}:)?//[^\s;)\"'}]*", re.IGNORECASE)
_VML: Final = re.compile(r"\s*url\(\s*[\"']?#default#VML[\"']?\s*\)\s*", re.IGNORECASE).fullmatch
_LOADS: Final = frozenset(
    "image-set -webkit-image-set -moz-image-set -ms-image-set cross-fade -webkit-cross-fade image src element"
    " -moz-element paint expression".split()
)
_STATEMENTS: Final = frozenset(("@import", "@charset", "@namespace"))
_BINDINGS: Final = frozenset(("behavior", "-ms-behavior", "-moz-binding"))
_ENDS: Final = re.compile(r"<(?![\s=\d])|-{2,}!?>")  # of elements and comments around the sheet
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}


def clean_css(css: str, keep: Keep = lambda _: None) -> tuple[str, int]:
    """The CSS without comments, imports, fonts, remote addresses and active parts; and how many were taken out."""
    reader = _Reader(css, keep)
    reader.read()
    return "".join(reader.written()), reader.removed


class _Reader:
    """One reading of a sheet or of a style attribute."""

    def __init__(self, css: str, keep: Keep) -> None:
        self.css, self.keep, self.at, self.removed = css, keep, 0, 0
        self.out: list[tuple[bool, str]] = []  # (an address that was looked at, text)

    def read(self) -> None:
        while (token := _TOKEN.match(self.css, self.at)) is not None:
            self.at = token.end()
            match token.lastgroup:
                case "name":
                    self._name(token[0])
                case "comment":
                    pass
                case _:
                    self.out.append((False, token[0]))

    def _name(self, written: str) -> None:
        name = unescaped(written).lower()
        called = self.css.startswith("(", self.at)
        if name in _STATEMENTS:
            self._drop(";", "")
        elif name == "@font-face":
            self._drop("}", "")
        elif called and name == "url":
            self._address(written)
        elif called and name in _LOADS:
            self.at += 1
            self._close(")")
            self.removed += 1
            self.out.append((False, "none"))
        elif name in _BINDINGS and (colon := re.compile(r"\s*:").match(self.css, self.at)):
            self._binding(written, colon.end())
        else:
            self.out.append((False, written))

    def _address(self, written: str) -> None:
        """`url(…)`: what we serve, a picture in itself, or nothing."""
        start = self.at + 1
        quoted = re.compile(r"\s*([\"'])").match(self.css, start)
        if quoted and (token := _TOKEN.match(self.css, quoted.start(1))) is not None:
            text, self.at = token[0].strip(quoted[1]), token.end()
            self._close(")")
        else:
            end = self.css.find(")", start)
            end = len(self.css) if end < 0 else end
            text, self.at = self.css[start:end], end + 1
        address = unescaped(text).strip()
        if _PICTURE(address):
            self.out.append((True, f"url({''.join(address.split())})"))
        elif (slot := self.keep(address)) is not None:
            self.out.append((True, f"url({slot})"))
        elif not address or address.startswith("#"):
            self.out.append((False, "none"))
        else:
            self.removed += 1
            self.out.append((False, "none"))

    def _binding(self, written: str, value: int) -> None:
        """Only the built-in drawing of old mail programmes may be bound."""
        end = min((at for at in (self.css.find(";", value), self.css.find("}", value)) if at >= 0), default=-1)
        end = len(self.css) if end < 0 else end
        if _VML(self.css[value:end]):
            self.out.append((True, f"{written}:url(#default#VML)"))
        else:
            self.removed += 1
        self.at = end

    def _drop(self, until: str, put: str) -> None:
        """Leave out a statement up to its `;`, or an at-rule with its block."""
        while (token := _TOKEN.match(self.css, self.at)) is not None:
            if token[0] == "}" or (token[0] == "{" and until == ";"):
                break
            self.at = token.end()
            if token[0] == ";":
                break
            if token[0] == "{":
                self._close("}")
                break
        self.removed += 1
        self.out.append((False, put))

    def _close(self, closing: str) -> None:
        """Go on behind the bracket that closes what is open, those inside it skipped."""
        awaited = [closing]
        while awaited and (token := _TOKEN.match(self.css, self.at)) is not None:
            self.at = token.end()
            if token[0] in _CLOSING:
                awaited.append(_CLOSING[token[0]])
            elif token[0] == awaited[-1]:
                awaited.pop()
            elif token[0] == "}" and closing == ")":  # an unclosed function ends with its rule
                self.at = token.start()
                return

    def written(self) -> list[str]:
        """The pieces; between two addresses stands no other, no slot of its own and no end of the element."""
        pieces, plain = [], ""
        for looked_at, text in [*self.out, (True, "")]:
            if not looked_at:
                plain += text
                continue
            plain = _REMOTE.sub(self._remote, plain).replace("{{", "{ {")
            pieces += [_ENDS.sub(_harmless, plain), text]
            plain = ""
        return pieces

    def _remote(self, _found: re.Match[str]) -> str:
        self.removed += 1
        return ""


def _harmless(found: re.Match[str]) -> str:
    """Replaced, not taken out: what stood on both sides would make another one."""
    return r"\3c " if found[0] == "<" else " >"


def unescaped(text: str) -> str:
    """CSS text with its escapes undone; control characters and halves of surrogate pairs are left out."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: _character(found[1]) if found[1] else found[2] or "", text)


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if 0x20 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF else ""
