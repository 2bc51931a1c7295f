"""Mails with a link for a person who logs in: they leave outside of any transaction, once, and are not lost."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from broker.accounts.mail_link import LETTER_SEAL
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note
from broker.feedback.account_letter import post_account_letter
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import WorkerKeys
from broker.vault.seal import seal_message
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def waiting(scene: MoneyScene, keys: WorkerKeys) -> int:
    with scene.worker.begin() as unit:
        user = unit.scalar(
            "INSERT INTO app_user (org_id, email, name, role, password_hash, language)"
            " VALUES (:org, :mail, 'N', 'owner', 'x', 'fr') RETURNING id",
            org=scene.owner.org,
            mail=f"{secrets.token_hex(6)}@owner.test",
        )
        sealed = seal_message(keys.front, b"https://c.test/login/password/abc", LETTER_SEAL)
        return int(
            unit.scalar(
                "INSERT INTO account_letter (user_id, kind, sealed) VALUES (:user, 'invitation', :sealed) RETURNING id",
                user=user,
                sealed=sealed,
            )
        )


class Relay:
    """Notes what it takes; asks what the database says meanwhile."""

    def __init__(self, database: Database, letter: int, keys: WorkerKeys, *, away: int = 0) -> None:
        self.database, self.letter, self.keys, self.away = database, letter, keys, away
        self.texts: list[str] = []

    def __call__(self, worker: WorkerKeys, settings: MailSettings, note: Note) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionLost("away")
        self.texts.append(note.text)
        # Another worker at the same moment finds nothing to do, and is not kept waiting by a lock.
        with self.database.begin() as unit:
            unit.run("SET LOCAL lock_timeout = '200ms'")
            assert unit.scalar("SELECT done_at FROM account_letter WHERE id = :id FOR UPDATE", id=self.letter) is None
        post_account_letter(self.database, self.keys, Settings(), self.letter, self)


def test_a_letter_leaves_once_while_no_transaction_holds_it(scene: MoneyScene, worker_keys: WorkerKeys) -> None:
    letter = waiting(scene, worker_keys)
    relay = Relay(scene.worker, letter, worker_keys)
    for _ in range(2):
        post_account_letter(scene.worker, worker_keys, Settings(), letter, relay)
    assert len(relay.texts) == 1
    assert "https://c.test/login/password/abc" in relay.texts[0]


def test_a_relay_that_is_away_loses_no_letter_and_neither_does_a_death(
    scene: MoneyScene, worker_keys: WorkerKeys
) -> None:
    letter = waiting(scene, worker_keys)
    relay = Relay(scene.worker, letter, worker_keys, away=1)
    with pytest.raises(Unavailable):
        post_account_letter(scene.worker, worker_keys, Settings(), letter, relay)
    with scene.worker.begin() as unit:  # a worker took it, and died
        unit.run("UPDATE account_letter SET leaving_since = now() WHERE id = :id", id=letter)
    post_account_letter(scene.worker, worker_keys, Settings(), letter, relay)
    assert relay.texts == []
    with scene.worker.begin() as unit:
        unit.run(
            "UPDATE account_letter SET leaving_since = now() - CAST(:ago AS interval) WHERE id = :id",
            id=letter,
            ago=timedelta(minutes=6),
        )
    post_account_letter(scene.worker, worker_keys, Settings(), letter, relay)
    assert len(relay.texts) == 1
