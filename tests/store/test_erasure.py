"""Erasure, compaction and retention: what goes, what stays, and that the owner knew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection

from broker.audience.build_snapshot import build_snapshot
from broker.audience.compact import compact_base
from broker.audience.compact_store import bases_to_compact
from broker.audience.store import current_snapshot
from broker.bases.erase import erase_address, erase_reference
from broker.bases.list_retention import RetentionOutlook, list_retention, retention_outlook
from broker.bases.retention import keep_retention
from broker.feedback.answer_request import answer_request
from broker.feedback.match_request import match_request
from broker.feedback.object_by_address import REQUEST_SEAL
from broker.feedback.rights import confirm_request
from broker.feedback.store import store_typed_request
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork, identify
from broker.kernel.errors import Forbidden, InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.mailings import freeze_store
from broker.mailings.schedule import schedule_participation_send
from broker.vault.blind_index import contact_keys, reference_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_message
from tests.mail_house import add_contacts, picked_send
from tests.store.audience_people import make_base, make_import, make_organisation, person, write_staging

NAMES = ("ada", "boris", "claire")
ADDRESSES = [f"{name}@erase.test" for name in NAMES]


@dataclass
class Bench:
    """A base of three contacts, with a snapshot of their traits."""

    database: Database
    settings: Settings
    keys: WorkerKeys
    owner_id: int
    base_id: int
    base_code: str
    contacts: list[int]
    today: date

    def row(self, contact: int) -> Any:
        with self.database.begin() as unit:
            return unit.one("SELECT * FROM contact WHERE id = :id", id=contact)

    def run(self, sql: str, **values: Any) -> None:
        with self.database.begin() as unit:
            unit.run(sql, **values)

    def scalar(self, sql: str, **values: Any) -> Any:
        with self.database.begin() as unit:
            return unit.scalar(sql, **values)

    def snapshot(self) -> list[int]:
        with self.database.begin() as unit:
            row = current_snapshot(unit, self.base_id)
        assert row is not None
        table = pq.read_table(self.settings.state_dir / "snapshots" / row.file_name)
        return sorted(table.column("contact_id").to_pylist())

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.settings.state_dir / "snapshots").iterdir())

    def suppressions(self, address: str) -> list[tuple[object, ...]]:
        with self.database.begin() as unit:
            rows = unit.all(
                "SELECT scope, base_id, reason, pepper_version FROM suppression WHERE contact_key = :key",
                key=contact_keys(self.keys, [address])[0],
            )
        return [tuple(row) for row in rows]


@pytest.fixture
def bench(connection: Connection, worker_keys: WorkerKeys, tmp_path: Path) -> Iterator[Bench]:
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            owner = make_organisation(unit, "owner")
            base_id = make_base(unit, owner)
            code = unit.scalar("SELECT code FROM base WHERE id = :id", id=base_id)
            contacts = add_contacts(unit, worker_keys, base_id, [{"email": address} for address in ADDRESSES])
            for contact, name in zip(contacts, NAMES, strict=True):
                unit.run(
                    "UPDATE contact SET reference_key = :key, consent_at = app_now() WHERE id = :id",
                    key=reference_keys(worker_keys, base_id, [name.upper()])[0],
                    id=contact,
                )
                unit.run(
                    "INSERT INTO purchase (base_id, contact_id, day, amount_cents, import_id)"
                    " SELECT base_id, id, current_date, 100, import_id FROM contact WHERE id = :id",
                    id=contact,
                )
            today = unit.today
            import_id = make_import(unit, base_id)
        settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
        staging = tmp_path / "staging" / f"{import_id}.parquet"
        people = [person(contact, today) for contact in contacts]
        for one, key in zip(people, contact_keys(worker_keys, ADDRESSES), strict=True):
            one["contact_key"] = key
        write_staging(staging, people)
        build_snapshot(database, worker_keys, settings, import_id)
        yield Bench(database, settings, worker_keys, owner, base_id, code, contacts, today)


def test_an_erased_person_leaves_no_sealed_row_and_no_key_but_the_fingerprint(bench: Bench) -> None:
    before = bench.row(bench.contacts[0])
    with bench.database.begin() as unit:
        done = erase_address(unit, bench.keys, " Ada@ERASE.test ", via="test")
    assert (done.contacts, done.bases) == (1, (bench.base_code,))
    row = bench.row(bench.contacts[0])
    assert row.sealed is None
    assert row.reference_key is None
    assert row.consent_at is None
    assert bytes(row.md5_key) != bytes(before.md5_key)
    assert bytes(row.sha256_key) != bytes(before.sha256_key)
    assert bench.scalar("SELECT count(*) FROM purchase WHERE contact_id = :id", id=bench.contacts[0]) == 0
    assert bench.suppressions(ADDRESSES[0]) == [("everywhere", 0, "erasure", 1)]
    assert bench.row(bench.contacts[1]).sealed is not None


def test_the_audit_tells_of_an_erasure_without_the_person(bench: Bench) -> None:
    with bench.database.begin() as unit:
        done = erase_address(unit, bench.keys, ADDRESSES[0], via="test")
        entry = unit.one("SELECT * FROM audit_entry WHERE object_id = :code", code=done.code)
    assert entry is not None
    assert entry.detail == {"contacts": 1, "bases": [bench.base_code], "via": "test"}
    assert "ada" not in json.dumps(dict(entry._mapping), default=str)


def test_an_unknown_address_is_suppressed_all_the_same_and_erasing_twice_is_once(bench: Bench) -> None:
    for _ in range(2):
        with bench.database.begin() as unit:
            assert erase_address(unit, bench.keys, "nobody@erase.test").contacts == 0
    assert bench.suppressions("nobody@erase.test") == [("everywhere", 0, "erasure", 1)]


def test_a_customer_reference_erases_from_its_base_alone(bench: Bench) -> None:
    with bench.database.begin() as unit:
        assert erase_reference(unit, bench.keys, bench.base_code, "BORIS").contacts == 1
        with pytest.raises(NotFound):
            erase_reference(unit, bench.keys, bench.base_code, "BORIS")
        with pytest.raises(InvalidInput):
            erase_reference(unit, bench.keys, "", "ADA")
    assert bench.suppressions(ADDRESSES[1]) == [("base", bench.base_id, "erasure", 1)]


def test_an_owner_erases_from_its_own_bases_only(bench: Bench) -> None:
    with bench.database.begin() as unit:
        stranger = UnitOfWork(unit.session, Actor("owner", make_organisation(unit, "owner"), 1))
        with pytest.raises(NotFound):
            erase_address(stranger, bench.keys, ADDRESSES[0], bench.base_code)
        with pytest.raises(InvalidInput):
            erase_address(stranger, bench.keys, ADDRESSES[0])
        with pytest.raises(Forbidden):
            erase_address(UnitOfWork(unit.session, Actor("advertiser", 1, 1)), bench.keys, ADDRESSES[0])
        owner = UnitOfWork(unit.session, Actor("owner", bench.owner_id, 1))
        assert erase_address(owner, bench.keys, ADDRESSES[0], bench.base_code).contacts == 1


def test_a_typed_request_of_erasure_does_the_same(bench: Bench) -> None:
    with bench.database.begin() as unit:
        sealed = seal_message(bench.keys.front, ADDRESSES[2].encode().ljust(320), REQUEST_SEAL)
        store_typed_request(unit, "erasure", "no-such-base", sealed)
        request = unit.scalar("SELECT max(id) FROM typed_request")
    for _ in range(2):
        match_request(bench.database, bench.keys, bench.settings, request, lambda worker, mail, note: None)
    assert bench.row(bench.contacts[2]).sealed is not None  # whoever typed it may be anybody
    with bench.database.begin() as unit:
        assert confirm_request(unit, request, "erasure")
    for _ in range(2):
        answer_request(bench.database, bench.keys, bench.settings, request, lambda worker, mail, note: None)
    assert bench.row(bench.contacts[2]).sealed is None
    assert bench.suppressions(ADDRESSES[2]) == [("everywhere", 0, "erasure", 1)]
    assert bench.scalar("SELECT sealed IS NULL AND done_at IS NOT NULL FROM typed_request WHERE id = :i", i=request)


def test_an_erasure_stands_in_the_journals_outbox_without_the_address(bench: Bench) -> None:
    with bench.database.begin() as unit:
        erase_address(unit, bench.keys, ADDRESSES[0])
        entries = [row.entry for row in unit.all("SELECT entry FROM journal_outbox ORDER BY id")]
    assert [entry["kind"] for entry in entries[-2:]] == ["suppression", "erasure"]
    assert "ada" not in json.dumps(entries)


def test_the_compaction_takes_traits_earlier_files_and_empty_rows(bench: Bench) -> None:
    assert bench.snapshot() == sorted(bench.contacts)
    (first,) = {name.partition(".")[0] for name in bench.files()}
    with bench.database.begin() as unit:
        erase_address(unit, bench.keys, ADDRESSES[0])
        assert bases_to_compact(unit) == [bench.base_id]
    assert compact_base(bench.database, bench.keys, bench.settings, bench.base_id) == 1
    assert bench.snapshot() == sorted(bench.contacts[1:])
    assert not any(name.startswith(first) for name in bench.files())
    assert sorted(Path(name).suffix for name in bench.files()) == [".codes", ".parquet"]
    assert bench.row(bench.contacts[0]) is None
    with bench.database.begin() as unit:
        assert bases_to_compact(unit) == []
    before = bench.files()
    assert compact_base(bench.database, bench.keys, bench.settings, bench.base_id) == 0
    assert bench.files() == before


def test_during_an_import_empty_rows_stay(bench: Bench) -> None:
    with bench.database.begin() as unit:
        erase_address(unit, bench.keys, ADDRESSES[0])
        unit.run(
            "UPDATE import_run SET state = 'reading' WHERE id = (SELECT max(id) FROM import_run WHERE base_id = :b)",
            b=bench.base_id,
        )
    compact_base(bench.database, bench.keys, bench.settings, bench.base_id)
    assert bench.row(bench.contacts[0]).sealed is None


def silence(bench: Bench, contact: int, days: int) -> None:
    """Nothing was heard of a contact for so many days."""
    bench.run(
        "UPDATE contact SET consent_at = app_now() - make_interval(days => :days) WHERE id = :id", days=days, id=contact
    )
    bench.run("UPDATE import_run SET created_at = app_now() - interval '10 years' WHERE base_id = :b", b=bench.base_id)
    bench.run(
        "UPDATE purchase SET day = current_date - CAST(:days AS integer) WHERE contact_id = :id", days=days, id=contact
    )


def as_owner(bench: Bench) -> list[tuple[object, ...]]:
    with bench.database.begin() as unit:
        identify(unit.session, Actor("owner", bench.owner_id, 1))
        rows = list_retention(UnitOfWork(unit.session, Actor("owner", bench.owner_id, 1)))
        identify(unit.session, unit.actor)
    return [(row.relation, row.erase_on, row.contacts, row.erased) for row in rows if row.base_code == bench.base_code]


def test_the_silent_are_announced_thirty_days_ahead_and_erased_on_the_day(bench: Bench) -> None:
    silence(bench, bench.contacts[0], 4 * 365)  # long overdue: still announced first
    silence(bench, bench.contacts[1], 3 * 365 - 10)  # due in about ten days: announced thirty days before all the same
    silence(bench, bench.contacts[2], 2 * 365)
    bench.run("UPDATE contact SET relation = 'customer' WHERE id = :id", id=bench.contacts[1])
    keep_retention(bench.database, bench.settings)
    day = bench.today + timedelta(days=30)
    assert as_owner(bench) == [("customer", day, 1, 0), ("prospect", day, 1, 0)]
    assert bench.row(bench.contacts[0]).sealed is not None
    keep_retention(bench.database, bench.settings)
    assert as_owner(bench) == [("customer", day, 1, 0), ("prospect", day, 1, 0)]

    bench.run("UPDATE shared_clock SET ahead = ahead + interval '30 days' WHERE demo")
    keep_retention(bench.database, bench.settings)
    assert bench.row(bench.contacts[0]).sealed is None
    assert bench.row(bench.contacts[1]).sealed is None
    assert bench.row(bench.contacts[2]).sealed is not None
    assert as_owner(bench) == [("customer", day, 0, 1), ("prospect", day, 0, 1)]
    assert bench.suppressions(ADDRESSES[0]) == [], "who was only silent may come back with a new consent"


def test_a_sign_of_life_takes_the_announcement_back(bench: Bench) -> None:
    for contact in bench.contacts:
        silence(bench, contact, 4 * 365)
    keep_retention(bench.database, bench.settings)
    assert [row[2] for row in as_owner(bench)] == [3]
    bench.run("UPDATE purchase SET day = current_date WHERE contact_id = :id", id=bench.contacts[0])
    bench.run("UPDATE contact SET consent_at = app_now() WHERE id = :id", id=bench.contacts[1])
    keep_retention(bench.database, bench.settings)
    assert [row[2] for row in as_owner(bench)] == [1]


@pytest.mark.parametrize(("verdict", "kept"), [("human", True), ("scanner", False), (None, False)])
def test_a_click_counts_when_it_was_a_persons(bench: Bench, verdict: str | None, kept: bool) -> None:
    silence(bench, bench.contacts[0], 4 * 365)
    with bench.database.begin() as unit:
        planned = schedule_participation_send(
            unit, picked_send(unit, bench.owner_id, make_organisation(unit, "advertiser"), bench.base_id)
        )
        freeze_store.make_partition(unit, planned)
        freeze_store.write_recipients(unit, planned, bench.contacts, contact_keys(bench.keys, ADDRESSES))
        unit.run(
            "INSERT INTO hit (at, dispatch_id, mailing_id, position, link, verdict)"
            " VALUES (app_now() - interval '1 year', :d, :m, 0, 1, :verdict)",
            d=planned.dispatch_id,
            m=planned.id,
            verdict=verdict,
        )
    keep_retention(bench.database, bench.settings)
    assert bool(as_owner(bench)) is not kept


def outlook(bench: Bench) -> RetentionOutlook:
    with bench.database.begin() as unit:
        identify(unit.session, Actor("owner", bench.owner_id, 1))
        found = retention_outlook(UnitOfWork(unit.session, Actor("owner", bench.owner_id, 1)), bench.base_code)
        identify(unit.session, unit.actor)
    return found


def test_the_owner_sees_who_waits_why_and_what_each_night_did(bench: Bench) -> None:
    assert outlook(bench) == RetentionOutlook([], [], [])
    for contact in bench.contacts:
        silence(bench, contact, 4 * 365)
    bench.run("DELETE FROM purchase WHERE contact_id = :id", id=bench.contacts[1])
    bench.run("UPDATE contact SET relation = 'customer' WHERE id = :id", id=bench.contacts[0])
    bench.run(
        "INSERT INTO visit (base_id, contact_id, day, row_key, import_id)"
        " SELECT base_id, id, app_now()::date - 1300, 1,"
        " import_id FROM contact WHERE id = :id",
        id=bench.contacts[2],
    )
    bench.run("UPDATE contact SET consent_at = NULL, first_seen = '2019-01-01' WHERE id = :id", id=bench.contacts[1])
    keep_retention(bench.database, bench.settings)
    found = outlook(bench)
    assert found.waiting == len(bench.contacts)
    assert found.count("prospect", "visit") == 1
    assert found.count("prospect", "import") == 1
    assert found.count("customer") == 1
    (report,) = found.reports
    assert (report.warned, report.waiting, report.erased, report.customer_months) == (3, 3, 0, 36)
    bench.run("UPDATE shared_clock SET ahead = ahead + interval '31 days' WHERE demo")
    keep_retention(bench.database, bench.settings)
    newest, _ = outlook(bench).reports
    assert (newest.erased, newest.waiting, outlook(bench).waiting) == (3, 0, 0)


def test_a_refresh_of_the_file_is_no_sign_of_life(bench: Bench) -> None:
    silence(bench, bench.contacts[0], 4 * 365)
    bench.run("UPDATE import_run SET created_at = app_now() WHERE base_id = :b", b=bench.base_id)
    keep_retention(bench.database, bench.settings)
    assert outlook(bench).waiting == 1


def test_customers_and_prospects_are_kept_for_times_of_their_own(bench: Bench) -> None:
    for contact in bench.contacts:
        silence(bench, contact, 400)
    bench.run("UPDATE contact SET relation = 'customer' WHERE id = :id", id=bench.contacts[0])
    trade = replace(bench.settings.trade, prospect_retention_months=12)
    keep_retention(bench.database, replace(bench.settings, trade=trade))
    found = outlook(bench)
    assert (found.count("customer"), found.count("prospect")) == (0, len(bench.contacts) - 1)
