"""Writes a snapshot: an immutable Parquet file, sorted by contact key, text as dictionaries."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from broker.audience.coded_file import write_codes
from broker.audience.columns import HIDDEN, arrow_type
from broker.kernel.errors import IntegrityFault

ROW_GROUP = 131_072
LISTED_VALUES = 200  # categories with more values are not listed with their column

NoiseOf = Callable[[bytes], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class WrittenSnapshot:
    """What was written: `columns` as in the row of a snapshot."""

    rows: int
    rentable: int
    sha256: bytes
    columns: list[dict[str, Any]]


def write_snapshot(
    path: Path, batches: Iterator[pa.RecordBatch], schema: pa.Schema, noise_of: NoiseOf
) -> WrittenSnapshot:
    """Write rows (sorted by contact_key) to `path` at once whole or not at all, and describe their columns.

    `noise_of` gives an int64 for each 16 bytes of one bytes object of keys. Raises IntegrityFault on a key that is
    not 16 bytes long or comes twice.
    """
    target = _target_schema(schema)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    values: dict[str, Counter[str]] = {field.name: Counter() for field in schema if _listed(field)}
    rows = rentable = 0
    last = b""
    with pq.ParquetWriter(
        fresh, target, compression="zstd", compression_level=1, use_dictionary=_dictionary(target)
    ) as writer:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            last = _check_keys(batch.column("contact_key"), last)
            finished = _finished(batch, target, noise_of)
            writer.write_batch(finished, row_group_size=ROW_GROUP)
            rows += batch.num_rows
            rentable += _rentable(batch)
            _note_values(batch, values)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").digest()
    fresh.rename(path)
    write_codes(path, digest)
    return WrittenSnapshot(rows, rentable, digest, [_described(field, values) for field in schema if _shown(field)])


def _target_schema(schema: pa.Schema) -> pa.Schema:
    fields = []
    for field in schema:
        kind = field.type
        if field.name == "contact_key":
            kind = pa.binary(16)
        elif arrow_type(kind) == "category":
            kind = pa.dictionary(pa.int32(), pa.string())
        fields.append(pa.field(field.name, kind))
    return pa.schema([*fields, pa.field("noise", pa.int64())])


def _dictionary(target: pa.Schema) -> list[str]:
    """Columns that repeat values; keys, ids and noise never do."""
    return [field.name for field in target if field.name not in ("contact_id", "contact_key", "noise", "consent_at")]


def _finished(batch: pa.RecordBatch, target: pa.Schema, noise_of: NoiseOf) -> pa.RecordBatch:
    columns: list[pa.Array] = []
    for field in target:
        if field.name == "noise":
            keys = b"".join(batch.column("contact_key").to_pylist())
            columns.append(pa.array(np.asarray(noise_of(keys), dtype=np.int64)))
            continue
        column = batch.column(field.name)
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _check_keys(keys: pa.Array, last: bytes) -> bytes:
    plain = keys.to_pylist()
    if any(key is None or len(key) != 16 for key in plain):
        raise IntegrityFault("A staged contact has no 16-byte key.", code="bad_contact_key")
    if plain[0] <= last or any(one >= other for one, other in pairwise(plain)):
        raise IntegrityFault("A contact stands twice in the snapshot to be written.", code="contact_twice")
    return bytes(plain[-1])


def _rentable(batch: pa.RecordBatch) -> int:
    consent = pc.fill_null(batch.column("consent_complete"), False)
    adult = pc.invert(pc.fill_null(batch.column("minor"), False))
    return int(pc.sum(pc.and_(pc.and_(consent, adult), pc.is_valid(batch.column("partner_list")))).as_py() or 0)


def _note_values(batch: pa.RecordBatch, values: dict[str, Counter[str]]) -> None:
    for name in list(values):
        column = batch.column(name)
        if arrow_type(column.type) == "tags":
            column = column.flatten()
        for entry in pc.value_counts(column.cast(pa.string())).to_pylist():
            if entry["values"] is not None:
                values[name][entry["values"]] += entry["counts"]
        if len(values[name]) > LISTED_VALUES:
            del values[name]


def _described(field: pa.Field, values: dict[str, Counter[str]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": field.name,
        "type": arrow_type(field.type),
        "label": field.name.replace("_", " "),
    }
    if field.name in values:
        described["values"] = [value for value, _ in values[field.name].most_common()]
    return described


def _shown(field: pa.Field) -> bool:
    return field.name not in HIDDEN and arrow_type(field.type) is not None


def _listed(field: pa.Field) -> bool:
    return _shown(field) and arrow_type(field.type) in ("category", "tags")
