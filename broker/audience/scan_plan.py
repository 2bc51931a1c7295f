"""A checked rule as a plan over coded columns: one truth value a code for all that asks about one column.

Conditions are two-valued as in compile.py: false on a missing value, and `not` takes everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.audience.code_fields import EPOCH, SOURCES, derived_values, postcode_texts
from broker.audience.coded import LARGEST_EXACT, TAG_MARK, CodedColumn, NotCoded
from broker.audience.columns import ANNIVERSARY
from broker.audience.compile import day_of
from broker.audience.places import postcodes_within
from broker.audience.rule import Rule, rule_hash

Table = NDArray[np.bool_]
FEW_RANGES = 4
NO_SEGMENTS: Mapping[bytes, NDArray[np.uint8]] = {}


@dataclass(frozen=True)
class Always:
    """Everybody or nobody."""

    wanted: bool


@dataclass(frozen=True)
class Test:
    """The codes of one column that are wanted; `ranges` if they are few runs of codes, first and last."""

    column: CodedColumn
    table: Table
    ranges: list[tuple[int, int]] = field(init=False)
    share: float = field(init=False)  # of the rows

    def __post_init__(self) -> None:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self.table, [False])).astype(np.int8)))
        runs = [] if len(edges) > 2 * FEW_RANGES else edges.reshape(-1, 2).tolist()
        object.__setattr__(self, "ranges", [(first, last - 1) for first, last in runs])
        rows = max(int(self.column.rows_of.sum()), 1)
        object.__setattr__(self, "share", float(self.column.rows_of[self.table].sum()) / rows)


@dataclass(frozen=True)
class Chain:
    """All of its parts, or any of them."""

    every: bool
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Known:
    """Members that were worked out before, a bit a row (as np.packbits has them); `wanted` or everybody else."""

    bits: NDArray[np.uint8]
    wanted: bool = True


Plan = Always | Test | Chain | Known
ColumnOf = Callable[[str], CodedColumn]  # by the name of a stored column; KeyError where there is none


class Planner:
    """Makes plans on one day. `column_of` gives stored columns and raises NotCoded; `stored` are their names.

    `segments` are the members of the segments that a rule names, by the hashes of their rules.
    """

    def __init__(
        self,
        column_of: ColumnOf,
        stored: frozenset[str],
        today: date,
        segments: Mapping[bytes, NDArray[np.uint8]] = NO_SEGMENTS,
    ) -> None:
        self._column_of = column_of
        self._stored = stored
        self._today = today
        self._segments = segments
        self._derived: dict[str, tuple[CodedColumn, Any, Any, NDArray[np.bool_]]] = {}

    def plan(self, rule: Rule) -> Plan:
        """The plan of a checked rule; raises NotCoded where only the general path can answer."""
        op = rule["op"]
        if op == "all":
            return Always(True)
        if op == "not":
            return _opposite(self.plan(rule["rule"]))
        if op in ("and", "or"):
            return _chain(op == "and", [self.plan(part) for part in rule["rules"]])
        if op == "segment":
            return Known(self._segments[rule_hash(rule["rule"])])
        return self._leaf(rule)

    def _leaf(self, rule: Rule) -> Plan:
        op = rule["op"]
        if op == "within":
            column = self._column("postcode")
            near = set(postcodes_within(rule))
            return _test(column, np.array([code in near for code in postcode_texts(column)], dtype=np.bool_))
        column, kind, values, given = self.field(rule["field"])
        if op == "missing":
            return Test(column, np.concatenate(([True], ~given)))
        if op == "!=":
            return _opposite(_test(column, given & self._found("=", kind, values, rule)))
        return _test(column, given & self._found(op, kind, values, rule))

    def _found(self, op: str, kind: str, values: Any, rule: Rule) -> Table:
        if kind == "category":
            return _text_found(op, values, rule)
        if kind == "tags":
            return np.array(
                [bool(text) and rule["value"] in text.split(TAG_MARK) for text in values.to_pylist()], dtype=np.bool_
            )
        known = {key: self._number(kind, values, rule[key]) for key in ("value", "low", "high") if key in rule}
        if op == "in":
            wanted = [self._number(kind, values, value) for value in rule["values"]]
            found: Table = np.isin(values, np.array(wanted, dtype=np.result_type(values, *wanted)))
            return found
        if op == "between":
            return np.asarray((values >= known["low"]) & (values <= known["high"]), dtype=np.bool_)
        return np.asarray(_COMPARE[op](values, known["value"]), dtype=np.bool_)

    def _number(self, kind: str, values: Any, value: Any) -> Any:
        """A value of a rule as the column's values are; NotCoded where comparing would not be exact."""
        if kind == "date":
            return day_of(value, self._today).toordinal() - EPOCH
        if kind == "bool":
            return value
        mixed = isinstance(value, float) or values.dtype.kind == "f"
        if mixed and (abs(value) > LARGEST_EXACT or (values.dtype.kind == "i" and _largest(values) > LARGEST_EXACT)):
            raise NotCoded
        if not -(2**63) <= value < 2**63:
            raise NotCoded
        return value

    def field(self, name: str) -> tuple[CodedColumn, Any, Any, NDArray[np.bool_]]:
        """A field's column, type, the value of each code but the missing one's, and where there is one."""
        if name not in self._derived:
            if name in self._stored:
                column = self._column(name)
                found = (column, column.type, column.values, np.ones(len(column.values), dtype=np.bool_))
            elif name == "tenure_days" or name in SOURCES:
                column = self._column("tenure_days" if name == "tenure_days" else SOURCES[name])
                found = (column, *derived_values(name, column, self._today))
            elif name.endswith(ANNIVERSARY) and name.removesuffix(ANNIVERSARY) in self._stored:
                column = self._column(name.removesuffix(ANNIVERSARY))
                found = (column, *derived_values(name, column, self._today))
            else:
                raise NotCoded
            self._derived[name] = found
        return self._derived[name]

    def _column(self, name: str) -> CodedColumn:
        try:
            return self._column_of(name)
        except KeyError:
            raise NotCoded from None


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda values, value: values == value,
    "<": lambda values, value: values < value,
    "<=": lambda values, value: values <= value,
    ">": lambda values, value: values > value,
    ">=": lambda values, value: values >= value,
}


