"""Codes kept beside a snapshot are those that would be made of it, and are never taken for another file's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.audience.coded import NotCoded, code_column
from broker.audience.coded_file import codes_path, open_codes, write_codes
from broker.audience.fast_count import of_parquet
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import SnapshotRow
from broker.audience.rule import clean_rule
from broker.kernel.errors import IntegrityFault
from broker.operate.bench.count_base import write_base
from tests.unit.test_fast_count import ROW, SCHEMA, TODAY, rules


def written(folder: Path, table: pa.Table) -> tuple[Path, bytes]:
    path = folder / "base.parquet"
    pq.write_table(table, path)
    digest = hashlib.sha256(path.read_bytes()).digest()
    write_codes(path, digest)
    return path, digest


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=30), st.lists(rules, min_size=1, max_size=3))
def test_codes_from_the_file_are_those_of_the_columns(
    tmp_path: Path, rows: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    path, digest = written(tmp_path, table)
    codes = open_codes(path, digest)
    assert codes is not None
    assert codes.is_whole()
    for name in table.column_names:
        try:
            made = code_column(pq.read_table(path, columns=[name]).column(0))
        except NotCoded:
            with pytest.raises(NotCoded):
                codes.column(name)
            continue
        kept = codes.column(name)
        assert kept.type == made.type
        assert kept.codes.dtype == made.codes.dtype
        assert kept.codes.tolist() == made.codes.tolist()
        assert kept.rows_of.tolist() == made.rows_of.tolist()
        assert list(kept.values.tolist()) == list(made.values.tolist())
    ready, fresh = of_parquet(path, 1, codes), of_parquet(path, 1)
    for rule in asked:
        rule = clean_rule(rule)
        try:
            assert ready.mask(rule, TODAY).tolist() == fresh.mask(rule, TODAY).tolist()
        except NotCoded:
            with pytest.raises(NotCoded):
                fresh.mask(rule, TODAY)


def test_another_files_codes_and_halves_of_a_file_are_not_used(tmp_path: Path) -> None:
    path, digest = written(tmp_path, pa.table({"a": [1, 2, 3]}))
    assert open_codes(path, digest) is not None
    assert open_codes(path, bytes(32)) is None
    whole = codes_path(path).read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        codes_path(path).write_bytes(whole[:cut])
        assert open_codes(path, digest) is None
    codes_path(path).unlink()
    assert open_codes(path, digest) is None


def snapshot_of(folder: Path, rows: int) -> tuple[SnapshotRow, Path]:
    path = folder / "base.parquet"
    write_base(path, rows)
    digest = hashlib.sha256(path.read_bytes()).digest()
    write_codes(path, digest)
    return SnapshotRow(1, 1, 1, path.name, digest, rows, []), path


def test_a_snapshot_has_the_same_arrays_with_and_without_its_codes(tmp_path: Path) -> None:
    row, path = snapshot_of(tmp_path, 3_000)
    ready = LoadedSnapshot(row, path, 256, 1)
    codes_path(path).unlink()
    made = LoadedSnapshot(row, path, 256, 1)
    for name in (
        *("contact_ids", "contact_keys", "noise", "consent", "minor"),
        *("partner_list", "birth_date", "last_purchase", "consent_day"),
    ):
        one, other = getattr(ready, name), getattr(made, name)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other)
    table = pq.read_table(path)
    assert ready.contact_ids.tolist() == table.column("contact_id").to_pylist()
    assert [bytes(key) for key in ready.contact_keys] == [
        key.rstrip(b"\0") for key in table.column("contact_key").to_pylist()
    ]
    assert ready.last_purchase.tolist() == table.column("last_purchase").to_pylist()
    assert ready.consent.tolist() == table.column("consent_complete").to_pylist()


def test_changed_codes_are_found_before_and_behind_the_first_answer(tmp_path: Path) -> None:
    row, path = snapshot_of(tmp_path, 500)
    raw = bytearray(codes_path(path).read_bytes())
    raw[1_000] ^= 1
    codes_path(path).write_bytes(raw)
    with pytest.raises(IntegrityFault) as caught:
        LoadedSnapshot(row, path, 256, 1)
    assert caught.value.code == "codes_changed"
    behind = LoadedSnapshot(row, path, 256, 1, "behind")
    with pytest.raises(IntegrityFault):
        behind.verified(wait=True)
