"""Own mailings: planned by their owner, frozen once or each day, and what their purchases say."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from broker.kernel.clock import PARIS
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.mailings.find_mailing import find_mailing, titles_of
from broker.mailings.own.effect import effect_of
from broker.mailings.own.find import find_own_mailing, list_own_mailings, parts_of, variants_of
from broker.mailings.own.model import TRANSITIONS, WORKER_STEPS, first_run, next_run
from broker.mailings.own.personal import personal_fields
from broker.mailings.own.plan import plan_own_mailing, revise_own_mailing, set_variants, what_lacks
from broker.mailings.own.propose import propose_segments
from broker.mailings.own.steps import cancel_own_mailing, pause_own_mailing, resume_own_mailing
from broker.mailings.report import mailing_report
from broker.operate import news_store
from tests.store.own_scene import BORN, PEOPLE, Scene, ago, scene, suppress

__all__ = ["scene"]


def test_the_steps_written_in_code_are_those_of_the_database(scene: Scene) -> None:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT from_state, to_state, by_front FROM own_transition")
    assert {(row.from_state, row.to_state) for row in rows} == {
        (one, other) for one, others in TRANSITIONS.items() for other in others
    }
    assert {row.to_state for row in rows if not row.by_front} == WORKER_STEPS


def test_each_person_gets_the_first_of_its_segments_and_nobody_two(scene: Scene) -> None:
    scene.build()
    women, all_people = scene.segment("Women", "gender = F"), scene.segment("All", "all")
    own = scene.run(scene.planned([(women, scene.message("A")), (all_people, scene.message("B"))]))
    sends = scene.sends(own)
    wanted = {n for n, one in enumerate(scene.people) if one["gender"] == "F"}
    no_basis = {n for n in range(10) if n % 2}  # neither a customer nor consenting
    assert set(sends[1]) == wanted - no_basis
    assert set(sends[2]) == set(range(PEOPLE)) - wanted - no_basis
    assert own.state == "done"
    with scene.web.begin(scene.owner) as unit:
        parts = {part.place: part for part in parts_of(unit, own)}
        assert parts[2].exclusions["duplicates"] == len(sends[1])
        assert parts[2].exclusions["basis"] == len(no_basis)
        report = mailing_report(unit, parts[1].mailing_code or "")
        mailing = find_mailing(unit, parts[1].mailing_code or "")
        assert titles_of(unit, [mailing]) == {mailing.code: own.name}
    assert (report.kind, report.frozen, report.price_micros) == ("own", len(sends[1]), 0)
    with scene.worker.begin() as unit:  # nor is it told by its subject, which holds merge tags
        assert news_store.mailing(unit, mailing.id).title == own.name


@pytest.mark.parametrize(
    ("basis", "wanted"),
    [
        ("consent", set(range(10, PEOPLE))),
        ("customers", set(range(0, PEOPLE, 2))),
        ("either", set(range(10, PEOPLE)) | {0, 2, 4, 6, 8}),
    ],
)
def test_the_legal_basis_decides_who_is_written_to(scene: Scene, basis: str, wanted: set[int]) -> None:
    scene.build()
    with scene.worker.begin() as unit:
        suppress(unit, scene, 20)
    own = scene.run(scene.planned([("", scene.message())], legal_basis=basis))
    assert set(scene.sends(own)[1]) == wanted - {20}


def test_a_draft_says_what_it_lacks_in_the_order_of_the_steps(scene: Scene) -> None:
    scene.build()
    code = scene.draft([], legal_basis="customers", likeness="")
    with scene.web.begin(scene.owner) as unit:
        assert what_lacks(unit, find_own_mailing(unit, code)) == ["segments", "likeness"]
        with pytest.raises(Conflict) as refusal:
            plan_own_mailing(unit, code)
        assert refusal.value.code == "own_lacks_segments"
    message = scene.message(html="<p>Comme {{product|votre bijou}}, {{suggestion_1}} ?</p>")
    with scene.web.begin(scene.owner) as unit:
        revise_own_mailing(unit, code, likeness="des bijoux")
        set_variants(unit, code, [{"segment": "", "creative": ""}])
        assert what_lacks(unit, find_own_mailing(unit, code)) == ["messages"]
        set_variants(unit, code, [{"segment": "", "creative": message}])
        assert what_lacks(unit, find_own_mailing(unit, code)) == ["category"]
        revise_own_mailing(unit, code, category="rings")
        assert plan_own_mailing(unit, code).state == "active"
        with pytest.raises(Conflict) as refusal:
            revise_own_mailing(unit, code, held_out_bp=100)
    assert refusal.value.code == "own_planned"


def test_the_front_cannot_change_what_is_planned_nor_end_it_as_done(scene: Scene) -> None:
    scene.build()
    own = scene.planned([("", scene.message())], starts_at=None)
    for sql in (
        "UPDATE own_mailing SET held_out_bp = 1 WHERE id = :id",
        "UPDATE own_mailing SET state = 'done', next_run_at = NULL WHERE id = :id",
        "DELETE FROM own_variant WHERE own_mailing_id = :id",
    ):
        with pytest.raises(Conflict), scene.web.begin(scene.owner) as unit:
            unit.run(sql, id=own.id)


def test_a_stranger_finds_nothing_and_adds_nothing_of_others(scene: Scene) -> None:
    scene.build()
    segment, message = scene.segment("All", "all"), scene.message()
    code = scene.draft([(segment, message)])
    with scene.web.begin(scene.stranger) as unit:
        assert list_own_mailings(unit) == []
        with pytest.raises(NotFound):
            find_own_mailing(unit, code)
    with scene.web.begin(scene.owner) as unit:
        for wrong in ({"segment": "seg_of_others"}, {"creative": "creative_of_others"}):
            with pytest.raises(InvalidInput):
                set_variants(unit, code, [wrong])
        with pytest.raises(InvalidInput) as refusal:
            set_variants(unit, code, [{"segment": ""}, {"segment": segment}])
        assert refusal.value.code == "everybody_last"
        assert len(variants_of(unit, find_own_mailing(unit, code))) == 1


def test_an_exact_share_is_held_out_and_drawn_the_same_again(scene: Scene) -> None:
    scene.build()
    message = scene.message()
    first = scene.run(scene.planned([("", message)], held_out_bp=2_000, legal_basis="consent"))
    again = scene.planned([("", message)], held_out_bp=2_000, legal_basis="consent")
    held, sent = scene.held(first), scene.sends(first)[1]
    assert len(held) == 18
    assert sorted(held + sent) == list(range(10, PEOPLE))
    other = scene.run(again)
    assert len(scene.held(other)) == 18
    assert scene.held(other) != held  # each mailing draws its own group


def test_nobody_left_ends_a_one_time_mailing_with_a_sentence(scene: Scene) -> None:
    scene.build()
    nobody = scene.segment("Nobody", "income > 9000")
    own = scene.run(scene.planned([(nobody, scene.message())]))
    assert (own.state, own.problem) == ("failed", "Nobody is left to write to after all exclusions.")
    assert scene.run(own).state == "failed"


def test_a_job_that_comes_twice_freezes_once(scene: Scene) -> None:
    scene.build()
    own = scene.run(scene.planned([("", scene.message())]))
    before = scene.sends(own)
    assert scene.sends(scene.run(own)) == before


def test_what_the_mailing_caused_is_told_with_its_interval_net_of_cost(scene: Scene) -> None:
    scene.build()
    own = scene.planned([("", scene.message())], held_out_bp=5_000, legal_basis="consent", window_days=30)
    own = scene.run(own)
    sent, held = scene.sends(own)[1], scene.held(own)
    assert len(sent) == len(held) == 45
    scene.starts(own, ago(scene, 40))
    with scene.web.begin(scene.owner) as unit:
        unknown = effect_of(unit, own.code)  # no log reaches the mailing: a difference of zero would be a claim
    assert (unknown.reason, unknown.rate, unknown.net_cents) == ("no_purchases", None, None)
    for number in sent[:20]:
        scene.buys(number, ago(scene, 30), 10_000)
    for number in held[:5]:
        scene.buys(number, ago(scene, 30), 10_000)
    scene.buys(sent[40], ago(scene, 41))  # before it left
    scene.buys(sent[41], ago(scene, 10))  # after the window
    with scene.web.begin(scene.owner) as unit:
        revise_own_mailing(unit, own.code, cost_cents=5_000, cost_micros=100_000)  # 50 € and 10 cents a mail
        effect = effect_of(unit, own.code)
    assert (effect.mailed.buyers, effect.held_out.buyers) == (20, 5)
    assert effect.rate is not None
    assert effect.rate.value == pytest.approx(15 / 45)
    assert 0 < effect.rate.low < effect.rate.value < effect.rate.high < 1
    assert effect.proven
    assert effect.complete
    assert effect.cost_cents == 5_000 + 45 * 10
    assert effect.revenue_cents is not None
    assert effect.revenue_cents.value == pytest.approx(15 * 10_000)
    assert effect.net_cents is not None
    assert effect.net_cents.value == pytest.approx(150_000 - 5_450)
    with scene.web.begin(scene.stranger) as unit:
        assert unit.all("SELECT * FROM own_effect(:id)", id=own.id) == []


def test_without_a_group_or_with_a_small_one_nothing_is_claimed(scene: Scene) -> None:
    scene.build()
    message = scene.message()
    none = scene.run(scene.planned([("", message)]))
    few = scene.run(scene.planned([("", message)], held_out_bp=1_000))
    scene.starts(few, ago(scene, 3))
    with scene.web.begin(scene.owner) as unit:
        assert effect_of(unit, none.code).reason == "no_group"
        assert effect_of(unit, few.code).reason == "too_few"


def birthday(scene: Scene, number: int, days: int) -> None:
    """Somebody's birthday is in so many days."""
    day = scene.today + timedelta(days=days)
    scene.people[number]["birth_date"] = day.replace(year=1976, day=min(day.day, 28) if day.month == 2 else day.day)


