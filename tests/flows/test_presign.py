"""Signatures made before a mailing's hour: what leaves is what was signed, and whatever changed is signed anew."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import dkim
import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.delivery.dkim_keys import dkim_record
from broker.delivery.presign import presign_mailing
from broker.delivery.send_mailing import send_mailing
from broker.delivery.sign import DkimSigner
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.data_keys import current_data_key
from broker.vault.dkim_ring import add_dkim_key, drop_dkim_key
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_rows
from tests.mail_house import House, build, keys_in, mail_settings, people, running_sink, states

pytestmark = pytest.mark.flow
COUNT = 30


class Counted:
    """How often a signature was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        sign_all = DkimSigner.sign_all

        def counting(signer: DkimSigner, texts: Sequence[bytes]) -> list[bytes]:
            self.made += len(texts)
            return sign_all(signer, texts)

        monkeypatch.setattr(DkimSigner, "sign_all", counting)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


class Scene:
    """A mailing planned for the next second, signed ahead, and sent once that second has come."""

    def __init__(self, engine: Engine, folder: Path, seconds: float = 2.0) -> None:
        self.data, self.folder = Database(engine), folder
        self.keys: WorkerKeys = keys_in(folder)
        self.house: House = build(self.data, self.keys, people(COUNT))
        self.id = self.house.mailing.id
        self.settings: Settings = mail_settings(folder, 1)
        # The last ones stand where only a large mailing has recipients: behind what two octets count.
        self.run("UPDATE send SET position = position + 40000 WHERE mailing_id = :id AND position >= 20")
        self.run("UPDATE mailing SET starts_at = app_now() + make_interval(secs => :s) WHERE id = :id", s=seconds)
        presign_mailing(self.data, self.keys, self.settings, self.id)

    def run(self, sql: str, **values: object) -> None:
        with self.data.begin() as unit:
            unit.run(sql, id=self.id, **values)

    def begins_late(self, late: timedelta) -> None:
        """Begin now what was signed for an hour that lies so far back (the clock of these tests cannot be moved)."""
        self.run("UPDATE presigned SET dated = dated - CAST(:by AS interval) WHERE mailing_id = :id", by=late)
        self.run("UPDATE mailing SET starts_at = app_now() WHERE id = :id")

    def move_away(self, position: int) -> None:
        """One recipient's address becomes another."""
        with self.data.begin() as unit:
            contact = unit.scalar(
                "SELECT contact_id FROM send WHERE mailing_id = :id AND position = :at", id=self.id, at=position
            )
            version, key = current_data_key(unit, self.keys, self.house.base_id)
            moved = json.dumps({"email": "moved@exemple-9.test", "first_name": f"Zoé{position}"}).encode()
            (sealed,) = seal_rows(key, self.house.base_id, version, [contact], [moved])
            unit.run("UPDATE contact SET sealed = :sealed WHERE id = :contact", sealed=sealed, contact=contact)

    def send(self, folder: str = "sink") -> list[bytes]:
        with running_sink(self.folder / folder) as sink:
            settings = mail_settings(self.folder, sink.port)
            while send_mailing(self.data, self.keys, settings, self.id, accrue_sends).unfinished:
                pass
            return [message.raw for message in sink.messages()]


def wait_for_the_hour(scene: Scene) -> None:
    with scene.data.begin() as unit:
        unit.run(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM starts_at - app_now()))) FROM mailing WHERE id = :id",
            id=scene.id,
        )


def verified(raw: bytes, keys: WorkerKeys) -> bool:
    record = dkim_record(next(iter(keys.dkim.values()))).encode()
    return bool(dkim.verify(raw, dnsfunc=lambda name, timeout=5: record))


def test_a_mailing_signed_ahead_leaves_without_another_signature(
    worker_engine: Engine, tmp_path: Path, counted: Counted
) -> None:
    scene = Scene(worker_engine, tmp_path, 1.0)
    assert counted.made == COUNT
    with scene.data.begin() as unit:
        hour = unit.scalar("SELECT starts_at FROM mailing WHERE id = :id", id=scene.id)
        kept = unit.scalar("SELECT signed FROM presigning WHERE mailing_id = :id", id=scene.id)
    assert kept == COUNT
    wait_for_the_hour(scene)
    mails = scene.send()
    assert counted.made == COUNT
    assert len(mails) == COUNT
    assert all(verified(raw, scene.keys) for raw in mails)
    dates = {re.search(rb"^Date: (.*)\r$", raw, re.MULTILINE)[1].decode() for raw in mails}  # type: ignore[index]
    assert [parsedate_to_datetime(date) for date in dates] == [hour.replace(microsecond=0)]
    assert len({hashlib.sha256(raw).digest() for raw in mails}) == COUNT
    with scene.data.begin() as unit:  # they were for this mailing only
        assert unit.scalar("SELECT count(*) FROM presigned WHERE mailing_id = :id", id=scene.id) == 0


@pytest.mark.parametrize("change", ["earlier", "late", "address", "key"])
def test_what_changed_since_is_signed_anew(
    worker_engine: Engine, tmp_path: Path, counted: Counted, change: str
) -> None:
    scene = Scene(worker_engine, tmp_path, 3_600.0 if change == "earlier" else 1.0)
    anew = COUNT
    if change == "earlier":
        scene.run("UPDATE mailing SET starts_at = app_now() WHERE id = :id")
    elif change == "late":
        scene.begins_late(timedelta(hours=2, minutes=1))
    elif change == "address":
        anew = 1
        scene.move_away(3)
    else:
        drop_dkim_key(tmp_path / "keys", "mail.courtier.test", "c2026")
        scene.keys = add_dkim_key(tmp_path / "keys", "mail.courtier.test", "c2026")
    wait_for_the_hour(scene)
    mails = scene.send()
    assert counted.made == COUNT + anew
    assert all(verified(raw, scene.keys) for raw in mails)


def test_an_opt_out_after_the_signing_counts(worker_engine: Engine, tmp_path: Path, counted: Counted) -> None:
    scene = Scene(worker_engine, tmp_path, 1.0)
    scene.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, reason) SELECT contact_key, 1, 'everywhere',"
        " 'opt_out' FROM send WHERE mailing_id = :id AND position = 5"
    )
    wait_for_the_hour(scene)
    assert len(scene.send()) == COUNT - 1
    assert states(scene.data, scene.house.mailing) == {"accepted": COUNT - 1, "withheld": 1}
