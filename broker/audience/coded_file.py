"""A snapshot's columns as codes in a file beside it, read through the page cache: a fresh process answers at once.

`NAME.codes` is written when the snapshot is and holds nothing that the Parquet file does not. It is a chain of arrays,
each beginning at a multiple of 64 bytes, then a JSON table of contents, its length (8 bytes, low byte first) and the
closing mark. The table names the Parquet file's checksum: another file's codes are never used. Without the file, or
where it does not fit, codes are made from the Parquet file when they are first needed: slower, and no different.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from broker.audience.coded import CodedColumn, NotCoded, code_column, first_of

CLOSING = b"COURTIER-CODES-1"
MOST_COLUMNS = 256  # of a wide base the first ones; the others are coded when asked for
PLAIN = ("contact_id", "contact_key", "noise")  # never the same twice: kept as they are
ALIGNED = 64
_BLOCK = 1 << 24


class CodedFile:
    """The codes of one snapshot. Nothing is read before it is asked for."""

    def __init__(self, path: Path, contents: dict[str, Any]) -> None:
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        self._contents = contents

    def names(self) -> frozenset[str]:
        """The columns it knows about, those that cannot be coded among them."""
        return frozenset(self._contents["columns"])

    def plain(self, name: str) -> NDArray[Any]:
        """One of PLAIN, an entry a row."""
        return self._array(self._contents["plain"][name])

    def column(self, name: str) -> CodedColumn:
        """A column; raises NotCoded where only the general path understands it, KeyError where it is not here."""
        told = self._contents["columns"][name]
        if told is None:
            raise NotCoded
        values: Any = self._array(told["values"])
        if told["type"] in ("category", "tags"):
            texts = self._array(told["texts"])
            values = pa.StringArray.from_buffers(len(values) - 1, pa.py_buffer(values), pa.py_buffer(texts))
        return CodedColumn(told["type"], self._array(told["codes"]), values, self._array(told["rows_of"]))

    def is_whole(self) -> bool:
        """Whether its bytes are still those that were written. Reads all of it."""
        digest = hashlib.blake2b(digest_size=32)
        for start in range(0, self._contents["size"], _BLOCK):
            digest.update(self._bytes[start : min(start + _BLOCK, self._contents["size"])].data)
        return bool(digest.hexdigest() == self._contents["digest"])

    def _array(self, place: dict[str, Any]) -> NDArray[Any]:
        kind = np.dtype(place["type"])
        end = place["at"] + place["count"] * kind.itemsize
        return np.asarray(self._bytes[place["at"] : end]).view(kind)


def codes_path(snapshot: Path) -> Path:
    """Where the codes of a snapshot file are."""
    return snapshot.with_suffix(".codes")


def open_codes(snapshot: Path, sha256: bytes) -> CodedFile | None:
    """The codes of a snapshot, if they are there and are its own."""
    path = codes_path(snapshot)
    try:
        with path.open("rb") as file:
            file.seek(-len(CLOSING) - 8, os.SEEK_END)
            tail = file.read()
            if tail[8:] != CLOSING:
                return None
            length = int.from_bytes(tail[:8], "little")
            file.seek(-len(CLOSING) - 8 - length, os.SEEK_END)
            contents = json.loads(file.read(length))
    except (OSError, ValueError):
        return None
    return CodedFile(path, contents) if contents["snapshot"] == sha256.hex() else None


def write_codes(snapshot: Path, sha256: bytes) -> None:
    """Code a snapshot's columns one after the other and write them beside it, whole or not at all."""
    path = codes_path(snapshot)
    fresh = path.with_suffix(".codes-new")
    with pq.ParquetFile(snapshot) as parquet, fresh.open("wb") as file:
        out = _Out(file)
        names = parquet.schema_arrow.names
        plain = {name: out.array(_plain(parquet.read([name]).column(0))) for name in PLAIN if name in names}
        columns: dict[str, Any] = {}
        for name in [name for name in names if name not in PLAIN][:MOST_COLUMNS]:
            columns[name] = _write_column(out, partial(_coded, parquet, name))
        if {"first_purchase", "consent_at"} <= set(names) and "tenure_days" not in names:
            columns["tenure_days"] = _write_column(
                out, lambda: first_of(*(parquet.read([name]).column(0) for name in ("first_purchase", "consent_at")))
            )
        contents = json.dumps(
            {
                "snapshot": sha256.hex(),
                "rows": parquet.metadata.num_rows,
                "size": out.at,
                "digest": out.digest.hexdigest(),
                "plain": plain,
                "columns": columns,
            }
        ).encode()
        file.write(contents + len(contents).to_bytes(8, "little") + CLOSING)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


class _Out:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.at = 0
        self.digest = hashlib.blake2b(digest_size=32)

    def array(self, values: NDArray[Any]) -> dict[str, Any]:
        """Append an array; where it lies."""
        self._raw(b"\0" * (-self.at % ALIGNED))
        place = {"type": values.dtype.str, "at": self.at, "count": len(values)}
        self._raw(np.ascontiguousarray(values).view(np.uint8).data if len(values) else b"")
        return place

    def _raw(self, raw: bytes | memoryview) -> None:
        self._file.write(raw)
        self.digest.update(raw)
        self.at += len(raw)


def _write_column(out: _Out, make: Callable[[], CodedColumn]) -> dict[str, Any] | None:
    try:
        column = make()
    except NotCoded:
        return None
    told: dict[str, Any] = {
        "type": column.type,
        "codes": out.array(column.codes),
        "rows_of": out.array(column.rows_of),
    }
    if column.type in ("category", "tags"):
        texts = pa.concat_arrays([column.values.cast(pa.string())])  # an offset of 0, buffers of its own
        _, offsets, data = texts.buffers()
        count = len(texts) + 1
        starts = np.frombuffer(offsets, dtype=np.int32, count=count) if offsets else np.zeros(1, dtype=np.int32)
        told["values"] = out.array(starts)
        told["texts"] = out.array(np.frombuffer(data, dtype=np.uint8)[: int(starts[-1])] if data else _nothing())
    else:
        told["values"] = out.array(np.asarray(column.values))
    return told


def _coded(parquet: pq.ParquetFile, name: str) -> CodedColumn:
    return code_column(parquet.read([name]).column(0))


def _nothing() -> NDArray[np.uint8]:
    return np.zeros(0, dtype=np.uint8)


def _plain(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_fixed_size_binary(column.type):
        return fixed_bytes(column)
    found: NDArray[Any] = column.to_numpy()
    return found


def fixed_bytes(column: pa.ChunkedArray) -> NDArray[np.bytes_]:
    """Fixed 16-byte values as S16: compared bytewise."""
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype="S16", count=len(chunk) + chunk.offset)[chunk.offset :]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype="S16")
