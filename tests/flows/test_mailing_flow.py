"""Waves, subject tests and the watch over a real dialogue with a sink: who gets which mail, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.delivery.verify_mailing import verify_copy, verify_mailing
from broker.kernel.actor import Actor
from broker.kernel.clock import PARIS, advance
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.settings import Settings, WatchSettings
from broker.mailings.cancel import cancel_mailing
from broker.mailings.choose_variant import choose_variant
from broker.mailings.find_mailing import find_mailing
from broker.mailings.flow import set_flow
from broker.mailings.flow_store import watched
from broker.mailings.model import Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.periodic import look_after_mailings
from broker.mailings.report_sheet import live_report, report_sheet
from broker.mailings.resume import resume_mailing
from broker.mailings.study import study_mailing
from broker.mailings.variants import Variation
from broker.vault.keyring import WorkerKeys
from tests.mail_house import House, Sink, build, keys_in, mail_settings, people, running_sink, states

pytestmark = pytest.mark.flow
RECIPIENTS = 60
OTHERS = (Variation("Objet B {{first_name|vous}}", "Avant-propos B"), Variation("Objet C"))


class Desk:
    """A mailing, its sink and what may be done to it."""

    def __init__(self, database: Database, keys: WorkerKeys, settings: Settings, house: House, sink: Sink) -> None:
        self.database, self.keys, self.settings, self.house, self.sink = database, keys, settings, house, sink
        self.owner = Actor("owner", house.owner_id, None)

    @property
    def mailing(self) -> Mailing:
        with self.database.begin() as unit:
            return find_mailing(unit, self.house.mailing.code)

    def run(self) -> None:
        send_mailing(self.database, self.keys, self.settings, self.house.mailing.id, accrue_sends)

    def later(self, **by: int) -> None:
        with self.database.begin() as unit:
            advance(unit.session, timedelta(**by))

    def received(self) -> Counter[str]:
        return Counter(address for message in self.sink.messages() for address in message.rcpt_to)

    def subjects(self) -> Counter[str]:
        found = [
            str(make_header(decode_header(message_from_bytes(one.raw)["Subject"]))) for one in self.sink.messages()
        ]
        return Counter(" ".join(subject.split()[:2]) for subject in found)

    def click(self, positions: range, step: int = 1) -> None:
        with self.database.begin() as unit:
            unit.run_many(
                "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict)"
                " VALUES (:dispatch, :mailing, :position, 1, 'human')",
                [
                    {"dispatch": self.mailing.dispatch_id, "mailing": self.mailing.id, "position": position}
                    for position in positions[::step]
                ],
            )


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> object:
    with running_sink(tmp_path_factory.mktemp("sink")) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def the_clock_again(admin_engine: Engine) -> Iterator[None]:
    """What other tests go by: the clock as it was."""
    with admin_engine.begin() as connection:
        ahead = connection.execute(text("SELECT ahead FROM shared_clock")).scalar_one()
    yield
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE shared_clock SET ahead = :ahead"), {"ahead": ahead})


def desk(worker_engine: Engine, folder: Path, sink: Sink, variants: tuple[Variation, ...] = ()) -> Desk:
    for path in sink.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    database, keys = Database(worker_engine), keys_in(folder)
    house = build(database, keys, people(RECIPIENTS), variants)
    settings = mail_settings(folder, sink.port, batch=7)
    return Desk(database, keys, settings, house, sink)


def test_waves_leave_one_after_the_other_and_nobody_twice(worker_engine: Engine, tmp_path: Path, sink: Sink) -> None:
    at = desk(worker_engine, tmp_path, sink)
    with at.database.begin(at.owner) as unit:
        set_flow(unit, at.mailing.code, (10, 30, 60), 120)
    for so_far in (6, 24, 60):
        for _ in range(3):
            at.run()
        assert states(at.database, at.mailing).get("accepted", 0) == so_far
        at.later(minutes=121)
    assert at.mailing.state == "sent"
    assert len(at.received()) == RECIPIENTS
    assert set(at.received().values()) == {1}
    with at.database.begin() as unit:
        waves = live_report(unit, at.mailing.code).flow["waves"]
    assert [wave["upto"] for wave in waves] == [6, 24, 60]
    assert all(wave["opened_at"] for wave in waves)
    with at.database.begin(at.owner) as unit, pytest.raises(Conflict):
        set_flow(unit, at.mailing.code, (50, 50))


def test_the_test_group_gets_all_subjects_and_the_rest_the_winner(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink, OTHERS)
    at.run()
    at.run()
    assert at.subjects() == {"Une offre": 4, "Objet B": 4, "Objet C": 4}
    at.click(range(1, 12, 3))  # everybody of variant B
    at.later(minutes=239)
    at.run()
    assert len(at.received()) == 12  # the wait is not over
    at.later(minutes=2)
    at.run()
    assert at.subjects() == {"Une offre": 4, "Objet B": 4 + 48, "Objet C": 4}
    assert at.mailing.state == "sent"
    assert set(at.received().values()) == {1}
    with at.database.begin() as unit:
        sheet = report_sheet(unit, at.mailing.code)
        verified = verify_mailing(unit, at.settings, at.mailing.code)
        copy = next(one.raw for one in sink.messages() if b"Objet" not in one.raw)
        _, check = verify_copy(unit, at.keys, at.settings, at.mailing.code, copy)
        _, altered = verify_copy(
            unit, at.keys, at.settings, at.mailing.code, copy.replace(b"shop", b"shoq").replace(b"offre", b"autre")
        )
    assert [(line.letter, line.tested.events, line.tested.size, line.won) for line in sheet.live.variants] == [
        ("A", 0, 4, False), ("B", 4, 4, True), ("C", 0, 4, False)
    ]  # fmt: skip
    assert sum(line.whole.size for line in sheet.live.variants) == RECIPIENTS
    assert sheet.live.flow["progress"]["decision"]["verdict"] == "ahead"  # of 4 and 4, corrected: no proof
    assert verified.proven
    assert len(verified.checks) == 6
    assert check.ok
    assert not altered.ok


def test_a_person_ends_a_test_and_the_rest_leaves_with_that_choice(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink, OTHERS)
    code = at.mailing.code
    with at.database.begin(at.owner) as unit, pytest.raises(Conflict, match="after the mailing has begun"):
        choose_variant(unit, code, "C")
    at.run()
    at.run()
    at.click(range(1, 12, 3))  # everybody of variant B
    with at.database.begin(at.owner) as unit:
        with pytest.raises(InvalidInput, match="A, B, C"):
            choose_variant(unit, code, "D")
        choose_variant(unit, code, "c", "La B est épuisée")
    with at.database.begin(at.owner) as unit, pytest.raises(Conflict):
        choose_variant(unit, code, "B")  # once
    at.run()
    assert at.subjects() == {"Une offre": 4, "Objet B": 4, "Objet C": 4 + 48}
    assert set(at.received().values()) == {1}
    with at.database.begin() as unit:
        progress = live_report(unit, code).flow["progress"]
        noted = unit.scalar(
            "SELECT detail FROM audit_entry WHERE object_id = :code AND action = 'mailing.variant_chosen'", code=code
        )
    assert (progress["winner"], progress["decision"]["verdict"]) == (2, "by_hand")
    assert progress["decision"]["counts"][1] == {"variant": 1, "written": 4, "clickers": 4}
    assert noted["reason"] == "La B est épuisée"


def test_no_click_at_all_leaves_the_message_as_it_was_written(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink, OTHERS[:1])
    at.run()
    at.later(minutes=300)
    at.run()
    assert at.subjects() == {"Une offre": 6 + 48, "Objet B": 6}
    with at.database.begin() as unit:
        assert live_report(unit, at.mailing.code).flow["progress"]["decision"]["verdict"] == "no_clicks"


def test_complaints_stop_a_mailing_until_a_person_says_why_it_goes_on(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink)
    at.settings = replace(at.settings, watch=WatchSettings(least_sends=10))
    with at.database.begin(at.owner) as unit:
        set_flow(unit, at.mailing.code, (50, 50), 60)
    at.run()
    mailing = at.mailing

    def complain(*positions: int) -> None:
        with at.database.begin() as unit:
            unit.run_many(
                "INSERT INTO inbound (kind, verdict, dispatch_id, mailing_id, position, read_at)"
                " VALUES ('complaint', 'none', :dispatch, :mailing, :position, app_now())",
                [{"dispatch": mailing.dispatch_id, "mailing": mailing.id, "position": at_} for at_ in positions],
            )

    complain(1, 2, 2, 3)
    look_after_mailings(at.database, at.settings)
    assert at.mailing.state == "paused"
    complain(4, 5, 6)  # after the stop and before the release: whoever releases it has seen them
    at.later(minutes=61)
    at.run()
    assert len(at.received()) == 30
    with at.database.begin(at.owner) as unit, pytest.raises(Conflict, match="in writing") as held:
        resume_mailing(unit, mailing.code)
    assert held.value.code == "mailing_held"
    with at.database.begin(at.owner) as unit, pytest.raises(InvalidInput):
        resume_mailing(unit, mailing.code, "ok")
    with at.database.begin(at.owner) as unit:
        resume_mailing(unit, mailing.code, "The three wrote to us: they meant another mail.")
    with at.database.begin() as unit:
        known = watched(unit, mailing.dispatch_id, mailing.id)
    assert (known.sent, known.complaints, known.new_sent, known.new_complaints) == (30, 6, 0, 0)
    at.run()
    look_after_mailings(at.database, at.settings)  # what was known at the release stops nothing a second time
    assert len(at.received()) == RECIPIENTS
    assert at.mailing.state == "sent"
    with at.database.begin(at.owner) as unit:
        (alarm,) = live_report(unit, mailing.code).flow["alarms"]
    assert (alarm["reason"], alarm["complaints"], alarm["sent"]) == ("complaints", 3, 30)
    assert alarm["release_reason"].startswith("The three")


def test_a_start_window_that_is_over_asks_a_person(worker_engine: Engine, tmp_path: Path, sink: Sink) -> None:
    at = desk(worker_engine, tmp_path, sink)
    with at.database.begin(at.owner) as unit:
        set_flow(unit, at.mailing.code, (), 60, unit.now + timedelta(hours=2))
    at.later(hours=3)
    at.run()
    assert at.mailing.state == "paused"
    assert not at.received()
    with at.database.begin(at.owner) as unit:
        resume_mailing(unit, at.mailing.code, "The offer holds until Sunday.")
    at.run()
    assert at.mailing.state == "sent"


def test_pausing_between_waves_and_cancelling_leaves_the_sum_whole(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink, OTHERS)
    at.run()
    for _ in range(3):
        with at.database.begin(at.owner) as unit:
            pause_mailing(unit, at.mailing.code)
        at.run()
        with at.database.begin(at.owner) as unit:
            resume_mailing(unit, at.mailing.code)
        at.run()
    assert sum(at.received().values()) == 12
    with at.database.begin(at.owner) as unit:
        cancel_mailing(unit, at.mailing.code)
    at.later(days=1)
    at.run()
    assert states(at.database, at.mailing) == {"accepted": 12, "cancelled": 48}


def next_october_change(now: datetime) -> datetime:
    """2:30 in Paris, summer time, of the next day whose clocks go back: other files have moved the shared clock."""
    for year in (now.year, now.year + 1):
        last = date(year, 10, 31)
        sunday = last - timedelta(days=(last.weekday() + 1) % 7)
        change = datetime.combine(sunday, time(2, 30), tzinfo=PARIS).astimezone(UTC)
        if change > now:
            return change
    raise AssertionError("a year without October")


def test_gaps_are_hours_of_the_clock_of_the_world_over_a_daylight_saving_change(
    worker_engine: Engine, tmp_path: Path, sink: Sink
) -> None:
    at = desk(worker_engine, tmp_path, sink)
    # Half an hour before the hour that happens twice: the last Sunday of October, 2:30 in Paris, summer time.
    with at.database.begin() as unit:
        change = next_october_change(unit.now)
    with at.database.begin(at.owner) as unit:
        set_flow(unit, at.mailing.code, (50, 50), 90)
        advance_by = change - unit.now
    with at.database.begin() as unit:
        advance(unit.session, advance_by)
    at.run()
    at.later(minutes=85)  # 2:55 in Paris, the second time
    at.run()
    assert len(at.received()) == 30
    at.later(minutes=6)
    at.run()
    assert len(at.received()) == RECIPIENTS


def test_a_study_counts_domains_and_those_who_left(
    worker_engine: Engine, tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk(worker_engine, tmp_path, sink)
    at.run()
    at.click(range(0, RECIPIENTS, 7))
    with at.database.begin() as unit:
        for position, scope in ((1, "base"), (2, "everywhere"), (3, "advertiser")):
            unit.run("SELECT leave(:d, :m, :p, :s, 'opt_out')", d=at.mailing.dispatch_id, m=at.mailing.id,
                     p=position, s=scope)  # fmt: skip
    study_mailing(at.database, at.keys, at.settings, at.mailing.id)
    with at.database.begin(at.owner) as unit:
        kept = report_sheet(unit, at.mailing.code).study
    assert kept is not None
    assert [line["value"] for line in kept["domains"]] == ["other"], "the name of a rare domain is not kept"
    monkeypatch.setattr("broker.mailings.study.FEWEST_OF_DOMAIN", 1)
    study_mailing(at.database, at.keys, at.settings, at.mailing.id)
    with at.database.begin(at.owner) as unit:
        study = report_sheet(unit, at.mailing.code).study
    assert study is not None
    assert sum(line["sent"] for line in study["domains"]) == RECIPIENTS
    assert {line["value"]: line["clickers"] for line in study["domains"]}["exemple-0.test"] == 9
    assert study["lost"]["left"] == 2
    with at.database.begin(Actor("advertiser", at.house.advertiser_id, None)) as unit:
        sheet = report_sheet(unit, at.mailing.code)
    assert sheet.study == {"domains": [], "traits": {}}  # every cell is too small
    assert sheet.live.money.owner_cents is None
