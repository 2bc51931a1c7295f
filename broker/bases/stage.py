"""What an import hands to the snapshot build: traits by contact, without any identifier, as one Parquet file.

While the file is read, rows go to a file of their own with custom traits as text; only the whole file tells each
trait's type and whether it must be refused, so the Parquet file is written from it at the end.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from broker.bases.check_rows import CheckedRows
from broker.bases.dates import NOT_READ
from broker.bases.traits import TraitWatch, Type, type_values

CORE = pa.schema(
    [
        ("contact_id", pa.int64()),
        ("contact_key", pa.binary(16)),
        ("relation", pa.string()),
        ("gender", pa.string()),
        ("birth_date", pa.date32()),
        ("postcode", pa.string()),
        ("commune", pa.string()),
        ("department", pa.string()),
        ("region", pa.string()),
        ("country", pa.string()),
        ("family_status", pa.string()),
        ("occupation", pa.string()),
        ("income", pa.int64()),
        ("has_phone", pa.bool_()),
        ("has_street", pa.bool_()),
        ("consent_at", pa.timestamp("us", tz="UTC")),
        ("consent_source_id", pa.int64()),
        ("partner_list", pa.int32()),
        ("consent_complete", pa.bool_()),
        ("minor", pa.bool_()),
    ]
)
_CATEGORIES = (
    "relation", "gender", "postcode", "commune", "department", "region", "country", "family_status", "occupation"
)  # fmt: skip
_TYPES: dict[Type, pa.DataType] = {
    "category": pa.dictionary(pa.int32(), pa.string()),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "tags": pa.list_(pa.string()),
}
DICTIONARY = pa.dictionary(pa.int32(), pa.string())
# As they stand in the Parquet file: words by their codes.
WRITTEN_CORE = tuple(pa.field(field.name, DICTIONARY if field.name in _CATEGORIES else field.type) for field in CORE)
_LENGTHS = struct.Struct(">QQQQ")


@dataclass(frozen=True, slots=True)
class StagedBlock:
    """What an import remembers of a block it wrote: what was met in it, and the 8-byte marks of its usable rows."""

    found: dict[str, Any]
    marks: bytes


class Staging:
    """The rows of one import on their way, and what a worker needs to go on where another one was killed.

    One file of records, one for each block: what was found (JSON), the marks of its rows, which of them are kept, and
    the rows as an Arrow stream. `begin` or `resume`, `add` block by block, `finish`, then `forget`. A block counts when
    the database says so: what the file holds beyond that is cut off by `resume`.
    """

    def __init__(self, folder: Path, import_id: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{import_id}.rows"
        self.target = folder / f"{import_id}.parquet"
        self._file: BinaryIO | None = None
        self._start = 0

    @property
    def size(self) -> int:
        """Bytes written, all of them on the disk."""
        assert self._file is not None
        return self._file.tell()

    def begin(self, head: Mapping[str, Any]) -> None:
        """A new file; `head` says what it depends on."""
        self._close()
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "w+b")
        self._record(json.dumps(head).encode(), b"", b"", b"")
        self._start = self.size

    def resume(self, size: int) -> tuple[dict[str, Any], Iterator[StagedBlock]] | None:
        """The head, then what is known of each block up to `size`; None where the file is not there or is shorter."""
        try:
            self._file = self._path.open("r+b")
        except FileNotFoundError:
            return None
        if self._file.seek(0, os.SEEK_END) < size or not size:
            return None
        self._file.truncate(size)
        self._file.seek(0)
        head, *_ = self._next()
        self._start = self._file.tell()
        return json.loads(head), self._blocks(size)

    def _blocks(self, size: int) -> Iterator[StagedBlock]:
        assert self._file is not None
        while self._file.tell() < size:
            found, marks, _, _ = self._next(with_rows=False)
            yield StagedBlock(json.loads(found), marks)

    def add(self, found: Mapping[str, Any], marks: bytes, kept: npt.NDArray[np.bool_], rows: bytes) -> None:
        """Append a block: `rows` as `packed` made them, `kept` of which stay."""
        self._record(json.dumps(found).encode(), marks, np.packbits(kept).tobytes(), rows)

    def _record(self, *parts: bytes) -> None:
        assert self._file is not None
        self._file.write(_LENGTHS.pack(*map(len, parts)))
        for part in parts:
            self._file.write(part)
        self._file.flush()
        # The database is about to say that this block is done.
        os.fdatasync(self._file.fileno())

    def _next(self, *, with_rows: bool = True) -> tuple[bytes, bytes, bytes, bytes]:
        assert self._file is not None
        *lengths, last = _LENGTHS.unpack(self._file.read(_LENGTHS.size))
        found, marks, kept = (self._file.read(length) for length in lengths)
        if with_rows:
            return found, marks, kept, self._file.read(last)
        self._file.seek(last, os.SEEK_CUR)
        return found, marks, kept, b""

    def _batches(self) -> Iterator[pa.RecordBatch]:
        end = self.size
        assert self._file is not None
        self._file.seek(self._start)
        while self._file.tell() < end:
            _, _, kept, rows = self._next()
            for batch in pa.ipc.open_stream(rows) if rows else ():
                yield batch.filter(pa.array(np.unpackbits(np.frombuffer(kept, np.uint8), count=len(batch)) == 1))

    def finish(
        self, types: Mapping[str, Type], watches: Mapping[str, TraitWatch], refused: Collection[str] = ()
    ) -> int:
        """Write the Parquet file with the traits that stay, each in its type; how many values did not fit.

        Core fields that turned out to be `refused` are emptied.
        """
        fields = list(WRITTEN_CORE)
        for name, type_ in types.items():
            watch = watches[name]
            number = pa.int64() if watch.whole == watch.numbers else pa.float64()
            fields.append(pa.field(name, number if type_ == "number" else _TYPES[type_]))
        schema = pa.schema(fields)
        lost = 0
        fresh = self.target.with_suffix(".new")
        with pq.ParquetWriter(fresh, schema, compression="zstd") as writer:
            for batch in self._batches():
                columns = []
                for field in CORE:
                    column = batch.column(field.name)
                    if field.name in refused:
                        column = pa.nulls(len(column), column.type)
                    columns.append(column.dictionary_encode() if field.name in _CATEGORIES else column)
                for name, type_ in types.items():
                    values, unfit = type_values(batch.column(f"trait:{name}"), type_, watches[name])
                    lost += unfit
                    columns.append(values)
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        fresh.chmod(0o600)
        fresh.rename(self.target)
        return lost

    def forget(self) -> None:
        """The rows are where they belong, or belong nowhere: leave nothing behind but the Parquet file."""
        self._close()
        self._path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing behind at all."""
        self.forget()
        self.target.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def packed(batch: pa.RecordBatch) -> bytes:
    """A batch as one Arrow stream of its own."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def staged_rows(
    rows: CheckedRows,
    kept: npt.NDArray[np.bool_],
    contact_ids: npt.NDArray[np.int64],
    keys: list[bytes],
    known: npt.NDArray[np.bool_],
    relations: pa.Array,
    source_ids: pa.Array,
    traits: list[str],
    has_relation: bool,
) -> pa.RecordBatch:
    """The rows `kept` of a block. `known` marks contacts that the base had before: for these, what the file does not
    say is null, so that the build keeps what it knew.
    """
    size = int(kept.sum())
    mask = pa.array(kept)

    def pick(values: pa.Array | None, type_: pa.DataType) -> pa.Array:
        return pa.nulls(size, type_) if values is None else values.filter(mask)

    def flag(values: npt.NDArray[np.bool_]) -> pa.Array:
        return pa.array(values, mask=known & ~values)

    def filled(*names: str) -> npt.NDArray[np.bool_]:
        present = np.zeros(size, np.bool_)
        for name in names:
            if name in rows.sealed:
                text = pc.fill_null(rows.sealed[name].filter(mask), "")
                present |= np.asarray(pc.not_equal(text, ""))
        return present

    birth = rows.birth_days[kept]
    at = rows.consent.at[kept]
    places = rows.places
    core = [
        pa.array(contact_ids, pa.int64()),
        pa.array(keys, pa.binary(16)),
        relations if has_relation else pc.if_else(pa.array(known), pa.scalar(None, pa.string()), relations),
        pick(rows.gender, pa.string()),
        pa.array(np.where(birth == NOT_READ, 0, birth).astype("datetime64[D]"), pa.date32(), mask=birth == NOT_READ),
        pick(places.postcode if places else None, pa.string()),
        pick(places.commune if places else None, pa.string()),
        pick(places.department if places else None, pa.string()),
        pick(places.region if places else None, pa.string()),
        pick(places.country if places else None, pa.string()),
        pick(rows.family_status, pa.string()),
        pick(rows.occupation, pa.string()),
        pick(rows.income, pa.int64()),
        flag(filled("phone", "mobile")),
        flag(filled("street")),
        pa.array(np.where(at == NOT_READ, 0, at) * 1_000_000, pa.timestamp("us", tz="UTC"), mask=at == NOT_READ),
        source_ids,
        rows.consent.partner_list.filter(mask),
        # An office's mailbox proves nobody's consent (DOMAIN section 4, b2b_generic).
        pa.array(rows.consent.complete[kept] & ~rows.role[kept]),
        pa.array(rows.minor[kept], mask=known & (birth == NOT_READ) & ~rows.minor[kept]),
    ]
    schema = pa.schema([*CORE, *((f"trait:{name}", pa.string()) for name in traits)])
    return pa.record_batch([*core, *(rows.traits[name].filter(mask) for name in traits)], schema=schema)
