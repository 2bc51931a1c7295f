"""The edges of what is counted: thousands of traits, thousands of terms, nobody at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.audience.check import check_rule
from broker.audience.coded_file import MOST_COLUMNS, codes_path, open_codes, write_codes
from broker.audience.exclusions import reasons_of
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, SnapshotRow
from broker.audience.parse import parse_rule
from broker.insight.suggest import Target, suggest_segments
from broker.kernel.errors import Conflict, InvalidInput
from broker.operate.bench.count_base import TODAY, write_base

ROWS = 300


def loaded(path: Path, rows: int, with_codes: bool = True) -> LoadedSnapshot:
    digest = hashlib.sha256(path.read_bytes()).digest()
    codes_path(path).unlink(missing_ok=True)
    if with_codes:
        write_codes(path, digest)
        assert open_codes(path, digest) is not None
    return LoadedSnapshot(SnapshotRow(1, 1, 1, path.name, digest, rows, []), path, 512, 1)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 5,000 custom traits; trait N of contact C is (N + C) % 7."""
    folder = tmp_path_factory.mktemp("wide")
    write_base(folder / "narrow.parquet", ROWS)
    table = pq.read_table(folder / "narrow.parquet")
    columns = {name: table.column(name) for name in table.column_names}
    contact = np.arange(ROWS)
    columns |= {f"trait_{number}": pa.array((number + contact) % 7) for number in range(5_000)}
    pq.write_table(pa.table(columns), folder / "wide.parquet")
    return folder / "wide.parquet"


@pytest.mark.parametrize("number", [3, 4_999])
def test_any_of_five_thousand_traits_is_counted_coded_beforehand_or_not(wide: Path, number: int) -> None:
    snapshot = loaded(wide, ROWS)
    rule = check_rule(parse_rule(f"trait_{number} = 2"), snapshot.table(TODAY).columns)
    expected = (number + np.arange(ROWS)) % 7 == 2
    assert snapshot.mask(rule, TODAY).tolist() == expected.tolist()
    assert MOST_COLUMNS < 4_999
    assert snapshot.table(TODAY).mask(rule).tolist() == expected.tolist()


def test_a_rule_over_two_thousand_traits_reads_each_once(wide: Path) -> None:
    snapshot = loaded(wide, ROWS)
    text = " or ".join(f"trait_{number} = {number % 7}" for number in range(1, 4_001, 2))
    rule = check_rule(parse_rule(text), snapshot.table(TODAY).columns)
    assert snapshot.mask(rule, TODAY).tolist() == (np.arange(ROWS) % 7 == 0).tolist()


def test_a_mistyped_trait_among_thousands_gets_the_nearest(wide: Path) -> None:
    columns = loaded(wide, ROWS, with_codes=False).table(TODAY).columns
    with pytest.raises(InvalidInput, match='did you mean "trait_4999"') as caught:
        check_rule(parse_rule("trait4999 = 1"), columns)
    assert caught.value.code == "unknown_field"


def test_five_hundred_terms_over_texts_numbers_and_days(wide: Path) -> None:
    snapshot = loaded(wide, ROWS)
    terms = [
        *(f"postcode starts with {number:02d}" for number in range(1, 90)),
        *(f"income between {number * 100} and {number * 100 + 50}" for number in range(8, 208)),
        *(f"(age = {number} and not gender = F)" for number in range(18, 118)),
        *(f"trait_{number} > 5" for number in range(111)),
    ]
    assert len(terms) == 500
    rule = check_rule(parse_rule(" or ".join(terms)), snapshot.table(TODAY).columns)
    assert snapshot.mask(rule, TODAY).tolist() == snapshot.table(TODAY).mask(rule).tolist()


@pytest.mark.parametrize("with_codes", [True, False])
def test_an_empty_base_counts_to_nothing(tmp_path: Path, with_codes: bool) -> None:
    write_base(tmp_path / "some.parquet", 5)
    path = tmp_path / "none.parquet"
    pq.write_table(pq.read_table(tmp_path / "some.parquet").slice(0, 0), path)
    snapshot = loaded(path, 0, with_codes)
    columns = snapshot.table(TODAY).columns
    reasons = reasons_of({name: np.zeros(0, dtype=np.bool_) for name in EXCLUSIONS}, 0)
    for text in ("all", "gender = F and age > 30", "not postcode in (75011)", "within(5 km of 45.764, 4.8357)"):
        rule = check_rule(parse_rule(text), columns)
        scan = snapshot.left(rule, TODAY, reasons, len(EXCLUSIONS))
        assert scan.taken.tolist() == [0] * (len(EXCLUSIONS) + 1)
        assert snapshot.table(TODAY).count(rule) == 0
    assert snapshot.rows_of_keys([b"x" * 16]).tolist() == []
    with pytest.raises(Conflict) as caught:
        suggest_segments(snapshot.fast, columns, snapshot.noise, Target(), TODAY)
    assert caught.value.code == "no_purchases"
