"""Seeds of one mailing alone: our own mail arrives there, anybody else's opens a case."""

from __future__ import annotations

import pytest

from broker.delivery.claim import AddressBook
from broker.delivery.model import Batch, Claimed
from broker.delivery.store import facts_of
from broker.feedback.leaks import close_leak, find_leak, list_leaks
from broker.feedback.read_inbound import read_inbound
from broker.feedback.receive_inbound import receive_inbound
from broker.kernel.actor import PUBLIC, Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden
from broker.mailings.own.find import parts_of
from broker.mailings.seeds import add_seed_address, end_seed_address, list_seed_addresses
from broker.operate.processes.mailin import Desk
from broker.vault.blind_index import contact_keys
from broker.vault.tokens import make_token
from tests.store.own_scene import Scene, scene

__all__ = ["scene"]


def seeds_of(scene: Scene, code: str) -> list[tuple[int, int, str, str]]:
    """(dispatch, mailing, position, address) of the control addresses that a mailing is written to."""
    with scene.worker.begin() as unit:
        mailing = unit.one("SELECT id, dispatch_id FROM mailing WHERE code = :code", code=code)
        assert mailing is not None
        rows = unit.all(
            "SELECT position, contact_key FROM send WHERE mailing_id = :id AND seed ORDER BY position", id=mailing.id
        )
        facts = facts_of(unit, mailing.id)
        assert facts is not None
        batch = Batch(None, tuple(Claimed(row.position, None, bytes(row.contact_key), True, 0) for row in rows), 0.0)  # type: ignore[arg-type]
        people = AddressBook(scene.keys, facts.base_id, "bounce.courtier.test").open_batch(unit, facts, batch)
    addresses = [one.person["email"] for one in people if one.person is not None]
    assert contact_keys(scene.keys, addresses) == [bytes(row.contact_key) for row in rows]
    return [
        (mailing.dispatch_id, mailing.id, row.position, address) for row, address in zip(rows, addresses, strict=True)
    ]


@pytest.fixture
def sent(scene: Scene) -> tuple[Scene, list[list[tuple[int, int, str, str]]]]:
    """Two variants of one own mailing, and the control addresses of each."""
    scene.build()
    with scene.web.begin(scene.owner) as unit:
        add_seed_address(unit, scene.keys.front, "Controle@loueur.test")
        add_seed_address(unit, scene.keys.front, "", "house")
        add_seed_address(unit, scene.keys.front, "simple@loueur.test", "plain")
    women = scene.segment("Women", "gender = F")
    own = scene.run(scene.planned([(women, scene.message("A")), ("", scene.message("B"))]))
    with scene.web.begin(scene.owner) as unit:
        codes = [part.mailing_code or "" for part in sorted(parts_of(unit, own), key=lambda part: part.place)]
    return scene, [seeds_of(scene, code) for code in codes]


def receive(scene: Scene, to: str, raw: str) -> None:
    with scene.worker.begin(PUBLIC) as unit:
        inbound = receive_inbound(unit, scene.keys.front, [to], raw.encode())
    read_inbound(scene.worker, scene.keys, scene.settings, inbound, lambda *_: None)


def test_each_mailing_writes_to_addresses_of_its_own(sent: tuple[Scene, list[list[tuple[int, int, str, str]]]]) -> None:
    _, (first, second) = sent
    addresses = [[seed[3] for seed in seeds] for seeds in (first, second)]
    assert len(addresses[0]) == 3
    assert len(addresses[1]) == 2  # the plain one is written to once in a dispatch
    assert addresses[0][0].startswith("controle+")
    assert addresses[0][1].endswith("@bounce.courtier.test")
    assert not set(addresses[0]) & set(addresses[1])


