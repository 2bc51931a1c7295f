"""Control mails are watched: those that come, where they come, those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from broker.feedback.watch_seeds import (
    drop_mailbox,
    folder_word,
    list_arrivals,
    look_at_seeds,
    set_mailbox,
    watch_seeds,
)
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from tests.flows.imap_server import Folder, imap_server
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring()
FRONT = WORKER.front
HERE = Settings(instance=InstanceSettings(private_hosts=("127.0.0.1",)))


class Watched:
    """A mailing with control mails at positions 1 and 2 of one address of its owner."""

    def __init__(self, admin: Engine, worker: Engine, web: Engine) -> None:
        self.scene: Scene = make_scene(admin, sends=3)
        self.data, self.web = Database(worker), Database(web)
        ((org,),) = self.scene.all("SELECT owner_id FROM mailing WHERE id = :mailing")
        self.owner = Actor("owner", int(str(org)), None)
        self.change("UPDATE mailing SET started_at = app_now() - interval '2 hours' WHERE id = :mailing")
        self.change("UPDATE send SET seed = true, contact_id = NULL, price_micros = 0,"
                    " outcome_at = app_now() - interval '90 minutes'"
                    " WHERE dispatch_id = :dispatch AND position < 3")  # fmt: skip
        ((seed, code),) = self.scene.all(
            "INSERT INTO seed_address (org_id, sealed, style) VALUES (:org, 'x', 'plain') RETURNING id, code", org=org
        )
        self.seed, self.code = int(str(seed)), str(code)
        for position in (1, 2):
            self.change("INSERT INTO mailing_seed (mailing_id, position, seed_id) VALUES (:mailing, :position, :seed)",
                        position=position, seed=seed)  # fmt: skip

    def change(self, sql: str, **values: object) -> None:
        self.scene.change(sql, **values)

    def watch(self) -> None:
        with self.data.begin() as unit:
            watch_seeds(unit)

    def give(self, port: int, **values: Any) -> None:
        given: dict[str, Any] = {"host": "127.0.0.1", "tls": False, "user": "seed", "password": "secret"} | values
        with self.web.begin(self.owner) as unit:
            set_mailbox(unit, FRONT, self.code, port=port, **given)

    def look(self, settings: Settings = HERE) -> None:
        look_at_seeds(self.data, WORKER, settings, self.seed)

    def told(self, whom: str = "owner_id") -> int:
        ((count,),) = self.scene.all(
            "SELECT count(*) FROM notification_event e JOIN mailing m ON m.code = e.object_code"
            f" WHERE m.id = :mailing AND e.kind = 'seed.missing' AND e.org_id = m.{whom}"
        )
        return int(str(count))

    def problem(self) -> object:
        return self.scene.all("SELECT problem FROM seed_mailbox WHERE seed_id = :seed", seed=self.seed)[0][0]


@pytest.fixture
def watched(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> Watched:
    return Watched(admin_engine, worker_engine, web_engine)


def test_arrivals_are_found_by_their_message_id_with_folder_and_time_and_the_missing_are_told_once(
    watched: Watched,
) -> None:
    watched.watch()
    assert watched.told() == 0  # nobody knows whether this address shows arrivals at all
    spam, inbox = Folder(), Folder()
    token = watched.scene.token(FRONT, "message", 1)
    spam.add(f"Message-ID: <{token}@mail.test>\r\nSubject: Offre\r\n\r\nx".encode())
    with imap_server(INBOX=inbox, Spam=spam) as port:
        watched.give(port)
        watched.look()
        watched.look()
    assert spam.messages
    with watched.web.begin(watched.owner) as unit:
        found = sorted((one.folder or "", one.arrived_at is not None) for one in list_arrivals(unit))
    assert found == [("", False), ("junk", True)]
    for _ in range(2):
        watched.watch()
    assert watched.told() == 1


@pytest.mark.parametrize("whose", ["owner_id", "advertiser_id"])
def test_a_late_control_mail_is_told_to_the_advertiser_whose_address_it_is(watched: Watched, whose: str) -> None:
    watched.change(
        f"UPDATE seed_address SET org_id = (SELECT {whose} FROM mailing WHERE id = :mailing),"
        " style = 'house', sealed = NULL WHERE id = :seed",
        seed=watched.seed,
    )
    for _ in range(2):
        watched.watch()
    assert watched.told("owner_id") == 2
    assert watched.told("advertiser_id") == (2 if whose == "advertiser_id" else 0)


def test_what_was_forwarded_to_the_door_has_arrived(watched: Watched) -> None:
    watched.change("UPDATE mailing_seed SET arrived_at = app_now() WHERE mailing_id = :mailing")
    for _ in range(2):
        watched.watch()
    with watched.web.begin(watched.owner) as unit:
        assert all(one.arrived_at for one in list_arrivals(unit))
    assert watched.told() == 0


def test_a_mailbox_that_cannot_be_looked_into_says_why_and_raises_no_alarm(watched: Watched) -> None:
    watched.watch()
    with imap_server(INBOX=Folder()) as port:
        watched.give(port, password="wrong")
        watched.look()
        assert watched.problem() == "imap_refused"
        watched.give(port)
        watched.look(Settings())
        assert watched.problem() == "not_public"  # an inside host is looked into only where the operator allows it
        watched.give(1)
        watched.look()
        assert watched.problem() == "imap_unreachable"
    watched.watch()
    assert watched.told() == 0


def test_a_log_in_is_given_to_workers_alone_and_taken_back(watched: Watched) -> None:
    watched.give(993)
    ((sealed,),) = watched.scene.all("SELECT sealed FROM seed_mailbox WHERE seed_id = :seed", seed=watched.seed)
    assert isinstance(sealed, bytes)
    assert b"secret" not in sealed
    with pytest.raises(InvalidInput):
        watched.give(993, host="http://x/")
    stranger = Actor("owner", watched.scene.advertiser_id, None)
    with watched.web.begin(stranger) as unit, pytest.raises(NotFound):
        drop_mailbox(unit, watched.code)
    with watched.web.begin(watched.owner) as unit:
        drop_mailbox(unit, watched.code)
        with pytest.raises(NotFound):
            drop_mailbox(unit, watched.code)


@pytest.mark.parametrize(
    ("name", "flags", "word"),
    [("INBOX", (), "inbox"), ("Spam", (), "junk"), ("X", ("\\junk",), "junk"), ("Promotions", (), "Promotions"),
     ("Courrier ind&AOk-sirable", (), "junk")],
)  # fmt: skip
def test_folders_are_named_by_what_they_are(name: str, flags: tuple[str, ...], word: str) -> None:
    assert folder_word(name, frozenset(flags)) == word
