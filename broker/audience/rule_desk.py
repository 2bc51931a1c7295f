"""What the rule editor asks of the audience process, for the base's owner alone: figures of each branch of a rule, what
a field holds, how well fields are filled. Exact figures; the caller has checked that the base is the actor's."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from broker.audience.coded import TAG_MARK, NotCoded
from broker.audience.desk import CountDesk, base_asked_about
from broker.audience.profile_codes import AGE_BANDS, RECENCY_BANDS, band_names
from broker.audience.references import checked_rule
from broker.audience.rule import clean_rule
from broker.kernel.errors import CourtierError, InvalidInput

BRANCH_SECONDS = 2.0
MOST_BRANCHES = 400
MOST_VALUES = 50
MOST_OVERLAPPED = 8
PROFILED = ("gender", "age", "region", "value_tier", "recency_days")
_BANDS = {"age": AGE_BANDS, "recency_days": RECENCY_BANDS}
EPOCH = date(1970, 1, 1)


def count_branches(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id, rules, …}` → `{whole, branches}`: the first rule counted whole as `count_for_owner` does (its other
    arguments go along), and how many people each of the others takes by itself; None where it says nothing yet or time
    ran out."""
    rules = arguments.get("rules")
    if not isinstance(rules, list) or not rules:
        raise InvalidInput('A question about branches needs a list "rules".', code="bad_question")
    shared = {name: value for name, value in arguments.items() if name != "rules"}
    whole = desk.count_for_owner({**shared, "rule": rules[0]})
    until = time.monotonic() + BRANCH_SECONDS
    branches = [
        _count(desk, {**shared, "rule": rule}) if time.monotonic() < until else None
        for rule in rules[1 : MOST_BRANCHES + 1]
    ]
    return {"whole": whole, "branches": branches + [None] * (len(rules) - 1 - len(branches))}


def field_values(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id, field, like?}` → `{type, rows, missing, values, low, high, median}`: the most frequent values of
    words and tags that hold `like` (accents and case aside), the range of numbers and days."""
    name, like = str(arguments.get("field", "")), _folded(str(arguments.get("like") or ""))
    with desk.database.begin() as unit:
        snapshot = desk.snapshot(unit, base_asked_about(arguments))
        today = unit.today
    try:
        codes, kind, values, given = snapshot.fast.field(name, today)
    except (NotCoded, KeyError):
        return {"type": "", "rows": snapshot.row.rows, "missing": None, "values": []}
    people = np.bincount(codes, minlength=len(given) + 1)
    answer: dict[str, Any] = {
        "type": kind,
        "rows": int(people.sum()),
        "missing": int(people[0] + people[1:][~given].sum()),
        "values": [],
    }
    if kind in ("category", "tags"):
        return {**answer, "values": _frequent(values.to_pylist(), people[1:], kind, like)}
    if kind == "bool":
        no, yes = people[1:].tolist()
        return {**answer, "values": [{"value": False, "count": no}, {"value": True, "count": yes}]}
    return {**answer, **_range(np.asarray(values), people[1:] * given, kind)}


def fields_filled(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id}` → `{rows, filled: {column: contacts who have a value}}`, of stored columns."""
    with desk.database.begin() as unit:
        row = desk.snapshot(unit, base_asked_about(arguments)).row
    return {"rows": row.rows, "filled": _filled(desk.settings.state_dir / "snapshots" / row.file_name)}


def own_profile(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id, rule}` → `{people, profile: {field: [{value, count, base}]}}`: who the members of a rule are, beside
    the whole base; people of unknown value stand in no cell."""
    with desk.database.begin() as unit:
        snapshot = desk.snapshot(unit, base_asked_about(arguments))
        today = unit.today
        columns = snapshot.table(today).columns
        rule = checked_rule(unit, snapshot.row.base_id, clean_rule(arguments.get("rule")), columns)
    members = snapshot.mask(rule, today)
    known = {column.name for column in columns}
    profile: dict[str, list[dict[str, Any]]] = {}
    for name in PROFILED:
        if name in known:
            try:
                codes, kind, values, given = snapshot.fast.field(name, today)
            except (NotCoded, KeyError):
                continue
            inside = np.bincount(codes[members], minlength=len(given) + 1)[1:] * given
            base = np.bincount(codes, minlength=len(given) + 1)[1:] * given
            profile[name] = _cells(_labels(name, kind, values), inside, base)
    return {"people": int(np.count_nonzero(members)), "profile": profile}


