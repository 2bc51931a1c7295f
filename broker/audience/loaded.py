"""A snapshot in memory: what every count needs as arrays, the fields of rules as codes, and in DuckDB when needed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from broker.audience.coded import NotCoded
from broker.audience.coded_file import PLAIN, codes_path, fixed_bytes, open_codes
from broker.audience.columns import Column, arrow_columns, with_derived
from broker.audience.fast_count import of_parquet
from broker.audience.model import Mask, SnapshotRow
from broker.audience.profile_codes import ProfileCodes, profile_codes
from broker.audience.rule import Rule, rule_hash
from broker.audience.scan import Scan
from broker.audience.table import RuleTable, open_duckdb
from broker.kernel.errors import CourtierError, IntegrityFault, Unavailable

KEPT_MASKS = 256
KEPT_REASONS = 32
DECODED_BYTES = 30  # a row: days, flags and partner lists as the exclusions need them


class LoadedSnapshot:
    """One snapshot's rows, in the order of its file (by contact key). All arrays have one entry a row.

    `contact_keys` S16, `noise` int64, `partner_list` int32 (0: none), days datetime64[D] (NaT where missing).
    """

    def __init__(
        self, row: SnapshotRow, path: Path, memory_mb: int, threads: int, verify: Literal["now", "behind"] = "now"
    ) -> None:
        """`verify` the file's checksum before anything is answered, or behind the first answers (`verified`)."""
        self.row = row
        self._path = path
        self._codes = open_codes(path, row.sha256)
        self._unverified: Thread | None = None
        self._fault: CourtierError | None = None
        if verify == "now":
            self._check_whole()
            self.verified()
        elif not path.exists():
            raise _missing(row)
        else:
            self._unverified = Thread(target=self._check_whole, name="verify", daemon=True)
            self._unverified.start()
        if self._codes is not None:
            self.contact_ids: NDArray[np.int64] = self._codes.plain("contact_id")
            self.contact_keys: NDArray[np.bytes_] = self._codes.plain("contact_key")
            self.noise: NDArray[np.int64] = self._codes.plain("noise")
        else:
            arrays = pq.read_table(path, columns=list(PLAIN))
            self.contact_ids = arrays.column("contact_id").to_numpy()
            self.contact_keys = fixed_bytes(arrays.column("contact_key"))
            self.noise = arrays.column("noise").to_numpy()
        self.threads = threads
        self.fast = of_parquet(path, threads, self._codes)
        self.fast.general = self._general_mask
        self._connection = open_duckdb(memory_mb, threads)
        self._place = str(path.absolute()).replace("'", "''")
        self._general_fits = _general_size(path, memory_mb)
        self.general_bytes = 0  # held by DuckDB, once the general path was needed
        self._attach("VIEW")
        self._tables: dict[date, RuleTable] = {}
        self._columns = _columns_of(path)
        self._masks: OrderedDict[tuple[bytes, date], NDArray[np.uint8]] = OrderedDict()
        self._profiles: dict[tuple[tuple[str, ...], date], ProfileCodes] = {}
        self._reasons: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Memory held, about."""
        plain = 0 if self._codes is not None else 32  # bytes a row; what stands in the file is the page cache's
        kept = len(self._profiles) * 2 + len(self._reasons) + plain + DECODED_BYTES
        return self.fast.held_bytes + kept * self.row.rows + self.general_bytes

    @cached_property
    def consent(self) -> Mask:
        """Whose consent has a complete proof."""
        return self._truths("consent_complete")

    @cached_property
    def minor(self) -> Mask:
        """Who was a minor when the file was read, where no date of birth says better."""
        return self._truths("minor")

    @cached_property
    def partner_list(self) -> NDArray[np.int32]:
        """The version of the partner list that each consent named; 0: none."""
        column = self.fast.column("partner_list")
        return np.concatenate(([0], column.values)).astype(np.int32)[column.codes]

    @cached_property
    def birth_date(self) -> NDArray[np.datetime64]:
        """Days of birth."""
        return self._days("birth_date")

    @cached_property
    def last_purchase(self) -> NDArray[np.datetime64]:
        """Days of the last purchase."""
        return self._days("last_purchase")

    @cached_property
    def consent_day(self) -> NDArray[np.datetime64]:
        """Days of the consent."""
        return self._days("consent_at")

    def where(self, name: str, wanted: Callable[[NDArray[Any]], Mask]) -> Mask:
        """Which rows have a value of a stored column that `wanted` takes; it is asked once a value. Missing: no."""
        column = self.fast.column(name)
        table = np.concatenate(([False], wanted(np.asarray(column.values))))
        return np.take(table, column.codes)

    def days(self, name: str) -> NDArray[np.datetime64]:
        """The days of a stored column of dates (datetime64[D]), NaT where missing."""
        return self._days(name)

    def missing(self, name: str) -> Mask:
        """Which rows have no value in a stored column."""
        found: Mask = self.fast.column(name).codes == 0
        return found

    def _truths(self, name: str) -> Mask:
        column = self.fast.column(name)
        return np.concatenate(([False], column.values))[column.codes]

    def _days(self, name: str) -> NDArray[np.datetime64]:
        column = self.fast.column(name)
        days = np.concatenate((np.array(["NaT"], "datetime64[D]"), np.asarray(column.values, dtype="datetime64[D]")))
        return days[column.codes]

    def verified(self, wait: bool = False) -> bool:
        """Whether the files were found whole; raises what is wrong with them."""
        if wait and self._unverified is not None:
            self._unverified.join()
        if self._fault is not None:
            raise self._fault
        return self._unverified is None or not self._unverified.is_alive()

    def _check_whole(self) -> None:
        try:
            _check_whole(self.row, self._path)
            if self._codes is not None and not self._codes.is_whole():
                raise IntegrityFault(
                    f"The codes beside snapshot {self.row.number} are not the file that was written: remove"
                    f" {codes_path(self._path).name}; they are made anew.",
                    code="codes_changed",
                )
        except CourtierError as fault:
            self._fault = fault

    def table(self, today: date) -> RuleTable:
        """The table of rules as of a day; yesterday's is dropped."""
        with self._lock:
            if today not in self._tables:
                self._tables = {today: RuleTable(self._connection, "snapshot", today, self._columns)}
                self._masks.clear()
            return self._tables[today]

    def mask(self, rule: Rule, today: date) -> Mask:
        """Which rows a checked rule takes: the fast way where it can, else the general one."""
        try:
            return self.fast.mask(rule, today)
        except NotCoded:
            return self._general_mask(rule, today)

    def left(self, rule: Rule, today: date, reasons: NDArray[np.uint8], kinds: int) -> Scan:
        """Who is left of a checked rule when reasons (1 to `kinds`) exclude, and how many each took."""
        try:
            return self.fast.left(rule, today, reasons, kinds)
        except NotCoded:
            members = self._general_mask(rule, today)
            kept = members & (reasons == 0)
            return Scan(kept, np.bincount(np.compress(members, reasons), minlength=kinds + 1))

    def profile_codes(self, names: tuple[str, ...], today: date) -> ProfileCodes:
        """The cells of a profile as codes, made once a day; raises NotCoded."""
        key = (names, today)
        if key not in self._profiles:
            made = profile_codes(
                self.fast, names, frozenset(column.name for column in self.table(today).columns), today
            )
            self._profiles = {key: made}
        return self._profiles[key]

    def reasons(self, key: Hashable, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Exclusion reasons a row, kept under what they follow from; `make` works them out."""
        with self._lock:
            if key in self._reasons:
                self._reasons.move_to_end(key)
                return self._reasons[key]
        made = make()
        with self._lock:
            self._reasons[key] = made
            while len(self._reasons) > KEPT_REASONS:
                self._reasons.popitem(last=False)
        return made

    def _general_mask(self, rule: Rule, today: date) -> Mask:
        """The general path; the last few hundred answers are kept (a bit a row)."""
        table = self.table(today)
        key = (rule_hash(rule), today)
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return np.unpackbits(self._masks[key], count=self.row.rows).view(np.bool_)
            if self._general_fits and not self.general_bytes:
                self._attach("TABLE")
                self.general_bytes = self._general_fits
        members = table.mask(rule)
        with self._lock:
            self._masks[key] = np.packbits(members)
            while len(self._masks) > KEPT_MASKS:
                self._masks.popitem(last=False)
        return members

    def rows_of_keys(self, keys: Sequence[bytes] | NDArray[np.bytes_]) -> Mask:
        """Which rows have one of these contact keys."""
        found = np.zeros(len(self.contact_keys), dtype=np.bool_)
        found[self.places_of_keys(keys)] = True
        return found

    def places_of_keys(self, keys: Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.intp]:
        """The rows of these contact keys, in the order of the keys; unknown ones are left out."""
        if not len(keys) or not len(self.contact_keys):
            return np.zeros(0, dtype=np.intp)
        wanted = np.asarray(keys, dtype="S16")
        at = np.minimum(np.searchsorted(self.contact_keys, wanted), len(self.contact_keys) - 1)
        found: NDArray[np.intp] = at[self.contact_keys[at] == wanted]
        return found

    def close(self) -> None:
        """Free DuckDB's memory."""
        self._connection.close()

    def _attach(self, kind: Literal["VIEW", "TABLE"]) -> None:
        """Make the fields of rules known to DuckDB: read from the file each time, or held in its memory."""
        machinery = "contact_id, contact_key, noise, consent_source_id, partner_list, consent_complete, minor"
        source = f"SELECT * EXCLUDE ({machinery}) FROM read_parquet('{self._place}')"  # noqa: S608 - our own path, quoted
        try:
            if kind == "TABLE":
                self._connection.execute(f"CREATE TABLE held AS {source}")
                source = "SELECT * FROM held"
            self._connection.execute(f"CREATE OR REPLACE VIEW snapshot AS {source}")
        except duckdb.Error as error:
            raise Unavailable("A snapshot could not be loaded into memory.", code="snapshot_load") from error


class SnapshotCache:
    """Loaded snapshots by id; those used longest ago go first when their memory passes the setting."""

    def __init__(self, folder: Path, memory_mb: int, threads: int) -> None:
        self._folder = folder
        self._memory_mb = memory_mb
        self._threads = threads
        self._loaded: OrderedDict[int, LoadedSnapshot] = OrderedDict()
        self._loading: dict[int, Lock] = {}
        self._lock = Lock()

    def get(self, row: SnapshotRow) -> LoadedSnapshot:
        """The snapshot, loaded by the first who asks while others wait."""
        with self._lock:
            gate = self._loading.setdefault(row.id, Lock())
        with gate:
            with self._lock:
                known = self._loaded.get(row.id)
                if known is not None:
                    self._loaded.move_to_end(row.id)
            if known is not None:
                known.verified()
                return known
            fresh = LoadedSnapshot(row, self._folder / row.file_name, self._memory_mb, self._threads, "behind")
            with self._lock:
                self._loaded[row.id] = fresh
                while len(self._loaded) > 1 and self._size() > self._memory_mb << 20:
                    # Questions under way may still hold it: it is freed when the last of them ends.
                    self._loaded.popitem(last=False)
            return fresh

    def _size(self) -> int:
        return sum(loaded.held_bytes for loaded in self._loaded.values())


def _columns_of(path: Path) -> list[Column] | None:
    """The fields of a Parquet file with the derived ones; None where only DuckDB knows (it renames equal names)."""
    schema = pq.read_schema(path)
    plain = len({name.casefold() for name in schema.names}) == len(schema.names)
    return with_derived(arrow_columns(schema)) if plain else None


def _general_size(path: Path, memory_mb: int) -> int:
    """Bytes that DuckDB needs to hold the file, or 0 when that is more than half of its memory."""
    form = pq.read_metadata(path)
    size = sum(form.row_group(group).total_byte_size for group in range(form.num_row_groups))
    return size * 2 if size * 2 < memory_mb << 19 else 0


def _check_whole(row: SnapshotRow, path: Path) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        if digest != row.sha256:
            raise IntegrityFault(
                f"Snapshot {row.number} of the base is not the file that was written.", code="snapshot_changed"
            )
    except OSError:
        raise _missing(row) from None


def _missing(row: SnapshotRow) -> Unavailable:
    return Unavailable(
        f"Snapshot {row.number} of the base cannot be read: import the base again.", code="snapshot_missing"
    )
