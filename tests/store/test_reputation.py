"""Reputation: what is counted of mails, which thresholds hold them, and how a person lets them go on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Engine

from broker.delivery import reputation_store as store
from broker.delivery.model import Outcome, Prepared
from broker.delivery.reputation import list_holds, open_holds, release_hold, tell_day, watch_reputation
from broker.delivery.reputation_model import Standing, judge
from broker.delivery.tally import Tally, provider_of
from broker.feedback.model import ReturnedMail, SendKey
from broker.feedback.returned.opened import open_mail
from broker.feedback.tally_returned import relay_of, tally_returned
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import MailSettings, RelaySettings, ReputationSettings, Settings
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.returned_messages import group, report

SETTINGS = Settings(reputation=ReputationSettings(least_mails=100))
LIMITS = SETTINGS.reputation


@pytest.fixture
def unit(worker_engine: Engine) -> Iterator[UnitOfWork]:
    """A worker's transaction, undone at the end; it starts without counts of other tests."""
    database = Database(worker_engine)
    with suppress(ZeroDivisionError), database.begin() as unit:
        unit.run("DELETE FROM mail_tally")
        unit.run("DELETE FROM reputation_pause")
        yield unit
        raise ZeroDivisionError


def standing(**counts: int) -> Standing:
    names = ("accepted", "refused", "blocked", "deferred", "uncertain", "hard", "soft", "complaints")
    return Standing("provider", "gmail", **{name: counts.get(name, 0) for name in names})


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"accepted": 1000, "complaints": 3}, "complaints"),
        ({"accepted": 1000, "complaints": 2}, None),
        ({"accepted": 99, "complaints": 99}, None),
        ({"accepted": 1000, "hard": 50}, "hard_bounces"),
        ({"accepted": 1000, "hard": 49, "soft": 900}, None),
        ({"accepted": 900, "refused": 100, "blocked": 100}, "blocked"),
        ({"accepted": 900, "refused": 100, "blocked": 99}, None),
        ({"deferred": 5000, "blocked": 5000}, None),
    ],
)
def test_thresholds_speak_of_mails_that_were_answered(counts: dict[str, int], reason: str | None) -> None:
    found = judge(standing(**counts), LIMITS)
    assert (found and found[0]) == reason


def test_what_stands_for_many_small_domains_is_never_held() -> None:
    many = Standing("provider", "other", 1000, 0, 0, 0, 0, 0, 0, 500)
    assert judge(many, LIMITS) is None


def mails(
    domain: str, count: int, state: str = "accepted", reason: str | None = None
) -> tuple[list[Prepared], list[Outcome]]:
    rows = [Prepared(number, 1, f"p{number}@{domain}", None) for number in range(count)]
    return rows, [Outcome(number, state, "", reason=reason) for number in range(count)]


def test_a_run_counts_by_provider_and_names_no_rare_domain(unit: UnitOfWork) -> None:
    tally = Tally("news.marque.fr")
    tally.note("relay:25", *mails("googlemail.com", 3))
    tally.note("relay:25", *mails("gmail.com", 2, "refused", "reputation"))
    tally.note("relay:25", *mails("village.example", 49))
    tally.note("relay:25", *mails("company.example", 50, "deferred", "busy"))
    for _ in range(2):
        tally.write(unit)
    rows = unit.all("SELECT provider, accepted, refused, blocked, deferred FROM mail_tally ORDER BY provider")
    assert [tuple(row) for row in rows] == [
        ("company.example", 0, 0, 0, 50),
        ("gmail", 3, 2, 2, 0),
        ("other", 49, 0, 0, 0),
    ]
    assert provider_of("WANADOO.fr") == "orange"


