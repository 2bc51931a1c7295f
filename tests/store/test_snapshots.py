"""Snapshots: built from staged contacts, merged with the one before, immutable, described by columns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection

from broker.audience.build_snapshot import build_snapshot
from broker.audience.loaded import LoadedSnapshot, SnapshotCache
from broker.audience.store import current_snapshot
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, IntegrityFault
from broker.kernel.settings import InstanceSettings, Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import (
    key_of,
    make_base,
    make_contact,
    make_import,
    make_organisation,
    person,
    write_staging,
)


@dataclass
class Bench:
    """A base and the means to import into it."""

    database: Database
    settings: Settings
    keys: WorkerKeys
    base_id: int
    today: date

    def load(self, people: list[dict[str, Any]], summary: str = "{}", leave_out: tuple[str, ...] = ()) -> pa.Table:
        """Import staged people and return the rows of the new snapshot by contact id."""
        with self.database.begin() as unit:
            import_id = make_import(unit, self.base_id, summary=summary)
        write_staging(self.settings.state_dir / "staging" / f"{import_id}.parquet", people, leave_out)
        build_snapshot(self.database, self.keys, self.settings, import_id)
        return self.rows()

    def rows(self) -> pa.Table:
        with self.database.begin() as unit:
            row = current_snapshot(unit, self.base_id)
        assert row is not None
        return pq.read_table(self.settings.state_dir / "snapshots" / row.file_name).sort_by("contact_id")


@pytest.fixture
def bench(connection: Connection, worker_keys: WorkerKeys, tmp_path: Path) -> Iterator[Bench]:
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            base_id = make_base(unit, make_organisation(unit, "owner"))
            today = unit.today
        settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
        yield Bench(database, settings, worker_keys, base_id, today)


def test_a_snapshot_holds_the_staged_people_sorted_by_key_with_noise(bench: Bench) -> None:
    bench.load([person(number, bench.today) for number in range(1, 501)])
    with bench.database.begin() as unit:
        row = current_snapshot(unit, bench.base_id)
        run = unit.one("SELECT state, snapshot_id FROM import_run WHERE base_id = :base", base=bench.base_id)
        known = unit.one("SELECT rows, rentable FROM snapshot WHERE id = :id", id=row.id if row else 0)
    assert row is not None
    assert run is not None
    assert known is not None
    assert (run.state, run.snapshot_id) == ("done", row.id)
    assert (known.rows, known.rentable) == (500, 500)
    path = bench.settings.state_dir / "snapshots" / row.file_name
    assert hashlib.sha256(path.read_bytes()).digest() == row.sha256
    table = pq.read_table(path)
    keys = table.column("contact_key").to_pylist()
    assert keys == sorted(keys)
    assert table.schema.field("contact_key").type == pa.binary(16)
    assert len(set(table.column("noise").to_pylist())) == 500
    assert pq.ParquetFile(path).metadata.row_group(0).column(table.schema.names.index("gender")).has_dictionary_page
    assert not list((bench.settings.state_dir / "staging").iterdir())


def test_columns_are_described_for_rules_and_pages_without_machinery(bench: Bench) -> None:
    bench.load([person(number, bench.today) for number in range(1, 101)])
    with bench.database.begin() as unit:
        row = current_snapshot(unit, bench.base_id)
    assert row is not None
    columns = {column["name"]: column for column in row.columns}
    assert columns["gender"]["type"] == "category"
    assert columns["gender"]["values"] == ["F", "M"]
    assert columns["birth_date"]["type"] == "date"
    assert columns["income"]["type"] == "number"
    assert columns["has_phone"]["type"] == "bool"
    assert columns["interests"]["type"] == "tags"
    assert columns["interests"]["values"] == ["golf", "cars"]
    assert not {"contact_id", "contact_key", "noise", "partner_list", "consent_complete"} & set(columns)


def test_a_contact_missing_from_a_new_file_stays_and_newer_values_win(bench: Bench) -> None:
    today = bench.today
    bench.load([person(1, today, hair_colour="grey", income=1_500), person(2, today, hair_colour="brown")])
    rows = bench.load([person(1, today, hair_colour=None, income=3_000), person(3, today)]).to_pylist()
    assert [row["contact_id"] for row in rows] == [1, 2, 3]
    assert (rows[0]["hair_colour"], rows[0]["income"]) == ("grey", 3_000)
    assert rows[1]["hair_colour"] == "brown"


def test_a_full_refresh_drops_those_it_does_not_name(bench: Bench) -> None:
    bench.load([person(1, bench.today), person(2, bench.today, hair_colour="brown")])
    rows = bench.load([person(2, bench.today, hair_colour=None)], summary='{"full_refresh": true}').to_pylist()
    assert [(row["contact_id"], row["hair_colour"]) for row in rows] == [(2, "brown")]


def test_consent_changes_as_one_and_never_to_a_lesser_proof(bench: Bench) -> None:
    bench.load(
        [person(1, bench.today, partner_list=1), person(2, bench.today, partner_list=None, consent_complete=False)]
    )
    weaker = person(1, bench.today, partner_list=2, consent_complete=False, consent_at=None)
    rows = bench.load([weaker, person(2, bench.today, partner_list=2)]).to_pylist()
    assert [(row["partner_list"], row["consent_complete"]) for row in rows] == [(1, True), (2, True)]


def test_a_trait_may_come_go_or_change_its_nature(bench: Bench) -> None:
    bench.load([person(1, bench.today, income=1_500)], leave_out=("interests",))
    rows = bench.load([person(2, bench.today, interests=["golf"])], leave_out=("income",)).to_pylist()
    assert [(row["income"], row["interests"]) for row in rows] == [(1_500, None), (None, ["golf"])]


def test_purchases_are_added_up_per_contact(bench: Bench) -> None:
    bench.load([person(1, bench.today), person(2, bench.today)])
    with bench.database.begin() as unit:
        first = make_import(unit, bench.base_id, "purchases")
        for number in (1, 2):
            make_contact(unit, bench.base_id, number, first)
        for day, cents, category in (
            ("2026-01-05", 1_000, "rings"),
            ("2026-03-01", 250, "rings"),
            ("2026-02-01", 50, 'a "b",\nc'),
        ):
            unit.run(
                "INSERT INTO purchase (base_id, contact_id, day, amount_cents, category, payment_means, import_id)"
                " VALUES (:base, 1, :day, :cents, :category, 'card', :import_id)",
                base=bench.base_id,
                day=day,
                cents=cents,
                category=category,
                import_id=first,
            )
    build_snapshot(bench.database, bench.keys, bench.settings, first)
    one, two = bench.rows().to_pylist()
    assert (one["first_purchase"], one["last_purchase"]) == (date(2026, 1, 5), date(2026, 3, 1))
    assert (one["purchase_count"], one["spend_cents"], one["favourite_category"]) == (3, 1_300, "rings")
    assert one["payment_means"] == "card"
    assert two["purchase_count"] is None
    assert one["hair_colour"] == person(1, bench.today)["hair_colour"]


def test_one_customer_may_have_bought_a_hundred_thousand_different_things(bench: Bench) -> None:
    bench.load([person(1, bench.today), person(2, bench.today)])
    with bench.database.begin() as unit:
        first = make_import(unit, bench.base_id, "purchases")
        make_contact(unit, bench.base_id, 1, first)
        unit.run(
            "INSERT INTO purchase (base_id, contact_id, day, amount_cents, product, import_id)"
            " SELECT :base, 1, date '2026-01-01' + n % 200, 100, 'montre numéro ' || n, :import_id"
            " FROM generate_series(1, 100000) n",
            base=bench.base_id,
            import_id=first,
        )
    build_snapshot(bench.database, bench.keys, bench.settings, first)
    one = bench.rows().to_pylist()[0]
    assert (one["purchase_count"], one["spend_cents"]) == (100_000, 10_000_000)
    assert len(one["products"]) == 100_000


def test_the_erased_leave_with_the_next_snapshot(bench: Bench) -> None:
    bench.load([person(1, bench.today), person(2, bench.today)])
    with bench.database.begin() as unit:
        make_contact(unit, bench.base_id, 1, make_import(unit, bench.base_id))
        unit.run("UPDATE contact SET sealed = NULL WHERE id = 1")
    assert bench.load([person(2, bench.today)]).column("contact_id").to_pylist() == [2]


def test_a_build_run_twice_changes_nothing(bench: Bench) -> None:
    bench.load([person(1, bench.today)])
    with bench.database.begin() as unit:
        before = current_snapshot(unit, bench.base_id)
        done: int = unit.scalar("SELECT id FROM import_run WHERE base_id = :base", base=bench.base_id)
    build_snapshot(bench.database, bench.keys, bench.settings, done)
    with bench.database.begin() as unit:
        assert current_snapshot(unit, bench.base_id) == before


def test_a_contact_staged_twice_is_a_fault_and_leaves_no_snapshot(bench: Bench) -> None:
    twice = [person(1, bench.today), person(2, bench.today, contact_key=key_of(1))]
    with pytest.raises(IntegrityFault):
        bench.load(twice)
    with bench.database.begin() as unit:
        assert current_snapshot(unit, bench.base_id) is None


def test_purchases_without_contacts_are_refused(bench: Bench) -> None:
    with bench.database.begin() as unit:
        only = make_import(unit, bench.base_id, "purchases")
    with pytest.raises(Conflict, match="contacts first"):
        build_snapshot(bench.database, bench.keys, bench.settings, only)


def test_a_changed_snapshot_file_is_not_read(bench: Bench) -> None:
    bench.load([person(1, bench.today)])
    with bench.database.begin() as unit:
        row = current_snapshot(unit, bench.base_id)
    assert row is not None
    path = bench.settings.state_dir / "snapshots" / row.file_name
    read: Callable[[], LoadedSnapshot] = lambda: LoadedSnapshot(row, path, 256, 1)  # noqa: E731
    read().close()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(IntegrityFault):
        read()


def test_a_trait_of_whole_numbers_may_get_fractions(bench: Bench) -> None:
    import_id = 0
    for values in (pa.array([1, 2], pa.int64()), pa.array([2.5, None], pa.float64())):
        with bench.database.begin() as unit:
            import_id = make_import(unit, bench.base_id)
        path = bench.settings.state_dir / "staging" / f"{import_id}.parquet"
        write_staging(path, [person(1, bench.today), person(2, bench.today)])
        pq.write_table(pq.read_table(path).append_column("shoe_size", values), path)
        build_snapshot(bench.database, bench.keys, bench.settings, import_id)
    assert bench.rows().column("shoe_size").to_pylist() == [2.5, 2.0]


def test_snapshots_used_longest_ago_leave_memory_first(bench: Bench) -> None:
    rows = []
    for number in (1, 2, 3, 4):
        bench.load([person(number, bench.today)])
        with bench.database.begin() as unit:
            rows.append(current_snapshot(unit, bench.base_id))
    first, second, third, fourth = (row for row in rows if row is not None)
    cache = SnapshotCache(bench.settings.state_dir / "snapshots", 64, 1)
    kept = cache.get(first)
    assert cache.get(first) is kept
    kept.general_bytes = 40 << 20
    cache.get(second).general_bytes = 20 << 20
    assert cache.get(first) is kept
    cache.get(third).general_bytes = 20 << 20
    assert cache.get(first) is kept
    cache.get(fourth)  # 80 MiB of 64: somebody has to go
    assert cache.get(first) is kept
    assert cache.get(third).general_bytes == 20 << 20
    assert cache.get(second).general_bytes < 1 << 20, "the second was used longest ago and should have been read anew"