def overlap(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id, rules}` → `{sizes, pairs, union, parts: [{members, count}]}` of two to eight rules, after exclusions
    (towards anybody): people of each, of each two, of any, and of exactly these (`members` are places in `rules`), the
    largest first."""
    rules = arguments.get("rules")
    if not isinstance(rules, list) or not 2 <= len(rules) <= MOST_OVERLAPPED:
        raise InvalidInput('A question about overlap needs two to eight "rules".', code="bad_question")
    with desk.database.begin() as unit:
        snapshot = desk.snapshot(unit, base_asked_about(arguments))
        today = unit.today
        columns = snapshot.table(today).columns
        bound = [checked_rule(unit, snapshot.row.base_id, clean_rule(rule), columns) for rule in rules]
        left = desk.left(unit, snapshot, {"op": "all"}, None).left
    marks = np.zeros(snapshot.row.rows, dtype=np.uint8)  # one bit a rule
    for place, rule in enumerate(bound):
        marks |= (snapshot.mask(rule, today) & left).astype(np.uint8) << np.uint8(place)
    people = np.bincount(marks, minlength=1 << len(rules)).tolist()

    def of(wanted: int) -> int:
        return sum(number for mark, number in enumerate(people) if mark & wanted == wanted)

    places = range(len(rules))
    parts = [
        {"members": [place for place in places if mark >> place & 1], "count": number}
        for mark, number in enumerate(people)
        if mark and number
    ]
    return {
        "sizes": [of(1 << place) for place in places],
        "pairs": [[of(1 << one | 1 << other) for other in places] for one in places],
        "union": sum(people[1:]),
        "parts": sorted(parts, key=lambda part: -part["count"]),
    }


def _labels(name: str, kind: str, values: Any) -> list[str]:
    """The cell of each value: a band of numbers, or the text itself; empty for none."""
    bands = _BANDS.get(name)
    if bands is None:
        return [text or "" for text in values.to_pylist()] if kind == "category" else [""] * len(values)
    names = band_names(bands)
    found = [""] * len(values)
    for place, number in enumerate(np.asarray(values).tolist()):
        found[place] = next((names[at] for at, (low, high) in enumerate(bands) if low <= number <= high), "")
    return found


def _cells(labels: list[str], inside: NDArray[np.int64], base: NDArray[np.int64]) -> list[dict[str, Any]]:
    sums: dict[str, list[int]] = {}
    for label, own, all_ in zip(labels, inside.tolist(), base.tolist(), strict=True):
        if label:
            pair = sums.setdefault(label, [0, 0])
            pair[0] += own
            pair[1] += all_
    return [{"value": label, "count": own, "base": all_} for label, (own, all_) in sorted(sums.items()) if all_]


def _count(desk: CountDesk, arguments: dict[str, Any]) -> int | None:
    try:
        return int(desk.count_for_owner(arguments)["count"])
    except CourtierError:
        return None


def _frequent(texts: list[str | None], people: NDArray[np.int64], kind: str, like: str) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    for text, number in zip(texts, people.tolist(), strict=True):
        if text and number:
            for part in text.split(TAG_MARK) if kind == "tags" else (text,):
                counts[part] += number
    found = [(text, number) for text, number in counts.items() if like in _folded(text)] if like else counts.items()
    starts = {text for text, _ in found if _folded(text).startswith(like)} if like else set()
    ordered = sorted(found, key=lambda one: (one[0] not in starts, -one[1], one[0]))
    return [{"value": text, "count": number} for text, number in ordered[:MOST_VALUES]]


def _range(values: NDArray[Any], people: NDArray[np.int64], kind: str) -> dict[str, Any]:
    held = people > 0
    if not held.any():
        return {}
    order = np.argsort(values[held], kind="stable")
    numbers, sums = values[held][order], np.cumsum(people[held][order])
    middle = numbers[int(np.searchsorted(sums, (sums[-1] + 1) // 2))]
    found = {"low": numbers[0], "high": numbers[-1], "median": middle}
    if kind == "date":
        return {key: (EPOCH + timedelta(days=int(day))).isoformat() for key, day in found.items()}
    return {key: value.item() for key, value in found.items()}


@lru_cache(maxsize=16)
def _filled(path: Path) -> dict[str, int]:
    """From the file's own statistics: nothing is read but its foot."""
    meta = pq.read_metadata(path)
    missing: Counter[str] = Counter()
    known: set[str] = set()
    for group in range(meta.num_row_groups):
        part = meta.row_group(group)
        for place in range(meta.num_columns):
            column = part.column(place)
            if column.statistics is not None and column.statistics.has_null_count:
                name = column.path_in_schema.partition(".")[0]
                known.add(name)
                missing[name] += column.statistics.null_count
    return {name: max(0, meta.num_rows - missing[name]) for name in known}


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


CALLS = {
    "count_branches": count_branches,
    "field_values": field_values,
    "fields_filled": fields_filled,
    "own_profile": own_profile,
    "overlap": overlap,
}
