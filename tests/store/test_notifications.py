"""Who is told what, once, as they chose; mails about it leave at most once, and none is lost in silence."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from broker.kernel import clock
from broker.kernel.actor import Actor
from broker.mailings.remind import remind_of_steps
from broker.notifications import mail_store
from broker.notifications.notify import notify
from broker.notifications.post_mail import Mail, make_digests, post_digest, post_notification
from broker.rentals.answer_order import answer_order
from broker.rentals.approve import refuse_order
from broker.rentals.quote import quote
from broker.vault.keyring import WorkerKeys
from tests.store.money_scene import SETTINGS, MoneyScene, NoAudience, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@pytest.fixture
def told(scene: MoneyScene) -> Actor:
    """Somebody new at the owner's, so that what was told before does not count."""
    with scene.worker.begin() as unit:
        user = unit.scalar(
            "INSERT INTO app_user (org_id, email, name, role, password_hash, language)"
            " VALUES (:org, :mail, 'N', 'owner', 'x', 'en') RETURNING id",
            org=scene.owner.org_id,
            mail=f"{secrets.token_hex(6)}@owner.test",
        )
    return Actor("owner", scene.owner.org_id, int(user))


def rows_of(scene: MoneyScene, user: Actor) -> list[Any]:
    with scene.worker.begin() as unit:
        return unit.all(
            "SELECT n.id, n.kind, n.mail, e.object_code, e.facts FROM notification n"
            " JOIN notification_event e ON e.id = n.event_id WHERE n.user_id = :user ORDER BY n.id",
            user=user.user_id,
        )


def tell_retired(scene: MoneyScene, code: str, actor: Actor | None = None) -> None:
    with scene.web.begin(actor) if actor else scene.worker.begin() as unit:
        notify(unit, "card.withdrawn", scene.owner.org_id, code, card="Fleurs")


class Relay:
    """A relay that takes mails and may die before, or after, its answer is written."""

    def __init__(self, *states: str) -> None:
        self.states, self.mails = list(states), list[Mail]()

    def __call__(self, mail: Mail, may_leave: Callable[[], bool]) -> str:
        state = self.states.pop(0) if self.states else "accepted"
        if state == "away":
            return "deferred"
        if not may_leave():
            return "deferred"
        self.mails.append(mail)
        if state == "killed":
            raise SystemExit
        return state


def test_the_other_party_is_told_of_an_order_and_of_its_refusal(scene: MoneyScene, told: Actor) -> None:
    order = scene.ordered()
    assert rows_of(scene, told) == []  # its rules come first
    for _ in range(2):
        answer_order(scene.worker, order.id)
    (row,) = rows_of(scene, told)
    assert (row.kind, row.object_code, row.mail) == ("order.placed", order.code, "waiting")
    assert row.facts["volume"] == 30_000
    with scene.web.begin(scene.owner) as unit:
        refuse_order(unit, order.code, "Write to jean@exemple.test: the creative is not ours to send.")
    with scene.web.begin(scene.advertiser) as unit:
        facts = unit.scalar(
            "SELECT facts FROM notification_event WHERE kind = 'order.refused' AND object_code = :code", code=order.code
        )
    assert "the creative is not ours" in facts["reason"]
    assert "jean@" not in facts["reason"]


def test_what_is_rolled_back_was_never_told(scene: MoneyScene, told: Actor) -> None:
    with scene.worker.begin() as unit:
        notify(unit, "card.withdrawn", scene.owner.org_id, "card_x", card="x")
        unit.session.rollback()
    assert rows_of(scene, told) == []


def test_whoever_acts_is_not_told_and_colleagues_are(scene: MoneyScene, told: Actor) -> None:
    other = secrets.token_hex(4)
    tell_retired(scene, f"card_{other}", actor=told)
    assert rows_of(scene, told) == []
    tell_retired(scene, f"card_{other}", actor=scene.owner)
    assert len(rows_of(scene, told)) == 1


def test_the_same_reminder_is_told_once(scene: MoneyScene, told: Actor) -> None:
    for word in ("due", "due", "late"):
        with scene.worker.begin() as unit:
            notify(unit, "card.withdrawn", scene.owner.org_id, "card_once", once=word, card="x")
    assert len(rows_of(scene, told)) == 2