@pytest.fixture
def birthdays(scene: Scene) -> Scene:
    """Nobody's birthday is near, but those of 20 (today), 22 (yesterday) and 24 (in two days)."""
    far = scene.today + timedelta(days=180)
    for one in scene.people:
        one["birth_date"] = BORN.replace(month=far.month, day=min(far.day, 28))
    for number, days in ((20, 0), (22, -1), (24, 2)):
        birthday(scene, number, days)
    scene.build()
    return scene


def test_a_standing_mailing_takes_each_event_once_and_makes_up_for_a_missed_day(birthdays: Scene) -> None:
    scene = birthdays
    own = scene.planned([("", scene.message())], event_kind="birthday", event_days=0)
    own = scene.run(own)
    assert scene.sends(own) == {1: [20]}  # yesterday's was before it began
    assert scene.sends(scene.run(own)) == {1: [20]}
    assert (own.state, own.next_run_at is not None) == ("active", True)
    scene.move_clock(4)  # three days without a job: the birthday of 24 was missed
    assert scene.sends(scene.run(own)) == {1: [20, 24]}
    scene.move_clock(5)
    assert scene.sends(scene.run(own)) == {1: [20, 24]}
    scene.move_clock(365)
    assert sorted(scene.sends(scene.run(own))[1]) in ([20, 20, 22, 24], [20, 20, 24])  # of its week, last year's too


