"""What an import hands to the snapshot build: traits by contact, without any identifier, as one Parquet file.

While the file is read, rows go to a temporary Arrow stream with custom traits as text; only the whole file tells each
trait's type and whether it must be refused, so the Parquet file is written from the stream at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

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


class Staging:
    """The rows of one import on their way. Use: `add` block by block, then `finish`; `discard` when it fails."""

    def __init__(self, folder: Path, import_id: int, traits: list[str]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._raw = folder / f"{import_id}.rows"
        self.target = folder / f"{import_id}.parquet"
        self._traits = traits
        self._schema = pa.schema([*CORE, *((f"trait:{name}", pa.string()) for name in traits)])
        self._sink = pa.OSFile(str(self._raw), "wb")
        self._raw.chmod(0o600)
        self._writer = pa.ipc.new_stream(self._sink, self._schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows made by `staged_rows`."""
        self._writer.write_batch(batch)

    def finish(
        self, types: Mapping[str, Type], watches: Mapping[str, TraitWatch], refused: Collection[str] = ()
    ) -> int:
        """Write the Parquet file with the traits that stay, each in its type; how many values did not fit.

        Core fields that turned out to be `refused` are emptied.
        """
        self._writer.close()
        self._sink.close()
        fields = [pa.field(field.name, DICTIONARY if field.name in _CATEGORIES else field.type) for field in CORE]
        for name, type_ in types.items():
            watch = watches[name]
            number = pa.int64() if watch.whole == watch.numbers else pa.float64()
            fields.append(pa.field(name, number if type_ == "number" else _TYPES[type_]))
        schema = pa.schema(fields)
        lost = 0
        fresh = self.target.with_suffix(".new")
        with pa.OSFile(str(self._raw), "rb") as source, pq.ParquetWriter(fresh, schema, compression="zstd") as writer:
            for batch in pa.ipc.open_stream(source):
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
        self._raw.unlink()
        return lost

    def discard(self) -> None:
        """Leave nothing behind."""
        self._writer.close()
        self._sink.close()
        self._raw.unlink(missing_ok=True)


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