def test_facts_other_than_the_catalogues_are_a_programmers_fault(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        with pytest.raises(ValueError, match=r"did you mean 'order\.placed'"):
            notify(unit, "order.palced", 1, "x")
        with pytest.raises(ValueError, match="takes the facts"):
            notify(unit, "card.withdrawn", 1, "x")


@pytest.mark.parametrize(
    ("channel", "mail"), [("product", "none"), ("mail", "waiting"), ("digest", "digest"), ("off", None)]
)
def test_each_is_told_as_they_chose(scene: MoneyScene, told: Actor, channel: str, mail: str | None) -> None:
    with scene.web.begin(told) as unit:
        unit.run(
            "INSERT INTO notification_choice VALUES (:user, 'card.withdrawn', :channel)",
            user=told.user_id,
            channel=channel,
        )
    tell_retired(scene, "card_chosen")
    assert [row.mail for row in rows_of(scene, told)] == ([] if mail is None else [mail])


def test_nobody_reads_or_marks_anothers_notifications(scene: MoneyScene, told: Actor) -> None:
    tell_retired(scene, "card_mine")
    (row,) = rows_of(scene, told)
    with scene.web.begin(scene.owner) as unit:  # a colleague
        assert unit.scalar("SELECT count(*) FROM notification WHERE id = :id", id=row.id) == 0
        assert unit.run("UPDATE notification SET read_at = app_now() WHERE id = :id", id=row.id).rowcount == 0
    with pytest.raises(ProgrammingError), scene.web.begin(told) as unit:
        unit.run("UPDATE notification SET mail = 'none' WHERE id = :id", id=row.id)


def test_a_mail_leaves_once_however_often_its_job_runs(scene: MoneyScene, told: Actor, worker_keys: WorkerKeys) -> None:
    tell_retired(scene, "card_mail")
    (row,) = rows_of(scene, told)
    relay = Relay()
    for _ in range(3):
        post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, relay)
    (mail,) = relay.mails
    assert mail.subject == "A data card fell under the floor"
    assert "/cards/card_mail" in mail.text
    assert "/account/notifications" in mail.text
    assert mail.leave_url in mail.text
    assert rows_of(scene, told)[0].mail == "sent"


def test_two_workers_at_the_same_mail_send_it_once(scene: MoneyScene, told: Actor, worker_keys: WorkerKeys) -> None:
    tell_retired(scene, "card_two")
    (row,) = rows_of(scene, told)
    second = Relay()

    def first(mail: Mail, may_leave: Callable[[], bool]) -> str:
        post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, second)
        return "accepted" if may_leave() else "deferred"

    post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, first)
    assert len(second.mails) == 1
    assert rows_of(scene, told)[0].mail == "sent"


def test_a_relay_that_is_away_loses_nothing(scene: MoneyScene, told: Actor, worker_keys: WorkerKeys) -> None:
    tell_retired(scene, "card_away")
    (row,) = rows_of(scene, told)
    relay = Relay("away", "deferred")
    for turn in range(3):
        post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, relay)
        with scene.worker.begin() as unit:
            unit.run("UPDATE notification SET next_try_at = NULL WHERE id = :id", id=row.id)
            assert (("post_notification", row.id) in mail_store.due_mails(unit, 0)) == (turn < 2)
    assert rows_of(scene, told)[0].mail == "sent"
    assert len(relay.mails) == 2  # the deferred one was handed over and refused for now; nobody has it


def test_a_worker_that_dies_at_the_dot_repeats_no_mail_and_the_digest_tells_it(
    scene: MoneyScene, told: Actor, worker_keys: WorkerKeys
) -> None:
    tell_retired(scene, "card_dead")
    (row,) = rows_of(scene, told)
    relay = Relay("killed")
    with pytest.raises(SystemExit):
        post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, relay)
    post_notification(scene.worker, worker_keys.front, SETTINGS, row.id, relay)  # the stalled job is given back
    assert len(relay.mails) == 1
    with scene.worker.begin() as unit:
        unit.run("UPDATE notification SET next_try_at = now() - interval '1 second' WHERE id = :id", id=row.id)
        mail_store.give_up_on_the_dead(unit)
    assert rows_of(scene, told)[0].mail == "uncertain"
    digest = digest_of(scene, told)
    post_digest(scene.worker, worker_keys.front, SETTINGS, digest, relay)
    assert "/cards/card_dead" in relay.mails[1].text
    assert digest_of(scene, told) == digest  # told: the next day has nothing more of it


