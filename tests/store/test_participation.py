"""Taking part: asked for, answered, left; terms in versions; rules of owner and advertiser; newsletters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from broker.affiliation.base_results import learned_rate
from broker.affiliation.join import accept_terms, answer_request, join_programme, leave_programme
from broker.affiliation.newsletter import newsletter_links
from broker.affiliation.pick import announce_newsletter, list_sends, pick_send
from broker.affiliation.pick_by_rule import pick_by_rules, write_rule
from broker.affiliation.withdraw import find_participation, find_send, withdraw_send
from broker.billing.accrue_conversions import bill_clicks
from broker.catalogue.change_programme import ProgrammeChange, change_programme
from broker.catalogue.offer_model import JoinRules, Offer
from broker.catalogue.programmes import Programme, create_programme
from broker.kernel.errors import Conflict, CourtierError, InvalidInput
from broker.mailings.schedule import schedule_participation_send
from broker.rentals.approval_rules import write_rule as write_approval_rule
from tests.store.money_scene import MoneyScene, build_scene
from tests.unit.rings import front_ring


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def open_programme(scene: MoneyScene, cpm_cents: int = 1_800, **offer: Any) -> Programme:
    with scene.web.begin(scene.advertiser) as unit:
        return create_programme(
            unit, "Manteaux", "", "fashion", cpm_cents, 100_000, scene.creative, unit.today,
            unit.today + timedelta(days=90), offer=Offer(**offer),
        )  # fmt: skip


def refusal_of(code: str) -> Any:
    return pytest.raises(CourtierError, check=lambda error: error.code == code)


def test_case_by_case_the_advertiser_answers_and_the_owner_cannot(scene: MoneyScene) -> None:
    programme = open_programme(scene, joining="case_by_case")
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
        assert part.state == "requested"
    with refusal_of("not_joined"), scene.web.begin(scene.owner) as unit:
        pick_send(unit, part.code, scene.segment_code, 10, unit.today)
    with pytest.raises((DBAPIError, Conflict)), scene.web.begin(scene.owner) as unit:
        unit.run("UPDATE participation SET state = 'joined' WHERE code = :code", code=part.code)
    with scene.web.begin(scene.advertiser) as unit:
        with refusal_of("missing_reason"):
            answer_request(unit, part.code, accept=False)
        assert answer_request(unit, part.code, accept=True).state == "joined"
    with scene.web.begin(scene.owner) as unit:
        assert pick_send(unit, part.code, scene.segment_code, 10, unit.today).state == "picked"


@pytest.mark.parametrize(
    ("rules", "answer"),
    [(JoinRules(least_contacts=10_000_000), "too_small"), (JoinRules(sectors=("travel",)), "other_sector")],
)
def test_an_advertisers_rules_refuse_at_once(scene: MoneyScene, rules: JoinRules, answer: str) -> None:
    programme = open_programme(scene, joining="case_by_case", join_rules=rules)
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
    assert (part.state, part.answer) == ("refused", answer)


def test_an_owners_own_rule_keeps_a_sector_out(scene: MoneyScene) -> None:
    programme = open_programme(scene)
    with scene.web.begin(scene.owner) as unit:
        write_approval_rule(unit, "refuse", "Pas de mode", sectors=["fashion"], reason="non")
        with refusal_of("refused_by_rule"):
            join_programme(unit, programme.code, scene.base_code)


def test_new_terms_are_accepted_before_the_next_send(scene: MoneyScene) -> None:
    programme = open_programme(scene, terms="A")
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code, terms_version=1)
    with scene.web.begin(scene.advertiser) as unit:
        assert change_programme(unit, programme.code, ProgrammeChange(terms="B")).terms_version == 2
        assert change_programme(unit, programme.code, ProgrammeChange(terms=" B ")).terms_version == 2
    with scene.web.begin(scene.owner) as unit:
        with refusal_of("terms_changed"):
            pick_send(unit, part.code, scene.segment_code, 10, unit.today)
        with refusal_of("terms_changed"):
            accept_terms(unit, part.code, 1)
        accept_terms(unit, part.code, 2)
        pick_send(unit, part.code, scene.segment_code, 10, unit.today)
        with refusal_of("terms_changed"):
            join_programme(unit, programme.code, scene.base_code, terms_version=1)


def test_a_budget_never_falls_below_what_is_reserved(scene: MoneyScene) -> None:
    programme = open_programme(scene)
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
        pick_send(unit, part.code, scene.segment_code, 1_000, unit.today)  # 18 EUR
    with scene.web.begin(scene.advertiser) as unit:
        with pytest.raises(InvalidInput) as refusal:
            change_programme(unit, programme.code, ProgrammeChange(budget_cents=1_799))
        assert refusal.value.field == "budget_cents"
        assert change_programme(unit, programme.code, ProgrammeChange(budget_cents=1_800)).budget_cents == 1_800
    with refusal_of("budget_used"), scene.web.begin(scene.owner) as unit:
        pick_send(unit, part.code, scene.segment_code, 1, unit.today)


def test_caps_of_names_and_of_an_owner_hold_when_a_send_is_picked(scene: MoneyScene) -> None:
    for offer, code in (({"most_names": 100}, "names_used"), ({"owner_cap_cents": 180}, "owner_cap")):
        programme = open_programme(scene, **offer)
        with scene.web.begin(scene.owner) as unit:
            part = join_programme(unit, programme.code, scene.base_code)
            pick_send(unit, part.code, scene.segment_code, 100, unit.today)
            with refusal_of(code), unit.session.begin_nested():
                pick_send(unit, part.code, scene.segment_code, 1, unit.today)


def test_leaving_takes_waiting_sends_back_and_joining_again_is_possible(scene: MoneyScene) -> None:
    programme = open_programme(scene)
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
        send = pick_send(unit, part.code, scene.segment_code, 10, unit.today)
    with scene.worker.begin() as unit:
        mailing = schedule_participation_send(unit, find_send(unit, send.code).id)
    with scene.web.begin(scene.owner) as unit:  # in the minute before the send
        assert leave_programme(unit, part.code).state == "withdrawn"
        assert leave_programme(unit, part.code).state == "withdrawn"
        assert [one.state for one in list_sends(unit, part.code)] == ["withdrawn"]
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT state FROM mailing WHERE id = :id", id=mailing.id) == "cancelled"
    with scene.web.begin(scene.owner) as unit:
        assert join_programme(unit, programme.code, scene.base_code).state == "joined"


def test_a_rule_picks_on_free_days_once_a_turn_and_each_send_can_be_withdrawn(scene: MoneyScene) -> None:
    programme = open_programme(scene)
    with scene.web.begin(scene.owner) as unit:
        part = join_programme(unit, programme.code, scene.base_code)
        write_rule(unit, part.code, scene.segment_code, 20, 7, unit.today + timedelta(days=60))
    pick_by_rules(scene.worker)
    pick_by_rules(scene.worker)
    with scene.web.begin(scene.owner) as unit:
        sends = list_sends(unit, part.code)
        assert [one.volume for one in sends] == [20]
        assert sends[0].send_on >= unit.today + timedelta(days=2)
        withdraw_send(unit, sends[0].code)
    scene.wait(24 * 8)
    pick_by_rules(scene.worker)
    with scene.web.begin(scene.owner) as unit:
        days = sorted(one.send_on for one in list_sends(unit, part.code))
        assert len(days) == 2
        assert (days[1] - days[0]).days >= 7
    with scene.web.begin(scene.advertiser) as unit:
        change_programme(unit, programme.code, ProgrammeChange(terms="neu"))
    scene.wait(24 * 8)
    pick_by_rules(scene.worker)
    with scene.web.begin(scene.owner) as unit:
        assert find_participation(unit, part.code).rule_problem == "terms_changed"


def test_a_newsletter_counts_one_click_a_device_and_day(scene: MoneyScene) -> None:
    front = front_ring()
    with scene.worker.begin() as unit:
        unit.run("INSERT INTO creative_link (creative_id, number, url) SELECT id, 1, 'https://shop.test/' FROM creative"
                 " WHERE code = :code AND state = 'draft'", code=scene.draft)  # fmt: skip
    mails, clicks = open_programme(scene), open_programme(scene, 0, model="cpc", rate_cents=50)
    with scene.web.begin(scene.owner) as unit:
        only = join_programme(unit, mails.code, scene.base_code)
        with refusal_of("mails_only"):
            announce_newsletter(unit, only.code, 100, unit.today)
        part = join_programme(unit, clicks.code, scene.base_code)
        send = announce_newsletter(unit, part.code, 5_000, unit.today)
        assert (send.newsletter, send.state, send.segment_name) == (True, "sent", None)
        with pytest.raises(CourtierError):  # the scene's creative has no visible link
            newsletter_links(unit, front, "https://c.test", send.code)
    with scene.worker.begin() as unit:
        mailing = unit.one("SELECT m.id, m.dispatch_id FROM mailing m WHERE m.code = :code", code=send.mailing_code)
        assert mailing is not None
        for position, agent in ((11, "a"), (12, "a"), (13, "b")):
            unit.run("INSERT INTO hit (dispatch_id, mailing_id, position, link, ip, user_agent, verdict)"
                     " VALUES (:dispatch, :mailing, :position, 1, '192.0.2.1', :agent, 'human')",
                     dispatch=mailing.dispatch_id, mailing=mailing.id, position=position, agent=agent)  # fmt: skip
    assert bill_clicks(scene.worker, mailing.id) == 3
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT position, reason FROM conversion WHERE mailing_id = :id ORDER BY position", id=mailing.id
        )
    assert [(row.position, row.reason) for row in rows] == [(11, ""), (12, "repeated_click"), (13, "")]


@pytest.mark.parametrize(("mails", "done", "mean"), [(0, 0, 0.01), (100, 100, 0.01), (1_000_000, 50_000, 0.01)])
def test_small_samples_lean_on_the_mean_and_large_ones_stand_alone(mails: int, done: int, mean: float) -> None:
    rate, low, high = learned_rate(mails, done, mean)
    assert low <= rate <= high
    own = done / mails if mails else mean
    assert min(mean, own) - 1e-12 <= rate <= max(mean, own) + 1e-12
    weight = mails / (mails + 2_000)
    assert rate == pytest.approx((1 - weight) * mean + weight * own)
