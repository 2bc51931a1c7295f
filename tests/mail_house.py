"""A mailing ready to leave, made directly in the rows: for tests of delivery that need no import and no selection."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.ids import new_code
from broker.kernel.settings import (
    InstanceSettings,
    KeySettings,
    MailSettings,
    RelaySettings,
    Settings,
    WorkerSettings,
)
from broker.mailings import freeze_store
from broker.mailings.create_creative import Message, create_creative
from broker.mailings.model import Mailing
from broker.mailings.schedule import schedule_participation_send
from broker.mailings.sign_creative import sign_creative
from broker.mailings.store import mailing_by_id
from broker.mailings.variants import Variation
from broker.operate.mail_sink import SunkMessage, read_sunk
from broker.vault.blind_index import contact_keys, md5_keys, sha256_keys
from broker.vault.data_keys import current_data_key
from broker.vault.keyring import WorkerKeys, create_keys, load_worker
from broker.vault.seal import seal_rows

COURTIER = "from broker.operate.cli import main; main()"
HTML = (
    "<html><body><h1>Bonjour {{first_name|à vous}}</h1><p>Une <a href='https://shop.test/?a=1&copy=2'>offre</a> et"
    " <a href='https://shop.test/deux'>une autre</a>.</p></body></html>"
)


@dataclass(frozen=True)
class House:
    """Two organisations, a base and a mailing of it."""

    owner_id: int
    advertiser_id: int
    base_id: int
    mailing: Mailing


def mail_settings(folder: Path, port: int, *, connections: int = 4, batch: int = 50, lease: int = 2) -> Settings:
    """Settings of a worker that sends to one relay on this machine."""
    return Settings(
        instance=InstanceSettings(name="test", state_dir=str(folder), demo=True),
        keys=KeySettings(dir=str(folder / "keys")),
        worker=WorkerSettings(processes=2, lease_seconds=lease, stalled_after_seconds=5),
        mail=MailSettings(relays=(RelaySettings(port=port, connections=connections),), batch=batch, timeout_seconds=5),
    )


def keys_in(folder: Path) -> WorkerKeys:
    """The workers' ring of a test folder, made at the first call."""
    create_keys(folder / "keys", "mail.courtier.test", "c2026")
    return load_worker(folder / "keys")


def people(count: int) -> list[dict[str, str]]:
    """Distinct recipients."""
    return [{"email": f"personne.{n}@exemple-{n % 7}.test", "first_name": f"Zoé{n}"} for n in range(count)]


def _organisation(unit: UnitOfWork, kind: str, name: str) -> int:
    created: int = unit.scalar(
        "INSERT INTO organisation (code, kind, name, city) VALUES (:code, :kind, :name, 'Paris') RETURNING id",
        code=new_code("org"),
        kind=kind,
        name=name,
    )
    return created


def add_contacts(unit: UnitOfWork, keys: WorkerKeys, base_id: int, persons: Sequence[dict[str, str]]) -> list[int]:
    """Sealed contacts of a base; their ids in order."""
    upload = unit.scalar(
        "INSERT INTO upload (code, base_id, kind, file_name, state) VALUES (:code, :base, 'contacts', 'x.csv',"
        " 'destroyed') RETURNING id",
        code=new_code("upload"),
        base=base_id,
    )
    run = unit.scalar(
        "INSERT INTO import_run (code, base_id, upload_id, kind, state) VALUES (:code, :base, :upload, 'contacts',"
        " 'done') RETURNING id",
        code=new_code("import"),
        base=base_id,
        upload=upload,
    )
    version, data_key = current_data_key(unit, keys, base_id)
    addresses = [person["email"] for person in persons]
    rows = unit.all(
        "INSERT INTO contact (base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, import_id)"
        " SELECT :base, k, m, s, 1, :version, :run FROM unnest(CAST(:keys AS bytea[]), CAST(:md5 AS bytea[]),"
        " CAST(:sha AS bytea[])) AS t(k, m, s) RETURNING id, contact_key",
        base=base_id,
        version=version,
        run=run,
        keys=contact_keys(keys, addresses),
        md5=md5_keys(keys, addresses),
        sha=sha256_keys(keys, addresses),
    )
    by_key = {bytes(row.contact_key): row.id for row in rows}
    ids = [by_key[key] for key in contact_keys(keys, addresses)]
    sealed = seal_rows(data_key, base_id, version, ids, [json.dumps(person).encode() for person in persons])
    unit.run(
        "UPDATE contact SET sealed = t.sealed FROM unnest(CAST(:ids AS bigint[]), CAST(:sealed AS bytea[]))"
        " AS t(id, sealed) WHERE contact.id = t.id",
        ids=ids,
        sealed=sealed,
    )
    return ids


