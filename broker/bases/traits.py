"""Custom traits: what type each is, decided over the whole file, and their values in that type.

While the file is read a trait is text. Each block only counts what its values look like; at the end the type that
fits nearly all of them is chosen, and the few that do not fit become empty, which is counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.dates import NOT_READ, read_date, read_dates

Type = Literal["category", "number", "date", "bool", "tags"]

FITTING = 0.98
MOST_CATEGORIES = 20_000  # distinct values above which a column names people rather than groups
_NUMBER = re.compile(r"[+-]?\d{1,3}(?:[  \u202f]?\d{3})*(?:[.,]\d+)?|[+-]?\d+(?:[.,]\d+)?")
TRUE = frozenset({"oui", "yes", "true", "vrai", "o", "y"})
FALSE = frozenset({"non", "no", "false", "faux", "n"})
_TAGS = re.compile(r"[^|;,]+(?:[|;,][^|;,]+)+")
ADDRESS = r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}"
_LONG_DIGITS = re.compile(r"\+?\d[\d\s.\-]{8,}")


@dataclass(slots=True)
class TraitWatch:
    """What the values of one column looked like so far."""

    filled: int = 0
    numbers: int = 0
    whole: int = 0
    dates: int = 0
    bools: int = 0
    tags: int = 0
    pipes: int = 0
    identifying: int = 0  # values that are long numbers: phones, account numbers
    distinct: int = 0  # most distinct values in one block, which had `rows` rows
    rows: int = 0
    month_first: bool = False
    longest: int = 0
    given: Type | None = None  # the owner's word; a column that names people stays out all the same

    def look(self, counts: Mapping[str, int], distinct: int, rows: int) -> None:
        """Take in distinct values of a block with how often each occurs; the block has `distinct` in `rows` rows."""
        if distinct > self.distinct:
            self.distinct, self.rows = distinct, rows
        for text, times in counts.items():
            value = text.strip()
            if not value:
                continue
            self.filled += times
            self.longest = max(self.longest, len(value))
            if value[0].isdigit() or value[0] in "+-":
                if _NUMBER.fullmatch(value):
                    self.numbers += times
                    self.whole += times if value.lstrip("+-").isdigit() else 0
                    self.identifying += times if len(value) >= 9 else 0
                elif _LONG_DIGITS.fullmatch(value) and read_date(value) is None:
                    self.identifying += times
                elif read_date(value) is not None:
                    self.dates += times
            elif value.lower() in TRUE or value.lower() in FALSE:
                self.bools += times
            elif _TAGS.fullmatch(value):
                self.tags += times
                self.pipes += times if "|" in value or ";" in value else 0

    def add(self, other: TraitWatch) -> None:
        """Take in what another block's values looked like."""
        if other.distinct > self.distinct:
            self.distinct, self.rows = other.distinct, other.rows
        self.longest = max(self.longest, other.longest)
        for name in ("filled", "numbers", "whole", "dates", "bools", "tags", "pipes", "identifying"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def type(self) -> Type | None:
        """The type, or None for a column that names people (a value of its own for almost every row)."""
        if not self.filled:
            return self.given or "category"
        enough = FITTING * self.filled
        if self.identifying > 0.5 * self.filled:
            return None
        if self.given in ("bool", "number", "date"):
            return self.given
        if self.bools >= enough:
            return "bool"
        if self.numbers >= enough:
            return "number"
        if self.dates >= enough:
            return "date"
        if self.distinct > MOST_CATEGORIES or (self.rows >= 1000 and self.distinct > 0.5 * self.rows):
            return None
        if self.given is not None:
            return self.given
        # A comma may belong to one value (`Paris, rive gauche`); a bar or semicolon in a cell separates.
        return "tags" if self.pipes > 0.05 * self.filled or self.tags > 0.3 * self.filled else "category"


def type_values(column: pa.Array, type_: Type, watch: TraitWatch) -> tuple[pa.Array, int]:
    """The text column in its type, and how many values did not fit. Empty text is null."""
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    before = len(text) - text.null_count
    if type_ == "category":
        return text.dictionary_encode(), 0
    if type_ == "tags":
        # Normalised so that `Golf` and `golf` are one tag; empty tags are dropped.
        tidy = pc.utf8_trim(pc.replace_substring_regex(pc.utf8_lower(text), r"\s*[|;,]\s*[|;,\s]*", "|"), "|")
        return pc.split_pattern(tidy, "|"), 0
    result: pa.Array
    if type_ == "bool":
        lower = pc.utf8_lower(text)
        yes, no = pc.is_in(lower, pa.array(sorted(TRUE))), pc.is_in(lower, pa.array(sorted(FALSE)))
        result = pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
    elif type_ == "date":
        seconds, _ = read_dates(pc.fill_null(text, ""), month_first=watch.month_first)
        days = np.where(seconds == NOT_READ, 0, seconds // 86_400).astype("datetime64[D]")
        result = pa.array(days, pa.date32(), mask=seconds == NOT_READ)
    else:
        result = read_numbers(text, whole=watch.whole == watch.numbers)
    return result, before - (len(result) - result.null_count)


def read_numbers(text: pa.Array, *, whole: bool) -> pa.Array:
    """int64 if `whole`, else float64; `1 234,5` and `1234.5` are read, anything else is null."""
    bare = pc.replace_substring(pc.replace_substring_regex(text, r"[\s  \x{202f}]|€|EUR$|ans?$", ""), ",", ".")
    pattern = r"^[+-]?\d{1,17}$" if whole else r"^[+-]?\d{1,15}(?:\.\d+)?$"
    good = pc.fill_null(pc.match_substring_regex(bare, pattern), False)
    bare = pc.if_else(good, pc.utf8_ltrim(bare, "+"), pa.scalar(None, pa.string()))
    return bare.cast(pa.int64() if whole else pa.float64())
