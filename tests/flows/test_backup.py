"""Backup and restore: nothing lost, nobody mailed twice, and every refusal in one sentence."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.audit.record import record
from broker.audit.verify import verify
from broker.bases.erase import erase_address
from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import CourtierError
from broker.kernel.settings import InstanceSettings, KeySettings, Settings
from broker.mailings.find_mailing import find_mailing
from broker.mailings.resume import resume_mailing
from broker.operate.backup.make import copy_keys, make_backup
from broker.operate.backup.manifest import read_manifest
from broker.operate.backup.restore import restore
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.operate.journal.files import Journal
from broker.operate.journal.outbox import flush_outbox
from broker.operate.journal.sends import JournalledSends
from broker.vault.blind_index import contact_keys
from tests.mail_house import House, Sink, billed, build, keys_in, mail_settings, people, running_sink, states

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(400)]

PEOPLE = people(300)


@dataclasses.dataclass
class Instance:
    """A small instance with its own server."""

    settings: Settings
    server: DatabaseServer

    @property
    def data(self) -> Database:
        return Database(make_engine(self.server.url("worker"), 2))


@contextmanager
def running(root: Path, keys: Path, journal: Path) -> Iterator[Instance]:
    root.mkdir(mode=0o711, exist_ok=True)
    settings = settings_of(root, keys, journal)
    with running_postgres(settings, durable=False) as server:
        yield Instance(settings, server)


def settings_of(root: Path, keys: Path, journal: Path) -> Settings:
    return Settings(
        instance=InstanceSettings(name="test", state_dir=str(root), demo=True, journal_dir=str(journal)),
        keys=KeySettings(dir=str(keys)),
    )


def with_snapshot(instance: Instance, house: House) -> bytes:
    """A snapshot file of the base, as the database knows it; its content."""
    folder = instance.settings.state_dir / "snapshots"
    folder.mkdir(mode=0o700, exist_ok=True)
    pq.write_table(pa.table({"contact_id": [1, 2]}), folder / "1-000001-1.parquet")
    content = (folder / "1-000001-1.parquet").read_bytes()
    with instance.data.begin() as unit:
        snapshot = unit.scalar(
            "INSERT INTO snapshot (base_id, number, file_name, sha256, rows, rentable, columns)"
            " VALUES (:base, 1, '1-000001-1.parquet', :sha, 2, 2, '[]') RETURNING id",
            base=house.base_id,
            sha=hashlib.sha256(content).digest(),
        )
        unit.run("UPDATE base SET current_snapshot_id = :id WHERE id = :base", id=snapshot, base=house.base_id)
    return content


def send_some(instance: Instance, house: House, sink: Sink, keys_root: Path, journal: Journal, until: int) -> None:
    """Send with a journal until the sink has this many more."""
    settings = dataclasses.replace(mail_settings(keys_root, sink.port, batch=40), instance=instance.settings.instance)
    start = len(sink.messages())
    send_mailing(
        instance.data,
        keys_in(keys_root),
        settings,
        house.mailing.id,
        accrue_sends,
        journal=JournalledSends(journal),
        should_stop=lambda: len(sink.messages()) >= start + until,
    )


def received(sink: Sink) -> Counter[str]:
    return Counter(address for message in sink.messages() for address in message.rcpt_to)


def test_a_restore_elsewhere_loses_nothing_and_mails_nobody_twice(scratch: Path) -> None:
    root = scratch / "backup-flow"
    root.mkdir(mode=0o711)
    keys = keys_in(root)
    journal_dir, out, keys_out = root / "journal", root / "backup", root / "safe"
    journal = Journal(journal_dir)
    with running_sink(root / "sink") as sink:
        with running(root / "first", root / "keys", journal_dir) as first:
            house = build(first.data, keys, PEOPLE)
            later = build(first.data, keys, people(60))
            snapshot = with_snapshot(first, house)
            uploads = first.settings.state_dir / "uploads"
            uploads.mkdir()
            (uploads / "upload_x.sealed").write_bytes(b"sealed already")
            send_some(first, house, sink, root, journal, 60)
            copy_keys(first.settings, out, keys_out, together=False)
            manifest = make_backup(first.settings, first.server, out)
            before = received(sink)

            # After the backup: more mails, a mailing of its own, opt-outs, an erasure, a bounce, a cancelled mailing.
            send_some(first, house, sink, root, journal, 60)
            fresh = build(first.data, keys, people(40))
            send_some(first, later, sink, root, journal, 1_000)
            send_some(first, fresh, sink, root, journal, 1_000)
            waiting = [person["email"] for person in PEOPLE if person["email"] not in received(sink)]
            with first.data.begin() as unit:
                bounced = unit.scalar(
                    "UPDATE send SET bounced_at = app_now(), bounce_status = '5.1.1' WHERE mailing_id = :m"
                    " AND position = (SELECT max(position) FROM send WHERE mailing_id = :m AND state = 'accepted')"
                    " RETURNING position",
                    m=house.mailing.id,
                )
                unit.run(
                    "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, reason)"
                    " VALUES (:key, 1, 'base', :base, 'opt_out')",
                    key=contact_keys(keys, [waiting[0]])[0],
                    base=house.base_id,
                )
                erase_address(unit, keys, waiting[1])
            flush_outbox(first.data, journal)
            accepted = {one.mailing.id: states(first.data, one.mailing)["accepted"] for one in (house, later)}
            money = {one.mailing.id: billed(first.data, one.mailing) for one in (house, later)}
        shutil.rmtree(root / "first")  # the disk is gone

        done = restore(
            settings_of(root / "second", root / "new-keys", root / "new-journal"), out, keys_out, [journal_dir]
        )
        with running(root / "second", root / "new-keys", root / "new-journal") as second:
            assert done.replayed.suppressions == 2
            assert done.replayed.erasures == 1
            assert done.replayed.bounces == 1
            assert done.replayed.uncertain == 0
            assert done.replayed.orphans == 40, "an order made after the backup cannot be held, and is counted"
            assert (second.settings.state_dir / "snapshots" / "1-000001-1.parquet").read_bytes() == snapshot
            assert (second.settings.state_dir / "uploads" / "upload_x.sealed").read_bytes() == b"sealed already"
            with second.data.begin() as unit:
                assert verify(unit, (manifest.audit_entries, manifest.audit_head)).broken_at is None
                assert find_mailing(unit, house.mailing.code).state == "paused"
                row = unit.one(
                    "SELECT state, bounced_at IS NOT NULL AS bounced FROM send WHERE mailing_id = :m AND position = :p",
                    m=house.mailing.id,
                    p=bounced,
                )
                assert row is not None
                assert tuple(row) == ("accepted", True)
                record(unit, "it.writes", "instance", "again")
            assert states(second.data, house.mailing)["accepted"] == accepted[house.mailing.id]
            assert billed(second.data, house.mailing) == money[house.mailing.id] + 1  # the bounce's reversal
            assert states(second.data, later.mailing) == {"accepted": 60}
            assert billed(second.data, later.mailing) == money[later.mailing.id]

            # A person lets it go on: the rest leaves, and only the rest.
            send_some(second, house, sink, root, Journal(root / "new-journal"), 1_000)
            assert sum(received(sink).values()) == sum(accepted.values()) + 40, "nothing leaves while it is paused"
            with second.data.begin() as unit:
                resume_mailing(unit, house.mailing.code)
            send_some(second, house, sink, root, Journal(root / "new-journal"), 1_000)
            final = states(second.data, house.mailing)
            assert final == {"accepted": 298, "withheld": 2}
            with second.data.begin() as unit:
                again = unit.scalar("SELECT min(last) FROM dispatch_counter")
                assert again > max(one.mailing.dispatch_id % 1_000_000 for one in (house, later, fresh))
        sent = received(sink)
        own = {person["email"] for person in PEOPLE}
        expected = Counter({address: 1 for address in own if address not in waiting[:2]})
        expected.update(person["email"] for person in people(60))
        expected.update(person["email"] for person in people(40))
        assert sent == expected
        assert len(before) >= 60
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def backed_up(scratch: Path) -> Iterator[Path]:
    """A folder with `backup`, `safe` (keys) and `journal` of a tiny instance."""
    root = scratch / "refusals"
    root.mkdir(mode=0o711)
    keys_in(root)
    with running(root / "first", root / "keys", root / "journal") as first:
        build(first.data, keys_in(root), people(3))
        flush_outbox(first.data, Journal(root / "journal"))
        with first.data.begin() as unit:
            unit.run(
                "INSERT INTO suppression (contact_key, pepper_version, scope, reason)"
                " VALUES (decode(repeat('01', 16), 'hex'), 1, 'everywhere', 'opt_out')"
            )
        copy_keys(first.settings, root / "backup", root / "safe", together=False)
        make_backup(first.settings, first.server, root / "backup")
        flush_outbox(first.data, Journal(root / "journal"))
        with pytest.raises(CourtierError) as refused:
            make_backup(first.settings, first.server, root / "backup")
        assert refused.value.code == "not_empty"
        with pytest.raises(CourtierError) as refused:
            copy_keys(first.settings, root / "backup", root / "backup" / "keys", together=False)
        assert refused.value.code == "keys_with_data"
    yield root
    shutil.rmtree(root)


def refusal(root: Path, backup: Path, keys: Path, journals: list[Path] | None, target: str = "other") -> str:
    """The code with which a restore refuses; its sentence is one line."""
    with pytest.raises(CourtierError) as refused:
        restore(settings_of(root / target, root / f"{target}-keys", root / f"{target}-journal"), backup, keys, journals)
    assert "\n" not in refused.value.sentence
    return refused.value.code


def copied(backed_up: Path, name: str) -> Path:
    shutil.copytree(backed_up / "backup", backed_up / name)
    return backed_up / name


def test_nothing_readable_stands_in_the_backup(backed_up: Path) -> None:
    manifest = read_manifest(backed_up / "backup")
    assert {one.path for one in manifest.files if not one.path.startswith("uploads/")} == {"database.dump.sealed"}
    assert all(one.sealed for one in manifest.files)
    assert b"PGDMP" not in (backed_up / "backup" / "database.dump.sealed").read_bytes()


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "manifest"])
def test_a_damaged_backup_is_refused(backed_up: Path, damage: str) -> None:
    copy = copied(backed_up, f"damaged-{damage}")
    dump = copy / "database.dump.sealed"
    content = dump.read_bytes()
    if damage == "changed":
        dump.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    elif damage == "cut":
        dump.write_bytes(content[:-10])
    elif damage == "missing":
        dump.unlink()
    else:
        (copy / "manifest.json").write_text("{")
    assert refusal(backed_up, copy, backed_up / "safe", None) == "backup_damaged"


def test_an_unfinished_backup_is_refused(backed_up: Path) -> None:
    copy = copied(backed_up, "unfinished")
    (copy / "manifest.json").unlink()
    assert refusal(backed_up, copy, backed_up / "safe", None) == "no_backup"


def test_a_backup_of_a_newer_schema_is_refused(backed_up: Path) -> None:
    copy = copied(backed_up, "newer")
    table = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(table | {"schema": "9999"}))
    assert refusal(backed_up, copy, backed_up / "safe", None) == "newer_schema"


def test_without_its_keys_a_backup_is_useless(backed_up: Path) -> None:
    (backed_up / "none").mkdir()
    assert refusal(backed_up, backed_up / "backup", backed_up / "none", None) == "keys_missing"
    (backed_up / "foreign").mkdir()
    keys_in(backed_up / "foreign")
    assert refusal(backed_up, backed_up / "backup", backed_up / "foreign" / "keys", None) == "keys_differ"


def test_a_damaged_or_foreign_journal_is_refused(backed_up: Path) -> None:
    damaged = shutil.copytree(backed_up / "journal", backed_up / "journal-damaged")
    (file,) = damaged.glob("*.journal")
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([lines[0], lines[1].replace(b"opt_out", b"opt_in_"), *lines[2:]]) + b"{}\n")
    assert refusal(backed_up, backed_up / "backup", backed_up / "safe", [damaged]) == "journal_damaged"
    foreign = backed_up / "journal-foreign"
    Journal(foreign).append([{"kind": "closed", "token": "x"}], instance="another")
    assert refusal(backed_up, backed_up / "backup", backed_up / "safe", [foreign]) == "other_journal"
    assert refusal(backed_up, backed_up / "backup", backed_up / "safe", [backed_up / "none-at-all"]) == "no_journal"


def test_an_instance_that_holds_something_is_refused(backed_up: Path) -> None:
    with running(backed_up / "full", backed_up / "safe", backed_up / "full-journal") as full, full.data.begin() as unit:
        unit.run("INSERT INTO organisation (code, kind, name) VALUES ('org_x', 'owner', 'X')")
    assert refusal(backed_up, backed_up / "backup", backed_up / "safe", None, target="full") == "not_empty"


def test_a_restore_that_broke_off_leaves_nothing_that_starts(backed_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("broker.operate.backup.restore._replay", broken)
    settings = settings_of(backed_up / "half", backed_up / "half-keys", backed_up / "half-journal")
    with pytest.raises(KeyboardInterrupt):
        restore(settings, backed_up / "backup", backed_up / "safe", None)
    with pytest.raises(CourtierError) as refused, running_postgres(settings):
        pass
    assert refused.value.code == "half_restored"


def test_a_last_line_cut_off_by_a_crash_is_no_damage(backed_up: Path) -> None:
    cut = shutil.copytree(backed_up / "journal", backed_up / "journal-cut")
    (file,) = cut.glob("*.journal")
    with file.open("ab") as handle:
        handle.write(b"0000")
    settings = settings_of(backed_up / "cut", backed_up / "cut-keys", backed_up / "cut-journal")
    done = restore(settings, backed_up / "backup", backed_up / "safe", [cut])
    assert done.replayed.held == 1
    assert list((backed_up / "cut-journal").glob("*.journal")), "the journal goes on in the new instance"