def digest_of(scene: MoneyScene, user: Actor) -> int:
    with scene.worker.begin() as unit:
        mail_store.make_digests(unit, unit.today)
        return int(unit.scalar("SELECT max(id) FROM notification_digest WHERE user_id = :u", u=user.user_id))


def test_a_digest_that_may_be_lost_is_told_again_by_the_next(
    scene: MoneyScene, told: Actor, worker_keys: WorkerKeys
) -> None:
    with scene.worker.begin() as unit:
        notify(unit, "import.finished", scene.owner.org_id, "imp_x", base="Fleurs", accepted=12_000, rejected=3)
    first, relay = digest_of(scene, told), Relay("killed")
    with pytest.raises(SystemExit):
        post_digest(scene.worker, worker_keys.front, SETTINGS, first, relay)
    with scene.worker.begin() as unit:
        unit.run("UPDATE notification_digest SET next_try_at = now() - interval '1 second' WHERE id = :id", id=first)
        mail_store.give_up_on_the_dead(unit)
        (again,) = [
            each
            for each in mail_store.make_digests(unit, unit.today + timedelta(days=1))
            if unit.scalar("SELECT user_id FROM notification_digest WHERE id = :id", id=each) == told.user_id
        ]
    post_digest(scene.worker, worker_keys.front, SETTINGS, again, relay)
    assert ["12,000 rows" in mail.text for mail in relay.mails] == [True, True]
    assert rows_of(scene, told)[0].mail in ("sent", "uncertain")


def test_what_was_read_on_the_page_is_not_in_the_digest(
    scene: MoneyScene, told: Actor, worker_keys: WorkerKeys
) -> None:
    with scene.worker.begin() as unit:
        notify(unit, "import.finished", scene.owner.org_id, "imp_r", base="Fleurs", accepted=1, rejected=0)
    digest, relay = digest_of(scene, told), Relay()
    with scene.web.begin(told) as unit:
        unit.run("UPDATE notification SET read_at = app_now()")
    post_digest(scene.worker, worker_keys.front, SETTINGS, digest, relay)
    assert relay.mails == []


def test_a_step_reminds_its_owner_once_when_due_and_once_when_late(scene: MoneyScene, told: Actor) -> None:
    with scene.worker.begin() as unit:
        day = unit.today + timedelta(days=13)
    with scene.web.begin(scene.advertiser) as unit:
        order = quote(unit, NoAudience(), SETTINGS, scene.card_code, 30_000, "", day)

    def reminded() -> list[str]:
        for _ in range(2):
            with scene.worker.begin() as unit:
                remind_of_steps(unit, from_hour=0)
        with scene.worker.begin() as unit:
            rows = unit.all(
                "SELECT kind, facts ->> 'step' AS step, org_id FROM notification_event WHERE object_code = :code"
                " AND kind LIKE 'order.step%' ORDER BY id",
                code=order.code,
            )
        assert {row.org_id for row in rows} <= {scene.advertiser.org_id}
        return [f"{row.kind} {row.step}" for row in rows]

    assert not [one for one in reminded() if "late" in one]  # nothing is late on the day of its quote
    scene.wait(5 * 24)
    told_by_now = reminded()
    assert "order.step_late order" in told_by_now
    assert len(told_by_now) == len(set(told_by_now))
    assert reminded() == told_by_now


def test_no_digest_leaves_before_seven(scene: MoneyScene, told: Actor) -> None:
    with scene.worker.begin() as unit:
        hour = clock.now(unit.session).astimezone(clock.PARIS).hour
        made = make_digests(unit)
    assert hour >= 7 or made == 0
