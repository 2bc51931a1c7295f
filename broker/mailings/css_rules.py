"""A style sheet taken apart into its rules (CSS Syntax 3, section 5), in time proportional to its length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MARK: Final = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:[^"\\\n]|\\.)*+(?:"|\Z|(?=\n))|'(?:[^'\\\n]|\\.)*+(?:'|\Z|(?=\n))|\\.|[{}();]""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Rule:
    """`prelude` is a selector or an at-rule's name and condition; `body` is None for a statement (`@import …;`)."""

    prelude: str
    body: str | None

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.prelude};" if self.body is None else f"{self.prelude}{{{self.body}}}"


def rules(css: str) -> Iterator[Rule]:
    """The rules of a sheet (or of the body of a conditional rule), in order; an unclosed one ends with the text."""
    start, body, depth = 0, 0, 0
    for mark in _MARK.finditer(css):
        if mark[0] == "{":
            depth += 1
            if depth == 1:
                body = mark.end()
        elif mark[0] == "}" and depth:
            depth -= 1
            if not depth:
                yield Rule(css[start : body - 1].strip(), css[body : mark.start()])
                start = mark.end()
        elif mark[0] == ";" and not depth:
            if css[start : mark.start()].strip():
                yield Rule(css[start : mark.start()].strip(), None)
            start = mark.end()
    if depth:
        yield Rule(css[start : body - 1].strip(), css[body:])


def declarations(body: str) -> list[tuple[str, str]]:
    """(property in lower case, value as written) of a rule's body or of a style attribute."""
    found, start, depth = [], 0, 0
    for mark in _MARK.finditer(body + ";"):
        if mark[0] == "(":
            depth += 1
        elif mark[0] == ")":
            depth = max(0, depth - 1)
        elif mark[0] == ";" and not depth:
            name, colon, value = body[start : mark.start()].partition(":")
            if colon and name.strip() and value.strip():
                found.append((name.strip().lower(), value.strip()))
            start = mark.end()
    return found