def frozen_mailing(database: Database, owner: int, advertiser: int, variants: Sequence[Variation] = ()) -> Mailing:
    """A frozen mailing of an owner's new base for an advertiser, to nobody."""
    with database.begin() as unit:
        base_id = unit.scalar(
            "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'Base') RETURNING id",
            org=owner,
            code=new_code("b").replace("_", "-"),
        )
        send_id = picked_send(unit, owner, advertiser, base_id, variants=variants)
    with database.begin() as unit:
        planned = schedule_participation_send(unit, send_id)
        freeze_store.make_partition(unit, planned)
        freeze_store.mark_frozen(unit, planned, {})
        found = mailing_by_id(unit, planned.id)
    assert found is not None
    return found


def picked_send(
    unit: UnitOfWork,
    owner: int,
    advertiser: int,
    base_id: int,
    html: str = HTML,
    volume: int = 1_000_000,
    *,
    signed: bool = True,
    variants: Sequence[Variation] = (),
) -> int:
    """A signed creative in an open programme, joined by the base, and one send picked; its id."""
    author = UnitOfWork(unit.session, Actor("advertiser", advertiser, 1))
    message = Message("Test", "Une offre pour {{first_name|vous}}", "Boutique É", "fr", html, variants=variants)
    creative = create_creative(author, message)
    if signed:
        sign_creative(author, creative.code)
    programme = unit.scalar(
        "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp, budget_cents,"
        " creative_id, starts_on, ends_on) VALUES (:code, :advertiser, 't', 'mode', 'cpm', 20000, 2000, 10000000,"
        " :creative, current_date, current_date + 30) RETURNING id",
        code=new_code("prog"),
        advertiser=advertiser,
        creative=creative.id,
    )
    participation = unit.scalar(
        "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
        " VALUES (:code, :programme, :advertiser, :owner, :base) RETURNING id",
        code=new_code("part"),
        programme=programme,
        advertiser=advertiser,
        owner=owner,
        base=base_id,
    )
    segment = unit.scalar(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        """ VALUES (:code, :base, :owner, 'all', 'all', '{"op": "all"}') RETURNING id""",
        code=new_code("seg"),
        base=base_id,
        owner=owner,
    )
    send_id: int = unit.scalar(
        "INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume, send_on)"
        " VALUES (:code, :participation, :advertiser, :owner, :segment, :volume, current_date) RETURNING id",
        code=new_code("psend"),
        participation=participation,
        advertiser=advertiser,
        owner=owner,
        segment=segment,
        volume=volume,
    )
    return send_id


def build(
    database: Database, keys: WorkerKeys, persons: Sequence[dict[str, str]], variants: Sequence[Variation] = ()
) -> House:
    """A frozen mailing to these people."""
    with database.begin() as unit:
        owner, advertiser = _organisation(unit, "owner", "Loueur"), _organisation(unit, "advertiser", "Annonceur")
        base_id = unit.scalar(
            "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'Base') RETURNING id",
            org=owner,
            code=new_code("b").replace("_", "-"),
        )
        contact_ids = add_contacts(unit, keys, base_id, persons)
        send_id = picked_send(unit, owner, advertiser, base_id, variants=variants)
    with database.begin() as unit:
        planned = schedule_participation_send(unit, send_id)
        freeze_store.make_partition(unit, planned)
        freeze_store.write_recipients(
            unit, planned, contact_ids, contact_keys(keys, [person["email"] for person in persons])
        )
        freeze_store.mark_frozen(unit, planned, {})
        mailing = mailing_by_id(unit, planned.id)
        assert mailing is not None
    return House(owner, advertiser, base_id, mailing)


def states(database: Database, mailing: Mailing) -> dict[str, int]:
    """Rows by state, seeds included."""
    with database.begin() as unit:
        rows = unit.all(
            "SELECT state, count(*) AS n FROM send WHERE dispatch_id = :dispatch AND mailing_id = :mailing GROUP BY 1",
            dispatch=mailing.dispatch_id,
            mailing=mailing.id,
        )
    return {row.state: row.n for row in rows}


def billed(database: Database, mailing: Mailing) -> int:
    """Accrual rows."""
    with database.begin() as unit:
        count: int = unit.scalar("SELECT count(*) FROM accrual WHERE mailing_id = :id", id=mailing.id)
    return count


@dataclass(frozen=True)
class Sink:
    """A running mail sink."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def messages(self) -> list[SunkMessage]:
        """All that it kept."""
        return [message for _, message in read_sunk(self.folder)]


@contextmanager
def running_sink(folder: Path, *rules: str) -> Iterator[Sink]:
    """The sink in a process of its own on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = [word for rule in rules for word in ("--rule", rule)]
    process = subprocess.Popen(
        [sys.executable, "-c", COURTIER, "sink", "--port", str(port), "--folder", str(folder), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(b"listening"), "the sink did not start"
        yield Sink(port, folder, process)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def until(condition: object, seconds: float = 30.0) -> None:
    """Wait for a condition (a callable), failing after `seconds`."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
