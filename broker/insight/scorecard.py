"""Scores by weighted criteria: each is a rule and points; a contact's score is the sum of the points it meets.

The owner writes the card, nothing is learned, so every score explains itself (GDPR art. 22 and 15(1)(h)): the criteria
that a contact met, with their points. Versions are kept; a snapshot says with which one it was worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from broker.audience.check import check_rule
from broker.audience.columns import Column
from broker.audience.compile import compile_rule
from broker.audience.parse import parse_with_places
from broker.audience.rule import Rule, fields_of, segments_named
from broker.kernel.errors import InvalidInput

MOST_CRITERIA = 50
MOST_POINTS = 1_000
SCORE = "score"


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is asked, and what it is worth (which may be less than nothing)."""

    name: str
    rule: str
    points: int


def scorecard_from_json(raw: object, columns: Sequence[Column] | None = None) -> tuple[Criterion, ...]:
    """The criteria; with `columns`, their rules are held against them.

    Raises `bad_criterion`, and what a rule raises (`bad_rule`, `unknown_field`, `wrong_type`), naming the criterion.
    """
    rows = raw if isinstance(raw, list) else []
    if len(rows) > MOST_CRITERIA:
        raise InvalidInput(f"A scorecard has at most {MOST_CRITERIA} criteria.", code="bad_criterion", field="criteria")
    return tuple(_criterion(place, row, columns) for place, row in enumerate(rows, start=1))


def _criterion(place: int, row: Mapping[str, Any], columns: Sequence[Column] | None) -> Criterion:
    text, points = str(row.get("rule") or "").strip(), row.get("points")
    name = str(row.get("name") or "").strip() or text
    if not text:
        raise InvalidInput(f"Criterion {place} has no rule.", code="bad_criterion", field="criteria")
    if len(name) > 200 or len(text) > 10_000:
        raise InvalidInput(f"Criterion {place} is too long.", code="bad_criterion", field="criteria")
    if isinstance(points, bool) or not isinstance(points, int) or not 0 < abs(points) <= MOST_POINTS:
        raise InvalidInput(
            f"Criterion {place} ({name[:60]}): points are a whole number from -{MOST_POINTS} to {MOST_POINTS}, not 0.",
            code="bad_criterion",
            field="criteria",
        )
    if columns is not None:
        try:
            criterion_rule(text, columns)
        except InvalidInput as error:
            raise InvalidInput(
                f"Criterion {place} ({name[:60]}): {error.sentence}",
                code=error.code,
                field="criteria",
                details={**error.details, "criterion": place},
            ) from None
    return Criterion(name, text, points)


def criterion_rule(text: str, columns: Iterable[Column]) -> Rule:
    """The checked tree of a criterion; a score is not made of scores."""
    rule, places = parse_with_places(text)
    if SCORE in {name.casefold() for name in fields_of(rule)}:
        raise InvalidInput("A score cannot be a criterion of the score.", code="bad_rule", field="rule")
    if segments_named(rule):
        raise InvalidInput(
            "A criterion cannot name a segment, which may change under it: write the segment's rule.",
            code="bad_rule",
            field="rule",
        )
    return check_rule(rule, columns, places)


def score_expression(
    table: ir.Table, columns: Sequence[Column], criteria: Iterable[Criterion], today: date
) -> tuple[Any, list[str]]:
    """The sum of points as an expression over `table`, and the names of criteria that its columns cannot answer."""
    whole: Any = ibis.literal(0, type="int64")
    skipped = []
    for one in criteria:
        try:
            condition = compile_rule(criterion_rule(one.rule, columns), table, today)
        except InvalidInput:  # a column that this snapshot no longer has: the others still count
            skipped.append(one.name)
            continue
        met = ibis.coalesce(condition, ibis.literal(False))
        whole = whole + ibis.ifelse(met, ibis.literal(one.points, type="int64"), ibis.literal(0, type="int64"))
    return whole.cast("int32"), skipped
