"""Rule text cut into words, signs and quoted texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from broker.kernel.errors import InvalidInput

KEYWORDS = frozenset(
    {
        *("and", "or", "not", "between", "in", "is", "missing", "starts", "with", "has", "within", "of", "km"),
        *("today", "all", "true", "false"),
    }
)
LONGEST_TEXT = 400_000
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | “[^”]*” | «[^»]*»)
      | (?P<sign><=|>=|!=|<>|==|[=<>≤≥≠(),+-])
      | (?P<word>today(?!\w) | \w+(?:[-.'’/:&]\w+)*)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SAME_SIGN = {"<>": "!=", "≠": "!=", "==": "=", "≤": "<=", "≥": ">="}
_BARE = re.compile(r"\w+(?:[-.'’/:&]\w+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """`text` without quotes; `at` is the offset of its first character; the last word has kind `end`."""

    kind: Literal["word", "quoted", "sign", "end"]
    text: str
    at: int

    def says(self, *keywords: str) -> bool:
        """Whether it is one of these keywords (any case) or signs; a quoted text never is."""
        return self.kind in ("word", "sign") and self.text.lower() in keywords


def split_words(text: str) -> list[Word]:
    """All words of a rule and an `end`; raises `bad_rule` with the position of what cannot be read."""
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"A rule has at most {LONGEST_TEXT} characters.", code="bad_rule", field="rule")
    words: list[Word] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise rule_fault(text, at, _why_unreadable(text[at]))
        kind, piece = found.lastgroup, found.group()
        if kind == "quoted":
            words.append(Word("quoted", _unquoted(piece), at))
        elif kind == "sign":
            words.append(Word("sign", _SAME_SIGN.get(piece, piece), at))
        elif kind == "word":
            words.append(Word("word", piece, at))
        at = found.end()
    return [*words, Word("end", "", len(text))]


def rule_fault(text: str, at: int, why: str) -> InvalidInput:
    """The error of a place in rule text; positions count from 1."""
    near = text[at : at + 20].strip()
    where = f'at character {at + 1}, near "{near}"' if near else "at its end"
    return InvalidInput(
        f"The rule is not understood {where}: {why}.",
        code="bad_rule",
        field="rule",
        details={"position": at + 1},
    )


def written(text: str) -> str:
    """A field name or text value as it may stand in a rule, quoted where needed."""
    if _BARE.fullmatch(text) and text.lower() not in KEYWORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(piece: str) -> str:
    inner = piece[1:-1]
    if piece[0] in "“«":
        return inner.strip()
    return re.sub(r"\\([\"'\\])", r"\1", inner)


def _why_unreadable(letter: str) -> str:
    if letter in "\"'“«":
        return "this quotation mark is never closed"
    return f'"{letter}" has no meaning here; put a value with signs or spaces in quotes'
