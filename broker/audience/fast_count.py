"""The fast path of interactive counts: a snapshot's columns coded when a rule first asks for them, rules scanned.

The general path (table.py) is its oracle and answers what it cannot do: `plan` raises NotCoded then.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from broker.audience.coded import CodedColumn, Codes, NotCoded, code_column, first_of
from broker.audience.coded_file import CodedFile
from broker.audience.model import Mask
from broker.audience.rule import Rule, rule_hash, terms
from broker.audience.scan import Scan, scan_count, scan_left, scan_mask
from broker.audience.scan_plan import Plan, Planner

KEPT_PLANS = 1024
KEPT_SEGMENTS = 256
ReadColumn = Callable[[str], pa.ChunkedArray]


class FastCount:
    """Counts over columns that `read` gives by their stored names (`names`). Safe to use from several threads."""

    def __init__(
        self, read: ReadColumn, names: frozenset[str], rows: int, threads: int, codes: CodedFile | None = None
    ) -> None:
        self._read = read
        self._ready = codes  # columns that were coded when the snapshot was written
        self._names = names
        self._rows = rows
        self._threads = threads
        self._columns: dict[str, CodedColumn | None] = {}
        self._plans: OrderedDict[tuple[bytes, date], Plan] = OrderedDict()
        self._segments: OrderedDict[tuple[bytes, date], NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()
        # Answers what is not coded inside a segment that a rule names; None: such a rule is not coded either.
        self.general: Callable[[Rule, date], Mask] | None = None

    @property
    def held_bytes(self) -> int:
        """Memory of the codes made so far; those of a file are the page cache's."""
        made = [column for column in list(self._columns.values()) if column is not None and column.codes.flags.owndata]
        codes = sum(column.codes.nbytes for column in made)
        return codes + len(self._segments) * (self._rows + 7) // 8

    def has(self, name: str) -> bool:
        """Whether a column of that name is stored."""
        return name in self._names

    def plan(self, rule: Rule, today: date) -> Plan:
        """The plan of a checked rule on a day; raises NotCoded where only the general path can answer."""
        key = (rule_hash(rule), today)
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        segments = {rule_hash(term["rule"]): term["rule"] for term in terms(rule) if term["op"] == "segment"}
        known = {name: self._members(name, body, today) for name, body in segments.items()}
        with self._lock:
            plan = Planner(self._coded, self._names, today, known).plan(rule)
            self._plans[key] = plan
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
            return plan

    def column(self, name: str) -> CodedColumn:
        """A stored column, coded; KeyError where there is none, NotCoded where it cannot be."""
        with self._lock:
            return self._coded(name)

    def field(self, name: str, today: date) -> tuple[Codes, str, Any, NDArray[np.bool_]]:
        """Codes, type, the value of each code but 0 and where it has one, of a stored or derived field."""
        with self._lock:
            column, kind, values, given = Planner(self._coded, self._names, today).field(name)
        return column.codes, kind, values, given

    def count(self, rule: Rule, today: date) -> int:
        """How many rows a rule takes."""
        return scan_count(self.plan(rule, today), self._rows, self._threads)

    def mask(self, rule: Rule, today: date) -> Mask:
        """One truth value a row, in the order of the columns."""
        return scan_mask(self.plan(rule, today), self._rows, self._threads)

    def left(self, rule: Rule, today: date, reasons: NDArray[np.uint8], kinds: int) -> Scan:
        """Who is left of a rule when each row's reason is respected, and how many each reason took."""
        return scan_left(self.plan(rule, today), reasons, kinds, self._threads)

    def _members(self, name: bytes, rule: Rule, today: date) -> NDArray[np.uint8]:
        """The members of a segment that rules name, a bit a row: worked out once and kept."""
        key = (name, today)
        with self._lock:
            if key in self._segments:
                self._segments.move_to_end(key)
                return self._segments[key]
        try:
            mask = self.mask(rule, today)
        except NotCoded:
            if self.general is None:
                raise
            mask = self.general(rule, today)
        bits = np.packbits(mask)
        with self._lock:
            self._segments[key] = bits
            while len(self._segments) > KEPT_SEGMENTS:
                self._segments.popitem(last=False)
        return bits

    def _coded(self, name: str) -> CodedColumn:
        if name not in self._columns:
            try:
                self._columns[name] = self._make(name)
            except NotCoded:
                self._columns[name] = None
        column = self._columns[name]
        if column is None:
            raise NotCoded
        return column

    def _make(self, name: str) -> CodedColumn:
        if self._ready is not None and name in self._ready.names() and (name in self._names or name == "tenure_days"):
            return self._ready.column(name)
        if name == "tenure_days" and name not in self._names:
            if not {"first_purchase", "consent_at"} <= self._names:
                raise NotCoded
            return first_of(self._read("first_purchase"), self._read("consent_at"))
        if name not in self._names:
            raise KeyError(name)
        return code_column(self._read(name))


def of_parquet(path: Path, threads: int, codes: CodedFile | None = None) -> FastCount:
    """Over a Parquet file; text columns are read as the dictionaries they are stored in. What `codes` hold is ready."""
    # Opened once: the list of columns of a wide base takes longer to read than a column.
    file = pq.ParquetFile(path)
    form = file.schema_arrow

    def read(name: str) -> pa.ChunkedArray:
        return file.read([name]).column(0)

    seen = Counter(name.casefold() for name in form.names)
    names = frozenset(name for name in form.names if seen[name.casefold()] == 1)  # DuckDB renames the others
    return FastCount(read, names, file.metadata.num_rows, threads, codes)


def of_table(table: pa.Table, threads: int) -> FastCount:
    """Over a table in memory."""
    return FastCount(lambda name: table.column(name), frozenset(table.column_names), table.num_rows, threads)
