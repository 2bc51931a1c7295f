"""Rows of contacts in PostgreSQL's binary COPY format, built by columns: a tuple each as one value of an Arrow array.

Format: https://www.postgresql.org/docs/18/sql-copy.html ("Binary Format"): the number of columns, then for each its
length and its bytes; a null is the length -1 alone; times are microseconds since 2000-01-01.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from broker.bases.dates import NOT_READ

# In the order of a tuple here: what is never null and always as long comes first.
COLUMNS = (
    "id", "base_id", "contact_key", "md5_key", "sha256_key", "pepper_version", "key_version", "import_id", "relation",
    "sealed", "reference_key", "consent_source_id", "consent_at", "consent_withdrawn_at",
)  # fmt: skip
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TAIL = b"\xff\xff"
_RELATION_LENGTH = 8  # of both words, customer and prospect
_2000 = 946_684_800
_NULL = pa.scalar(b"\xff\xff\xff\xff", pa.binary())
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ContactColumns:
    """The columns of some rows; keys are joined, 16 bytes a row. Times are seconds since 1970, NOT_READ is null."""

    ids: Integers
    base_id: int
    contact_keys: bytes
    md5_keys: bytes
    sha256_keys: bytes
    pepper_version: int
    key_version: int
    import_id: int
    is_customer: npt.NDArray[np.bool_]
    sealed: list[bytes]
    reference_keys: list[bytes | None]
    source_ids: pa.Array
    consent_at: Integers
    withdrawn_at: Integers


def contact_tuples(rows: ContactColumns) -> pa.Array:
    """One binary value a row: its tuple."""
    sealed = pa.array(rows.sealed, pa.binary())
    size = len(rows.ids)
    fixed = np.zeros(
        size,
        np.dtype(
            [
                ("columns", ">i2"), ("l0", ">i4"), ("id", ">i8"), ("l1", ">i4"), ("base_id", ">i8"),
                ("l2", ">i4"), ("contact_key", "V16"), ("l3", ">i4"), ("md5_key", "V16"), ("l4", ">i4"),
                ("sha256_key", "V16"), ("l5", ">i4"), ("pepper_version", ">i2"), ("l6", ">i4"), ("key_version", ">i2"),
                ("l7", ">i4"), ("import_id", ">i8"), ("l8", ">i4"), ("relation", f"S{_RELATION_LENGTH}"),
                ("l9", ">i4"),
            ]
        ),
    )  # fmt: skip
    fixed["columns"] = len(COLUMNS)
    for name, length in zip(
        ("l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8"), (8, 8, 16, 16, 16, 2, 2, 8, 8), strict=True
    ):
        fixed[name] = length
    fixed["id"], fixed["base_id"], fixed["import_id"] = rows.ids, rows.base_id, rows.import_id
    fixed["contact_key"] = np.frombuffer(rows.contact_keys, "V16")
    fixed["md5_key"] = np.frombuffer(rows.md5_keys, "V16")
    fixed["sha256_key"] = np.frombuffer(rows.sha256_keys, "V16")
    fixed["pepper_version"], fixed["key_version"] = rows.pepper_version, rows.key_version
    fixed["relation"] = np.where(rows.is_customer, b"customer", b"prospect")
    fixed["l9"] = np.asarray(pc.binary_length(sealed))
    return pc.binary_join_element_wise(
        _binary(fixed),
        sealed,
        _bytes_or_null(rows.reference_keys),
        _number_or_null(np.asarray(pc.fill_null(rows.source_ids, 0)), np.asarray(pc.is_valid(rows.source_ids))),
        _time_or_null(rows.consent_at),
        _time_or_null(rows.withdrawn_at),
        b"",
    )


def copy_bytes(tuples: pa.Array) -> memoryview:
    """The tuples one after the other, as COPY takes them."""
    whole = pa.concat_arrays([tuples])  # an array of its own: no offset, no gaps
    start, end = np.frombuffer(whole.buffers()[1], np.int32)[[whole.offset, whole.offset + len(whole)]].tolist()
    return memoryview(whole.buffers()[2])[start:end]


def _binary(records: npt.NDArray[np.void] | npt.NDArray[np.generic]) -> pa.Array:
    width = records.dtype.itemsize
    offsets = np.arange(len(records) + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(
        pa.binary(), len(records), [None, pa.py_buffer(offsets), pa.py_buffer(records.tobytes())]
    )


def _bytes_or_null(values: list[bytes | None]) -> pa.Array:
    array = pa.array(values, pa.binary())
    length = pa.scalar((16).to_bytes(4, "big"), pa.binary())
    filled = pc.binary_join_element_wise(length, pc.fill_null(array, b""), b"")
    return pc.if_else(pc.is_valid(array), filled, _NULL)


def _number_or_null(values: Integers, valid: npt.NDArray[np.bool_]) -> pa.Array:
    fixed = np.zeros(len(values), np.dtype([("length", ">i4"), ("value", ">i8")]))
    fixed["length"], fixed["value"] = 8, values
    return pc.if_else(pa.array(valid), _binary(fixed), _NULL)


def _time_or_null(seconds: Integers) -> pa.Array:
    known = seconds != NOT_READ
    return _number_or_null((np.where(known, seconds, _2000) - _2000) * 1_000_000, known)
