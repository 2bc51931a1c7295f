"""Whether a rule makes sense on given columns: fields that exist, operators and values that fit their types."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from broker.audience.columns import Column, ColumnType
from broker.audience.places import postcodes_within
from broker.audience.rule import Rule, terms
from broker.kernel.errors import InvalidInput

_ORDER = ("=", "!=", "<", "<=", ">", ">=", "between", "in")
FITTING: dict[ColumnType, tuple[str, ...]] = {
    "category": ("=", "!=", "in", "starts with", "missing"),
    "number": (*_ORDER, "missing"),
    "date": (*_ORDER, "missing"),
    "bool": ("=", "!=", "missing"),
    "tags": ("has", "missing"),
}
_A = {
    "category": "a category",
    "number": "a number",
    "date": "a date",
    "bool": "true or false",
    "tags": "a set of tags",
}
_WRITTEN = {
    "number": "write it as 30 or 12.5",
    "date": "write it as 2026-01-31, today or today - 30 days",
    "bool": "write true or false",
}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def check_rule(rule: Rule, columns: Iterable[Column], places: Sequence[int] = ()) -> Rule:
    """The rule with fields named and values typed as the columns have them.

    Field names are found in any case. `places` (of `parse_with_places`) put the position into the sentence. Raises
    `unknown_field` (with the nearest names), `wrong_type` or `unknown_postcode`.
    """
    known = {column.name: column for column in columns}
    folded: dict[str, list[str]] = {}
    for name in known:
        folded.setdefault(name.casefold(), []).append(name)
    typed = []
    for index, term in enumerate(terms(rule)):
        place = places[index] if index < len(places) else None
        try:
            typed.append(_typed(term, known, folded))
        except InvalidInput as error:
            if place is None:
                raise
            sentence = f"{error.sentence} (At character {place + 1} of the rule.)"
            raise InvalidInput(
                sentence, code=error.code, field="rule", details={**error.details, "position": place + 1}
            ) from None
    return _rebuilt(rule, iter(typed))


def _rebuilt(rule: Rule, leaves: Any) -> Rule:
    if rule["op"] in ("and", "or"):
        return {"op": rule["op"], "rules": [_rebuilt(part, leaves) for part in rule["rules"]]}
    if rule["op"] == "not":
        return {"op": "not", "rule": _rebuilt(rule["rule"], leaves)}
    leaf: Rule = next(leaves)
    return leaf


def _typed(term: Rule, known: dict[str, Column], folded: dict[str, list[str]]) -> Rule:
    op = term["op"]
    if op in ("all", "segment"):  # which segments there are, references.py knows
        return term
    if op == "within":
        _found("postcode", known, folded)
        postcodes_within(term)
        return term
    column = _found(term["field"], known, folded)
    if op not in FITTING[column.type]:
        fitting = ", ".join("is missing" if name == "missing" else name for name in FITTING[column.type])
        raise InvalidInput(
            f'"{column.name}" is {_A[column.type]}: "{op}" does not fit it; what fits: {fitting}.',
            code="wrong_type",
            field="rule",
            details={"category": column.name} if column.type == "category" else {},
        )
    fresh: Rule = {"op": op, "field": column.name}
    for key in ("value", "low", "high"):
        if key in term:
            fresh[key] = _value(term[key], column)
    if "values" in term:
        fresh["values"] = [_value(value, column) for value in term["values"]]
    if op == "between" and column.type == "number" and fresh["low"] > fresh["high"]:
        raise InvalidInput(
            f'"{column.name} between" takes the lowest value first: {fresh["low"]} is more than {fresh["high"]}.',
            code="wrong_type",
            field="rule",
        )
    return fresh


def _found(name: str, known: dict[str, Column], folded: dict[str, list[str]]) -> Column:
    if name in known:
        return known[name]
    same = folded.get(name.casefold(), [])
    if len(same) == 1:
        return known[same[0]]
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    names = [written for folded_name in near for written in folded[folded_name]]
    if names:
        hint = "did you mean " + " or ".join(f'"{written}"' for written in names) + "?"
    elif known:
        listed = sorted(known)
        hint = f"known fields: {', '.join(listed[:12])}{', …' if len(listed) > 12 else ''}."
    else:
        hint = "there are no fields here."
    raise InvalidInput(
        f'There is no field "{name[:60]}"; {hint}', code="unknown_field", field="rule", details={"nearest": names}
    )


def _value(value: Any, column: Column) -> Any:
    kind = column.type
    if kind in ("category", "tags"):
        if not isinstance(value, dict):
            return _as_text(value)
    elif kind == "number":
        number = _as_number(value)
        if number is not None:
            return number
    elif kind == "bool":
        if isinstance(value, bool):
            return value
    elif isinstance(value, dict):
        return value
    elif isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise InvalidInput(f'"{value}" is no day of the calendar.', code="wrong_type", field="rule") from None
        return value
    shown = "a day" if isinstance(value, dict) else f'"{_as_text(value)[:40]}"'
    how = f"; {_WRITTEN[kind]}" if kind in _WRITTEN else ""
    raise InvalidInput(f'"{column.name}" is {_A[kind]}, which {shown} is not{how}.', code="wrong_type", field="rule")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None