def test_a_threshold_holds_once_and_a_person_releases_with_a_reason(unit: UnitOfWork) -> None:
    name = f"news-{secrets.token_hex(4)}.marque.fr"
    store.add(unit, name, "relay:25", "gmail", {"accepted": 1000, "complaints": 10})
    assert len(watch_reputation(unit, SETTINGS)) == 3
    assert watch_reputation(unit, SETTINGS) == []
    held = open_holds(unit)
    assert (name in held.sending_domains, held.relays, held.providers) == (True, {"relay:25"}, {"gmail"})
    broker = unit.scalar("SELECT id FROM organisation LIMIT 1")
    unit.actor = Actor("broker", broker, None)
    unit.run("SELECT set_config('app.role', 'broker', true)")
    code = next(one.code for one in list_holds(unit) if one.kind == "relay")
    with pytest.raises(InvalidInput):
        release_hold(unit, code, "ok")
    with pytest.raises(NotFound):
        release_hold(unit, "hold_none", "The list was cleaned by hand.")
    released = release_hold(unit, code, "The list was cleaned by hand.")
    assert (released.release_reason, released.counted, released.sent) == ("The list was cleaned by hand.", 10, 1000)
    with pytest.raises(Conflict):
        release_hold(unit, code, "The list was cleaned by hand.")
    assert open_holds(unit).relays == frozenset()
    assert watch_reputation(unit, SETTINGS) == []  # this hour's counts do not hold it again
    unit.run("UPDATE mail_tally SET hour = hour + interval '1 hour'")
    assert len(watch_reputation(unit, SETTINGS)) == 1
    unit.actor = Actor("owner", broker, None)
    for verb in (lambda: list_holds(unit), lambda: release_hold(unit, code, "because we say so")):
        with pytest.raises(Forbidden):
            verb()


def test_the_front_sees_counts_and_holds_as_broker_alone(unit: UnitOfWork, web_engine: Engine) -> None:
    store.add(unit, "news.marque.fr", "relay:25", "gmail", {"accepted": 1})
    for role in ("owner", "advertiser", "accountant"):
        with Database(web_engine).begin(Actor(role, 1, None)) as front:  # type: ignore[arg-type]
            assert front.scalar("SELECT count(*) FROM mail_tally") == 0
            assert store.release(front, "hold_x", "because") is False


def test_the_broker_is_told_of_a_day_once(unit: UnitOfWork) -> None:
    tell_day(unit)
    store.add(unit, "news.marque.fr", "relay:25", "gmail", {"accepted": 200, "blocked": 30})
    unit.run("UPDATE mail_tally SET hour = hour - interval '1 day'")
    for _ in range(2):
        tell_day(unit)
    facts = unit.all(
        "SELECT facts FROM notification_event WHERE kind = 'reputation.digest' AND facts ->> 'sent' = '200'"
    )
    brokers = unit.scalar("SELECT count(*) FROM organisation WHERE kind = 'broker'")
    assert len(facts) == brokers
    assert all("gmail (30 blocked" in row.facts["worst"] for row in facts)


def test_what_comes_back_counts_once_against_its_domain_and_provider(unit: UnitOfWork, admin_engine: Engine) -> None:
    scene: Scene = make_scene(admin_engine, sends=1)
    key = SendKey(scene.dispatch_id, scene.mailing_id, 1)
    mail, message = MailSettings(sending_domain="mail.platform.test"), open_mail(report(group("5.1.1", "550 no")))
    for number, result in enumerate(
        (
            ReturnedMail("bounce", "a@gmail.com", verdict="hard", final=True),
            ReturnedMail("bounce", "a@gmail.com", verdict="soft", final=False),
            ReturnedMail("complaint", "a@village.example"),
            ReturnedMail("autoreply", "a@gmail.com"),
        )
    ):
        tally_returned(unit, mail, number, result, message, key)
    rows = unit.all("SELECT sending_domain, relay, provider, hard, soft, complaints FROM mail_tally ORDER BY provider")
    assert [tuple(row) for row in rows] == [
        ("mail.platform.test", "127.0.0.1:2525", "gmail", 1, 0, 0),
        ("mail.platform.test", "127.0.0.1:2525", "other", 0, 0, 1),
    ]
    unit.run(
        "INSERT INTO inbound (kind, dispatch_id, mailing_id, position, read_at)"
        " VALUES ('bounce', :dispatch, :mailing, 1, app_now())",
        dispatch=scene.dispatch_id,
        mailing=scene.mailing_id,
    )
    tally_returned(unit, mail, 0, ReturnedMail("bounce", "a@gmail.com", verdict="hard", final=True), message, key)
    assert unit.scalar("SELECT sum(hard) FROM mail_tally") == 1


def test_a_relay_is_named_by_its_own_report_or_not_at_all() -> None:
    two = MailSettings(relays=(RelaySettings("mx.example", 25), RelaySettings("other.example", 2525)))
    assert relay_of(two, open_mail(report(group("5.1.1", "550 no")))) == "mx.example:25"
    assert relay_of(two, open_mail(b"Subject: x\n\ny")) == ""