def test_a_day_without_workers_is_made_up_for_at_the_next_days_hour_not_in_its_night(birthdays: Scene) -> None:
    scene = birthdays
    own = scene.planned([("", scene.message())], event_kind="birthday", event_days=0, send_hour=9)
    morrow = datetime.combine(scene.today + timedelta(days=2), time(2, 30), PARIS)  # due since 9 o'clock of the eve
    scene.set_clock(morrow)
    own = scene.run(own)
    assert (scene.sends(own), own.next_run_at) == ({}, morrow.replace(hour=9, minute=0))
    scene.set_clock(morrow.replace(hour=9, minute=1))
    own = scene.run(own)
    assert (scene.sends(own), own.next_run_at) == ({1: [20, 24]}, morrow.replace(hour=9, minute=0) + timedelta(days=1))


@pytest.mark.parametrize(
    ("day", "first", "second"),
    [  # an hour that is skipped, an hour that comes twice
        (date(2027, 3, 27), "2027-03-28T01:00:00+00:00", "2027-03-29T00:00:00+00:00"),
        (date(2027, 10, 30), "2027-10-31T00:00:00+00:00", "2027-11-01T01:00:00+00:00"),
    ],
)
def test_a_change_of_clocks_lets_a_daily_hour_come_once(day: date, first: str, second: str) -> None:
    at = next_run(datetime.combine(day, time(2, 0, 1), PARIS).astimezone(UTC), 2)
    assert at.astimezone(UTC).isoformat() == first
    later = next_run(at.astimezone(UTC) + timedelta(seconds=1), 2)
    assert later.astimezone(UTC).isoformat() == second
    for minutes in range(0, 180, 10):  # whenever its job comes, it does not come a second time that day
        assert first_run(at.astimezone(UTC) + timedelta(minutes=minutes), 2) in (at, later)


