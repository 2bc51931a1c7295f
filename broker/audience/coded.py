"""A snapshot's columns as small codes: what the fast path of counts scans instead of values.

Each column holds one code a row: 0 for a missing value, else 1 + the place of the value among its sorted distinct
values. A condition on one column is then a table of one truth value a code (`scan_plan.py`), and most tables are one
range of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.audience.columns import ColumnType, arrow_type

MOST_TEXTS = 400_000  # categories and sets of tags with more distinct values go the general way
TAG_MARK = "\x1f"  # between the tags of one contact
LARGEST_EXACT = 2**53  # beyond it integers and floats no longer compare exactly
Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]


class NotCoded(Exception):
    """The fast path does not do this; the general path does."""


@dataclass(frozen=True)
class CodedColumn:
    """`codes` one a row; `values` the distinct values in order (texts for categories, tags joined by TAG_MARK, days
    since 1970 as int32, numbers, truth values); `rows_of` how many rows have each code."""

    type: ColumnType
    codes: Codes
    values: Any
    rows_of: NDArray[np.int64]


def code_column(column: pa.ChunkedArray) -> CodedColumn:
    """Code one Arrow column. Raises NotCoded for types and values that only the general path understands."""
    kind = arrow_type(column.type)
    if kind is None:
        raise NotCoded
    if kind in ("category", "tags"):
        return _texts(column if kind == "category" else _joined(column), kind)
    if kind == "date":
        return _plain(_days(column), kind)
    if kind == "bool":
        codes = pc.fill_null(pc.add(column.cast(pa.uint8()), pa.scalar(1, pa.uint8())), 0).to_numpy()
        return CodedColumn(kind, codes, np.array([False, True]), np.bincount(codes, minlength=3))
    if not (pa.types.is_signed_integer(column.type) or pa.types.is_float64(column.type)):
        raise NotCoded  # decimals, unsigned and short floats compare by rules of their own
    return _plain(column, kind)


def first_of(one: pa.ChunkedArray, other: pa.ChunkedArray) -> CodedColumn:
    """Two columns of days as one: the first's, where it is missing the second's."""
    return _plain(pc.coalesce(_days(one), _days(other)), "date")


def _days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        if column.type.tz not in (None, "UTC"):
            raise NotCoded
        column = pc.floor_temporal(column, unit="day")
    return column.cast(pa.date32()).cast(pa.int32())


def _plain(column: pa.ChunkedArray, kind: ColumnType) -> CodedColumn:
    """Numbers and days by sorting; not-a-number is missing."""
    given = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
    raw = pc.fill_null(column, 0).to_numpy()
    if raw.dtype.kind == "f":
        given &= ~np.isnan(raw)
    coded = pc.dictionary_encode(pa.array(raw, mask=~given))
    if coded.dictionary.type == pa.float64():  # -0.0 and 0.0 are one value
        values, place = np.unique(coded.dictionary.to_numpy(), return_inverse=True)
    else:
        values = coded.dictionary.to_numpy()
        order = np.argsort(values)
        values, place = values[order], np.argsort(order)
    return _finished(kind, coded.indices, place, values)


def _texts(column: pa.ChunkedArray, kind: ColumnType) -> CodedColumn:
    if pa.types.is_dictionary(column.type):
        coded = column.unify_dictionaries().combine_chunks()
    else:
        coded = column.dictionary_encode().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    texts = coded.dictionary.cast(pa.string())
    if len(texts) > MOST_TEXTS or texts.null_count:
        raise NotCoded
    order = pc.sort_indices(texts).to_numpy()
    return _finished(kind, coded.indices, np.argsort(order), texts.take(pa.array(order)))


def _finished(kind: ColumnType, indices: pa.Array, place: NDArray[np.intp], values: Any) -> CodedColumn:
    """Codes of the smallest width; `place` is where each dictionary entry stands among the sorted values."""
    size = len(values) + 1
    width = np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32
    table = np.zeros(len(place) + 1, dtype=width)
    table[:-1] = place + 1
    codes = table[pc.fill_null(indices.cast(pa.int32()), len(place)).to_numpy(zero_copy_only=False)]
    return CodedColumn(kind, codes, values, np.bincount(codes, minlength=size))


def _joined(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Sets of tags as one text each. A set that holds nothing is not missing."""
    elements = pc.list_flatten(column)
    texts = elements.cast(pa.string())
    odd = pc.or_(pc.equal(texts, ""), pc.match_substring(texts, TAG_MARK))
    if texts.null_count or pc.any(odd).as_py():
        raise NotCoded
    return pc.binary_join(column.cast(pa.list_(pa.string())), TAG_MARK)
