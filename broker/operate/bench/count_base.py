"""A made-up base for `bench count`: a snapshot's columns with plausible spreads, keys and noise as real ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from broker.audience.places import places

ROWS_AT_ONCE = 1_000_000
TODAY = date(2026, 1, 15)
REGIONS = 13


def write_base(path: Path, rows: int, seed: int = 1) -> None:
    """Write `rows` contacts in the form of a snapshot, sorted by contact key."""
    draw = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    high = np.sort(draw.integers(0, 2**64 - 1, rows, dtype=np.uint64))
    for start in range(0, rows, ROWS_AT_ONCE):
        block = _block(draw, high[start : start + ROWS_AT_ONCE], start)
        if writer is None:
            writer = pq.ParquetWriter(path, block.schema, compression="zstd", compression_level=1)
        writer.write_table(block, row_group_size=131_072)
    if writer is not None:
        writer.close()


def _block(draw: np.random.Generator, high: np.ndarray[tuple[int], np.dtype[np.uint64]], start: int) -> pa.Table:
    rows = len(high)
    halves = np.empty((rows, 2), dtype=">u8")
    halves[:, 0] = high
    halves[:, 1] = draw.integers(0, 2**64 - 1, rows, dtype=np.uint64)
    keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(halves.tobytes())])
    codes = np.array(places().postcodes)
    day = np.datetime64(TODAY).astype("datetime64[D]").astype(np.int64)
    bought = draw.random(rows) < 0.7
    last = day - draw.integers(0, 1_200, rows)
    cents = (draw.gamma(1.5, 6_000, rows)).astype(np.int64) // 5 * 5
    return pa.table(
        {
            "contact_id": pa.array(np.arange(start + 1, start + rows + 1)),
            "contact_key": keys,
            "gender": _drawn(draw, ["F", "M", None], rows, [0.55, 0.4, 0.05]),
            "birth_date": pa.array((day - draw.integers(16 * 365, 90 * 365, rows)).astype(np.int32)).cast(pa.date32()),
            "postcode": _drawn(draw, codes.tolist(), rows),
            "region": _drawn(draw, sorted(set(places().regions.values()))[:REGIONS], rows),
            "hair_colour": _drawn(draw, ["grey", "brown", "blond", "black", None], rows),
            "income": pa.array(draw.integers(8, 80, rows) * 100, mask=draw.random(rows) < 0.2),
            "last_purchase": pa.array(last.astype(np.int32), mask=~bought).cast(pa.date32()),
            "first_purchase": pa.array((last - 100).astype(np.int32), mask=~bought).cast(pa.date32()),
            "purchase_count": pa.array(draw.geometric(0.3, rows).astype(np.int32), mask=~bought),
            "spend_cents": pa.array(cents, mask=~bought),
            "consent_at": pa.array((day - draw.integers(1, 900, rows)) * 86_400_000_000).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "consent_source_id": pa.array(np.ones(rows, dtype=np.int64)),
            "partner_list": pa.array(np.ones(rows, dtype=np.int32)),
            "consent_complete": pa.array(draw.random(rows) < 0.97),
            "minor": pa.array(np.zeros(rows, dtype=np.bool_)),
            "noise": pa.array(draw.integers(-(2**63), 2**63 - 1, rows, dtype=np.int64)),
        }
    )


def _drawn(
    draw: np.random.Generator, values: Sequence[str | None], rows: int, odds: list[float] | None = None
) -> pa.Array:
    places_of = draw.choice(len(values), rows, p=odds).astype(np.int32)
    gap = values.index(None) if None in values else -1
    known = [value for value in values if value is not None]
    return pa.DictionaryArray.from_arrays(pa.array(places_of, mask=places_of == gap), pa.array(known, pa.string()))