def _test(column: CodedColumn, wanted: Table) -> Test:
    """A test that the missing code never passes."""
    return Test(column, np.concatenate(([False], wanted)))


def _text_found(op: str, values: pa.Array, rule: Rule) -> Table:
    if op == "starts with":
        found = pc.starts_with(values, rule["value"])
    else:
        wanted = rule["values"] if op == "in" else [rule["value"]]
        found = pc.is_in(values, value_set=pa.array(wanted, pa.string()))
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _opposite(plan: Plan) -> Plan:
    if isinstance(plan, Always):
        return Always(not plan.wanted)
    if isinstance(plan, Test):
        return Test(plan.column, ~plan.table)
    if isinstance(plan, Known):
        return Known(plan.bits, not plan.wanted)
    return _chain(not plan.every, [_opposite(part) for part in plan.parts])


def _chain(every: bool, parts: list[Plan]) -> Plan:
    """The parts of one and/or with all that asks about one column made one test, the quickest and narrowest first."""
    by_column: dict[int, Test] = {}
    chains: list[Chain | Known] = []
    waiting = parts[::-1]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Always):
            if part.wanted != every:
                return Always(not every)
        elif isinstance(part, Chain):
            if part.every == every:
                waiting.extend(reversed(part.parts))
            else:
                chains.append(part)
        elif isinstance(part, Known):
            chains.append(part)
        else:
            same = by_column.get(id(part.column))
            if same is not None:
                part = Test(part.column, same.table & part.table if every else same.table | part.table)
            by_column[id(part.column)] = part
    tests = sorted(by_column.values(), key=lambda test: (not test.ranges, test.share if every else 1 - test.share))
    known_first = sorted(chains, key=lambda part: isinstance(part, Chain))
    found: tuple[Test | Chain | Known, ...] = (*tests, *known_first)
    if not found:
        return Always(every)
    return found[0] if len(found) == 1 else Chain(every, found)


def _largest(values: Any) -> int:
    return max(abs(int(values[0])), abs(int(values[-1]))) if len(values) else 0
