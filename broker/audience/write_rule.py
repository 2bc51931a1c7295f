"""Rule tree to rule text: what people read and edit. Parsing the text gives the same tree again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.audience.parse import number_or_text
from broker.audience.rule import Rule
from broker.audience.words import written

NO_NAMES: Mapping[str, str] = {}
_STRENGTH = {"or": 0, "and": 1}


def rule_text(rule: Rule, names: Mapping[str, str] = NO_NAMES) -> str:
    """The text of a clean rule, with no more parentheses than needed.

    `names` says how segments are called, by code; one without a name stands by its code.
    """
    return _text(rule, 0, names)


def value_text(value: Any) -> str:
    """One value. Text that would be read as a number, a truth value or a word of the grammar is quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        count, unit = value["today"], value["unit"]
        return "today" if count == 0 else f"today {'-' if count < 0 else '+'} {abs(count)} {unit}"
    if isinstance(value, str):
        return f'"{value}"' if not isinstance(number_or_text(value), str) else written(value)
    if isinstance(value, float) and number_or_text(repr(abs(value))) != abs(value):
        return f"{value:.15f}".rstrip("0").rstrip(".")
    return repr(value)


def _text(rule: Rule, outer: int, names: Mapping[str, str]) -> str:
    op = rule["op"]
    if op in _STRENGTH:
        own = _STRENGTH[op]
        inner = f" {op} ".join(_text(part, own + 1, names) for part in rule["rules"])
        return f"({inner})" if own < outer else inner
    if op == "not":
        return _not_text(rule["rule"], names)
    if op == "all":
        return "all"
    if op == "segment":
        return f"segment {written(names.get(rule['segment'], rule['segment']))}"
    if op == "within":
        place = f"{value_text(rule['lat'])}, {value_text(rule['lon'])}" if "lat" in rule else written(rule["postcode"])
        return f"within({rule['km']} km of {place})"
    return _condition(rule, "")


def _not_text(rule: Rule, names: Mapping[str, str]) -> str:
    if rule["op"] in ("in", "between", "starts with", "has", "missing"):
        return _condition(rule, "not ")
    return f"not {_text(rule, 2, names)}"


def _condition(rule: Rule, turned: str) -> str:
    field, op = written(rule["field"]), rule["op"]
    if op == "missing":
        return f"{field} is {turned}missing"
    if op == "between":
        return f"{field} {turned}between {value_text(rule['low'])} and {value_text(rule['high'])}"
    if op == "in":
        return f"{field} {turned}in ({', '.join(map(value_text, rule['values']))})"
    return f"{field} {turned}{op} {value_text(rule['value'])}"