def test_days_of_a_pause_are_not_made_up_for(birthdays: Scene) -> None:
    scene = birthdays
    own = scene.run(scene.planned([("", scene.message())], event_kind="birthday", event_days=0))
    with scene.web.begin(scene.owner) as unit:
        assert pause_own_mailing(unit, own.code).state == "paused"
    scene.move_clock(4)
    assert scene.run(own).state == "paused"
    with scene.web.begin(scene.owner) as unit:
        resume_own_mailing(unit, own.code)
    assert scene.sends(scene.run(own)) == {1: [20]}
    with scene.web.begin(scene.owner) as unit:
        assert cancel_own_mailing(unit, own.code).state == "cancelled"


def test_a_standing_group_stays_on_its_side_and_counts_as_seen(birthdays: Scene) -> None:
    scene = birthdays
    own = scene.planned([("", scene.message())], event_kind="birthday", held_out_bp=5_000)
    scene.run(own)
    scene.run(own)
    assert sorted([*scene.sends(own).get(1, []), *scene.held(own)]) == [20]


@pytest.mark.parametrize(("backlog", "wanted"), [(False, {}), (True, {1: [30, 32]})])
def test_who_is_inactive_already_is_written_to_only_when_asked(
    scene: Scene, backlog: bool, wanted: dict[int, list[int]]
) -> None:
    scene.buys(30, ago(scene, 400))
    scene.buys(32, ago(scene, 300))
    scene.buys(34, ago(scene, 179))
    scene.build()
    own = scene.planned([("", scene.message())], event_kind="inactivity", event_days=180, backlog=backlog)
    assert scene.sends(scene.run(own)) == wanted
    scene.move_clock(2)  # 34 becomes inactive
    found = scene.sends(scene.run(own))
    assert found[1][-1] == 34
    assert len(found[1]) == len(wanted.get(1, [])) + 1


def test_the_days_after_a_first_purchase_and_what_the_message_says_of_it(scene: Scene) -> None:
    scene.buys(40, ago(scene, 10), product="ring 7")
    scene.buys(42, ago(scene, 9))
    scene.buys(50, ago(scene, 20), product="ring 9")
    scene.build()
    message = scene.message(
        html="<p>Votre {{product|achat}}, taille {{product_size|?}}, ou {{suggestion_1|autre}}.</p>"
    )
    own = scene.planned([("", message)], event_kind="first_purchase", event_days=10, category="rings")
    own = scene.run(own)
    assert scene.sends(own) == {1: [40]}
    with scene.worker.begin() as unit:
        mailing = unit.scalar("SELECT mailing_id FROM own_part p JOIN own_run r ON r.id = p.run_id"
                              " WHERE r.own_mailing_id = :own", own=own.id)  # fmt: skip
        fields = personal_fields(unit, mailing, [scene.contact(40)])[scene.contact(40)]
    assert (fields["product"], fields["product_size"], fields["suggestion_1"]) == ("ring 7", "52", "ring")
    assert fields["event_day"].endswith(str(ago(scene, 10).year))


def test_a_base_proposes_segments_that_can_be_asked_and_events_that_it_has(scene: Scene) -> None:
    for number in range(0, 60, 2):
        scene.buys(number, ago(scene, 5 * number + 1), 1_000 + number)
    scene.build()
    with scene.web.begin(scene.owner) as unit:
        rules = [one.rule_text for one in propose_segments(unit, scene.base_code, "prospecting")]
        assert rules[0] == "relation = prospect"
        with pytest.raises(InvalidInput) as refusal:
            revise_own_mailing(unit, scene.draft([]), event_kind="purchase", event_field="last_bought_boats")
    assert refusal.value.code == "unknown_event"
