"""Many short rows out of PostgreSQL at once: binary COPY read as a NumPy array, without an object a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import IntegrityFault

_HEAD = 19  # signature, flags, length of the extension (none)
_TRAILER = b"\xff\xff"


def copied(unit: UnitOfWork, query: str, values: Mapping[str, Any], row: np.dtype[Any]) -> NDArray[Any]:
    """The rows of a query whose columns are never NULL and have the fixed widths of `row`'s fields, in its order.

    `query` names its parameters `%(name)s`. PostgreSQL sends a row as the number of its fields (2 bytes), then each
    field's length (4) and bytes, numbers with the high byte first (PostgreSQL, "COPY", binary format).
    """
    names = row.names or ()
    fields: list[tuple[str, Any]] = [("fields_", ">i2")]
    for name in names:
        fields += [(f"{name}_size_", ">i4"), (name, row[name])]
    wire = np.dtype(fields)
    raw = bytearray()
    with (
        unit.driver.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode(), dict(values)) as copy,
    ):
        for block in copy:
            raw += block
    if not raw.endswith(_TRAILER) or (len(raw) - _HEAD - 2) % wire.itemsize:
        raise IntegrityFault("PostgreSQL sent rows of another width than asked for.", code="copy_width")
    rows = np.frombuffer(raw, dtype=wire, offset=_HEAD, count=(len(raw) - _HEAD - 2) // wire.itemsize)
    for name in names:
        if len(rows) and (rows[f"{name}_size_"] != row[name].itemsize).any():
            raise IntegrityFault("PostgreSQL sent rows of another width than asked for.", code="copy_width")
    return rows