def test_the_mailing_itself_arrives_and_a_stranger_opens_a_case(
    sent: tuple[Scene, list[list[tuple[int, int, str, str]]]],
) -> None:
    scene, (first, second) = sent
    dispatch, mailing, position, house = first[1]
    token = make_token(scene.keys.front, "message", dispatch, mailing, position)
    receive(scene, house, f"Message-ID: <{token}@mail.courtier.test>\r\nFrom: shop@mail.courtier.test\r\n\r\nHi\r\n")
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM mailing_seed WHERE arrived_at IS NOT NULL") == 1
    with scene.web.begin(scene.owner) as unit:
        assert list_leaks(unit) == []
    # The same mail to another one's seed is not that one's mail.
    for _ in range(2):
        receive(
            scene, second[1][3], f"Message-ID: <{token}@x.test>\r\nFrom: Deals <a@Spam.test>\r\nSubject: Yo\r\n\r\n"
        )
    with scene.web.begin(scene.owner) as unit:
        (case,) = list_leaks(unit)
        assert (case.sender_domain, case.mails, case.state, case.base_code) == ("spam.test", 2, "open", scene.base_code)
        mailing_code = unit.scalar("SELECT code FROM mailing WHERE id = :id", id=second[1][1])
        assert case.mailing_code == mailing_code
    with scene.web.begin(scene.stranger) as unit:
        assert list_leaks(unit) == []


def test_what_a_mailbox_forwards_is_known_by_its_headers(
    sent: tuple[Scene, list[list[tuple[int, int, str, str]]]],
) -> None:
    scene, (first, _) = sent
    plus = first[0][3]
    mail = f"From: x@list-seller.test\r\nTo: {plus}\r\nSubject: write to me@here.test\r\n\r\nBuy\r\n"
    receive(scene, "seeds@bounce.courtier.test", mail)
    receive(scene, "seeds@bounce.courtier.test", mail.replace(plus, "controle@loueur.test"))  # names no mailing
    with scene.web.begin(scene.owner) as unit:
        (case,) = list_leaks(unit)
    assert case.sender_domain == "list-seller.test"
    assert "@" not in case.subject


def test_a_case_is_closed_with_what_was_found_out_and_opens_again(
    sent: tuple[Scene, list[list[tuple[int, int, str, str]]]],
) -> None:
    scene, (first, _) = sent
    mail = "From: x@spam.test\r\n\r\nBuy\r\n"
    receive(scene, first[1][3], mail)
    broker = Actor("broker", 1, 1)
    with scene.web.begin(broker) as unit:
        (case,) = [one for one in list_leaks(unit) if one.base_code == scene.base_code]
    with scene.web.begin(scene.owner) as unit:
        assert close_leak(unit, case.code, "a router sold it").state == "closed"
        with pytest.raises(Conflict):
            close_leak(unit, case.code, "again")
    receive(scene, first[1][3], mail)
    with scene.web.begin(scene.owner) as unit:
        assert (find_leak(unit, case.code).state, find_leak(unit, case.code).mails) == ("open", 2)
    with scene.web.begin(Actor("advertiser", scene.stranger.org_id, 1)) as unit, pytest.raises(Forbidden):
        list_leaks(unit)


def test_a_seed_that_was_ended_is_in_no_later_mailing(scene: Scene) -> None:
    scene.build()
    with scene.web.begin(scene.owner) as unit:
        add_seed_address(unit, scene.keys.front, "a@loueur.test")
        add_seed_address(unit, scene.keys.front, "b@loueur.test")
    with scene.web.begin(scene.owner) as unit:
        end_seed_address(unit, list_seed_addresses(unit)[0].code)
        assert len(list_seed_addresses(unit)) == 1
    own = scene.run(scene.planned([("", scene.message())]))
    with scene.web.begin(scene.owner) as unit:
        code = parts_of(unit, own)[0].mailing_code or ""
    assert [seed[3][:2] for seed in seeds_of(scene, code)] == ["b+"]


def test_the_mail_door_takes_mail_for_control_mailboxes_and_for_no_others(
    sent: tuple[Scene, list[list[tuple[int, int, str, str]]]],
) -> None:
    scene, (first, _) = sent
    desk = Desk(Database(scene.worker.engine), scene.keys.front, scene.settings.mail)
    assert desk._is_seed(first[1][3])
    assert not desk._is_seed("claire.moreau@bounce.courtier.test")
    assert not desk._is_seed("claire.moreau.0123456789@bounce.courtier.test")
