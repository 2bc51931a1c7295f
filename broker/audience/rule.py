"""The rule tree: what a segment says, as JSON dictionaries.

A rule is one of (docs/rules.md):

- `{"op": "all"}` everybody;
- `{"op": "and" | "or", "rules": [rule, …]}`, `{"op": "not", "rule": rule}`;
- `{"op": "=" | "!=" | "<" | "<=" | ">" | ">=" | "starts with" | "has", "field": name, "value": value}`;
- `{"op": "between", "field": name, "low": value, "high": value}` (both ends included);
- `{"op": "in", "field": name, "values": [value, …]}`, `{"op": "missing", "field": name}`;
- `{"op": "within", "km": number, "postcode": text}`, or with `"lat": degrees, "lon": degrees` instead of a post code;
- `{"op": "segment", "segment": code}`, another saved rule over the same base (references.py binds it to that rule).

A value is text, a number, true or false, or `{"today": n, "unit": "days" | "weeks" | "months" | "years"}`.
Chains of and/or are kept flat, so that a rule of thousands of terms is a shallow tree.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Any

from broker.kernel.errors import InvalidInput

Rule = dict[str, Any]
Value = str | int | float | bool | dict[str, Any]

EVERYBODY: Rule = {"op": "all"}
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
WITH_VALUE = (*COMPARISONS, "starts with", "has")
UNITS = ("days", "weeks", "months", "years")
LARGEST_DEPTH = 50
LARGEST_TERMS = 5_000


def clean_rule(raw: object) -> Rule:
    """A well-formed rule from untrusted JSON; raises `bad_rule` with a sentence. Fields are not looked at here."""
    rule = _clean(raw, 0)
    if sum(1 for _ in terms(rule)) > LARGEST_TERMS:
        raise _fault(f"A rule holds at most {LARGEST_TERMS} terms.")
    return rule


def read_json_rule(text: str) -> Rule:
    """A rule from the text of a JSON file."""
    try:
        return clean_rule(json.loads(text))
    except json.JSONDecodeError as error:
        raise _fault(
            f"The rule file is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _fault("The rule file is nested too deeply.") from None


def both(first: Rule, second: Rule | None) -> Rule:
    """The rule that asks for both; a missing second asks for nothing more."""
    if second is None or second["op"] == "all":
        return first
    if first["op"] == "all":
        return second
    return join("and", [first, second])


def join(op: str, rules: list[Rule]) -> Rule:
    """One flat `and` or `or` of these rules (at least one)."""
    flat: list[Rule] = []
    for rule in rules:
        flat.extend(rule["rules"] if rule["op"] == op else [rule])
    return flat[0] if len(flat) == 1 else {"op": op, "rules": flat}


def opposite(rule: Rule) -> Rule:
    """Everybody whom the rule does not take; two nots cancel out."""
    inner: Rule = rule["rule"] if rule["op"] == "not" else {"op": "not", "rule": rule}
    return inner


def terms(rule: Rule) -> Iterator[Rule]:
    """The leaves from left to right."""
    waiting = [rule]
    while waiting:
        node = waiting.pop()
        if node["op"] in ("and", "or"):
            waiting.extend(reversed(node["rules"]))
        elif node["op"] == "not":
            waiting.append(node["rule"])
        else:
            yield node


def fields_of(rule: Rule) -> set[str]:
    """The names of the fields it asks about; `within` asks about `postcode`, another segment about `segment CODE`."""
    names = {term["field"] for term in terms(rule) if "field" in term}
    if any(term["op"] == "within" for term in terms(rule)):
        names.add("postcode")
    return names | {f"segment {name}" for name in segments_named(rule)}


def segments_named(rule: Rule) -> set[str]:
    """The segments that a rule names itself, by code or name; not those that these name in turn."""
    return {term["segment"] for term in terms(rule) if term["op"] == "segment"}


def rule_hash(rule: Rule) -> bytes:
    """16 bytes that name this tree (not its meaning: two spellings of one set differ).

    A bound segment counts as the rule it stands for, whatever its code; each is hashed once however often it is named.
    """
    return _hash(rule, {})


def _hash(rule: Rule, known: dict[int, bytes]) -> bytes:
    if any("rule" in term for term in terms(rule)):
        rule = _without_bodies(rule, known)
    plain = json.dumps(rule, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(plain.encode(), digest_size=16).digest()


def _without_bodies(rule: Rule, known: dict[int, bytes]) -> Rule:
    op = rule["op"]
    if op in ("and", "or"):
        return {"op": op, "rules": [_without_bodies(part, known) for part in rule["rules"]]}
    if op == "not":
        return {"op": op, "rule": _without_bodies(rule["rule"], known)}
    if op != "segment" or "rule" not in rule:
        return rule
    body = rule["rule"]
    if id(body) not in known:
        known[id(body)] = _hash(body, known)
    return {"op": "segment", "hash": known[id(body)].hex()}


def _clean(raw: object, depth: int) -> Rule:
    nots = 0
    while isinstance(raw, dict) and raw.get("op") == "not":
        _keys(raw, "rule")
        raw, nots = raw["rule"], nots + 1
    if depth > LARGEST_DEPTH:
        raise _fault(f"A rule may be nested {LARGEST_DEPTH} deep at most.")
    if not isinstance(raw, dict) or not isinstance(raw.get("op"), str):
        raise _fault('A rule is a JSON object with "op".')
    op = raw["op"]
    chain = op in ("and", "or")
    rule = join(op, [_clean(part, depth + 1) for part in _parts(raw, op)]) if chain else _leaf(raw, op)
    return opposite(rule) if nots % 2 else rule


def _parts(raw: dict[str, Any], op: str) -> list[object]:
    """The children of a chain of one operator, however deep the chain was written."""
    parts: list[object] = []
    waiting: list[object] = [raw]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and node.get("op") == op:
            _keys(node, "rules")
            if not isinstance(node["rules"], list) or not node["rules"]:
                raise _fault(f'"{op}" needs a list "rules" that is not empty.')
            waiting.extend(reversed(node["rules"]))
        else:
            parts.append(node)
    return parts


def _leaf(raw: dict[str, Any], op: str) -> Rule:
    if op == "all":
        _keys(raw)
        return dict(EVERYBODY)
    if op == "within" and "postcode" not in raw:
        _keys(raw, "km", "lat", "lon")
        return {
            "op": op,
            "km": _distance(raw["km"]),
            "lat": _degrees(raw["lat"], 90, "lat"),
            "lon": _degrees(raw["lon"], 180, "lon"),
        }
    if op == "within":
        _keys(raw, "km", "postcode")
        return {"op": op, "km": _distance(raw["km"]), "postcode": str(raw["postcode"])}
    if op == "segment":
        _keys(raw, "segment")
        if not isinstance(raw["segment"], str) or not 0 < len(raw["segment"]) <= 200:
            raise _fault('"segment" must be the code or the name of a saved segment.')
        return {"op": op, "segment": unicodedata.normalize("NFC", raw["segment"])}
    if op == "missing":
        _keys(raw, "field")
        return {"op": op, "field": _name(raw["field"])}
    if op == "between":
        _keys(raw, "field", "low", "high")
        return {
            "op": op,
            "field": _name(raw["field"]),
            "low": clean_value(raw["low"]),
            "high": clean_value(raw["high"]),
        }
    if op == "in":
        _keys(raw, "field", "values")
        if not isinstance(raw["values"], list) or not raw["values"]:
            raise _fault('"in" needs a list "values" that is not empty.')
        return {"op": op, "field": _name(raw["field"]), "values": [clean_value(value) for value in raw["values"]]}
    if op in WITH_VALUE:
        _keys(raw, "field", "value")
        return {"op": op, "field": _name(raw["field"]), "value": clean_value(raw["value"])}
    raise _fault(f"There is no operator {op[:40]!r} in rules.")


def _distance(raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 < raw <= 2_000:
        raise _fault('"within" needs a distance of more than 0 and at most 2000 km.')
    return raw


def _degrees(raw: object, most: int, name: str) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not -most <= raw <= most:
        raise _fault(f'"{name}" is a number of degrees from -{most} to {most}.')
    return raw


def _name(raw: object) -> str:
    if not isinstance(raw, str) or not raw or len(raw) > 200:
        raise _fault('"field" must be the name of a field.')
    return unicodedata.normalize("NFC", raw)


def clean_value(raw: object) -> Value:
    """One value of a rule, text in composed form (é as one letter)."""
    if isinstance(raw, str):
        return unicodedata.normalize("NFC", raw)
    if isinstance(raw, bool | int) or (isinstance(raw, float) and math.isfinite(raw)):
        return raw
    if isinstance(raw, dict) and set(raw) == {"today", "unit"}:
        days, unit = raw["today"], raw["unit"]
        if isinstance(days, int) and not isinstance(days, bool) and abs(days) <= 100_000 and unit in UNITS:
            return {"today": days, "unit": unit if days else "days"}
    raise _fault("A value of a rule is text, a number, true, false or a day relative to today.")


def _keys(raw: dict[str, Any], *wanted: str) -> None:
    if set(raw) != {"op", *wanted}:
        names = ", ".join(f'"{name}"' for name in ("op", *wanted))
        raise _fault(f"{raw['op']!r} in a rule takes exactly {names}.")


def _fault(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, code="bad_rule", field="rule")
