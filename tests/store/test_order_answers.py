"""An owner's rules, the changes it asks for, deadlines; what every automatic answer leaves in the audit."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.rentals.approval_rules import list_rules, sender_of, set_policy, stop_rule, write_rule
from broker.rentals.approve import approve_order, refuse_order
from broker.rentals.cancel import cancel_order
from broker.rentals.chase import chase_answers
from broker.rentals.model import Order
from broker.rentals.place import place_order
from broker.rentals.review import ask_change, decisions, find_review, make_change
from tests.store.order_people_scene import PeopleScene, build_people


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path: Path) -> PeopleScene:
    return build_people(admin_engine, worker_engine, web_engine, tmp_path)


def placed(scene: PeopleScene, creative: str | None = None, volume: int = 30_000) -> Order:
    order = scene.money.quoted(volume)
    with scene.money.web.begin(scene.advertiser) as unit:
        return place_order(unit, order.code, creative or scene.creative())


def rule(scene: PeopleScene, effect: str, **values: object) -> str:
    with scene.money.web.begin(scene.owner) as unit:
        return write_rule(unit, effect, "A rule", **values).code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"domains": ["manteaux.test"]}, "https://shop.manteaux.test/a"),
        ({"domains": ["https://MÜNCHEN.test/x"]}, "https://xn--mnchen-3ya.test/"),
        ({"domains": ["people.test"]}, "https://elsewhere.test/"),  # by which its people log in
        ({"sectors": ["gambling", "fashion"]}, "https://elsewhere.test/"),
    ],
)
def test_a_block_list_refuses_with_its_reason_and_the_audit_names_the_rule(
    scene: PeopleScene, values: dict[str, list[str]], url: str
) -> None:
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE organisation SET sector = 'fashion' WHERE id = :id", id=scene.advertiser.org)
    code = rule(scene, "refuse", reason="Not with us.", **values)
    rule(scene, "approve", most_volume=1_000_000)  # a refusal wins
    order = scene.answer(placed(scene, scene.creative(url=url)))
    assert (order.state, order.refusal) == ("refused", "Not with us.")
    detail = scene.audit(order, "order.refused")
    assert (detail["automatic"], detail["rule"]) == (True, code)
    with scene.money.web.begin(scene.owner) as unit:
        assert [(one.decision, one.made_by, one.rule) for one in decisions(unit, order)] == [("refused", "rule", code)]
    with scene.money.web.begin(scene.advertiser) as unit:
        assert decisions(unit, order) == []


def test_a_domain_does_not_block_its_namesakes(scene: PeopleScene) -> None:
    rule(scene, "refuse", domains=["teaux.test", "shop.manteaux.test.evil.test"], reason="No.")
    assert scene.answer(placed(scene)).state == "ordered"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"least_cpm_cents": 3_333}, "approved"),
        ({"least_cpm_cents": 3_334}, "ordered"),
        ({"most_volume": 30_000}, "approved"),
        ({"most_volume": 29_900}, "ordered"),
        ({"sectors": ["travel"]}, "ordered"),
    ],
)
def test_a_trust_rule_approves_what_it_says_and_no_more(
    scene: PeopleScene, values: dict[str, object], state: str
) -> None:
    code = rule(scene, "approve", **values)
    order = scene.answer(placed(scene))
    assert order.state == state
    if state == "approved":
        assert scene.audit(order, "order.approved")["rule"] == code
        assert scene.answer(order).state == "approved"  # the job twice
    with scene.money.worker.begin() as unit:  # the owner is told what happened, and once
        rows = unit.all(
            "SELECT kind, facts->>'answered' AS answered FROM notification_event WHERE object_code = :code"
            " AND org_id = :owner",
            code=order.code,
            owner=scene.owner.org,
        )
    waits = ("order.placed", None)
    assert [tuple(row) for row in rows] == [("order.answered_by_rule", "approved") if state == "approved" else waits]


def test_a_trusted_advertiser_is_named_by_its_order_and_a_stopped_rule_answers_nothing(scene: PeopleScene) -> None:
    first = placed(scene)
    with scene.money.web.begin(scene.owner) as unit:
        code, name = sender_of(unit, first.code)
    assert (code, name) == (scene.code_of(scene.advertiser), "Manteaux")
    written = rule(scene, "approve", advertisers=[code])
    assert scene.answer(placed(scene)).state == "approved"
    with scene.money.web.begin(scene.owner) as unit:
        stop_rule(unit, written)
        assert [one.active for one in list_rules(unit).items] == [False]
    assert scene.answer(placed(scene)).state == "ordered"
    with pytest.raises(CourtierError) as refusal, scene.money.web.begin(scene.owner) as unit:
        unit.run("UPDATE approval_rule SET active = true WHERE code = :code", code=written)
    assert refusal.value.details["constraint"] == "approval_rule"


def test_rules_are_their_owners_alone(scene: PeopleScene) -> None:
    code = rule(scene, "approve", most_volume=1)
    for actor in (scene.money.stranger, scene.advertiser):
        with scene.money.web.begin(actor) as unit:
            assert unit.scalar("SELECT count(*) FROM approval_rule WHERE code = :code", code=code) == 0
    with pytest.raises(NotFound), scene.money.web.begin(scene.money.stranger) as unit:
        stop_rule(unit, code)


@pytest.mark.parametrize(
    ("effect", "values", "code"),
    [
        ("refuse", {"reason": "x"}, "rule_without_condition"),
        ("refuse", {"sectors": ["wine"]}, "reason_missing"),
        ("refuse", {"sectors": ["wine"], "reason": "x", "most_volume": 3}, "bad_condition"),
        ("approve", {}, "rule_without_condition"),
        ("approve", {"domains": ["a.test"]}, "bad_condition"),
        ("approve", {"most_volume": 0}, "bad_condition"),
        ("refuse", {"domains": ["no domain"], "reason": "x"}, "bad_domain"),
        ("approve", {"advertisers": ["org_nobody"]}, "unknown_advertiser"),
        ("allow", {"sectors": ["wine"]}, "bad_effect"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(
    scene: PeopleScene, effect: str, values: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rule(scene, effect, **values)
    assert refusal.value.code == code


def test_a_card_that_asks_for_the_first_message_only_needs_one_yes(scene: PeopleScene) -> None:
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE data_card SET approval = 'each_advertiser' WHERE code = :code", code=scene.money.card_code)
    first = scene.answer(placed(scene))
    assert first.state == "ordered"
    with scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, first.code)
    second = scene.answer(placed(scene))
    assert second.state == "approved"
    assert scene.audit(second, "order.approved")["rule"] == "each_advertiser"
    with scene.money.worker.begin() as unit:  # a person's no is heard
        unit.run(
            "INSERT INTO order_decision (order_id, owner_id, decision, made_by)"
            " VALUES (:id, :owner, 'refused', 'person')",
            id=first.id,
            owner=scene.owner.org,
        )
    assert scene.answer(placed(scene)).state == "ordered"


def test_a_change_is_asked_for_made_and_answered(scene: PeopleScene) -> None:
    rule(scene, "approve", most_volume=1)
    order, second = scene.answer(placed(scene)), scene.creative("better")
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.advertiser) as unit:
        make_change(unit, order.code, second)
    assert refusal.value.code == "no_change_asked"
    with scene.money.web.begin(scene.owner) as unit:
        assert ask_change(unit, order.code, "Less red, please").rounds == 1
    with scene.money.web.begin(scene.advertiser) as unit:
        review = find_review(unit, order)
        assert review is not None
        assert review.change_text == "Less red, please"
    for creative, code in (
        (order.creative_code, "same_creative"),
        (scene.creative("x", signed=False), "creative_not_signed"),
        (scene.money.draft, "creative_not_signed"),
    ):
        with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.advertiser) as unit:
            make_change(unit, order.code, str(creative))
        assert refusal.value.code == code
    rule(scene, "approve", most_volume=1_000_000)
    with scene.money.web.begin(scene.advertiser) as unit:
        changed = make_change(unit, order.code, second, "Done")
    assert (changed.state, changed.creative_code) == ("ordered", second)
    assert scene.answer(changed).state == "ordered"  # a person asked: a person answers
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code, order.creative_code or "")
    assert refusal.value.code == "creative_replaced"
    with scene.money.web.begin(scene.owner) as unit:
        assert approve_order(unit, order.code, second).state == "approved"


def test_a_blocked_landing_page_is_found_in_the_changed_message_too(scene: PeopleScene) -> None:
    rule(scene, "refuse", domains=["evil.test"], reason="Not this page.")
    order = scene.answer(placed(scene))
    with scene.money.web.begin(scene.owner) as unit:
        ask_change(unit, order.code, "Another page")
    with scene.money.web.begin(scene.advertiser) as unit:
        make_change(unit, order.code, scene.creative("b", url="https://evil.test/"))
    assert scene.answer(order).state == "refused"


def test_the_database_keeps_the_message_of_an_order_unless_a_change_is_asked_for(scene: PeopleScene) -> None:
    order, other = placed(scene), scene.creative("other")
    sql = "UPDATE rental_order SET creative_id = (SELECT id FROM creative WHERE code = :crea) WHERE code = :code"
    for actor in (scene.advertiser, scene.owner):
        with pytest.raises(Conflict) as refusal, scene.money.web.begin(actor) as unit:
            unit.run(sql, crea=other, code=order.code)
        assert refusal.value.details["constraint"] == "order_creative"
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.advertiser) as unit:  # nor asks it itself
        unit.run(
            "UPDATE order_review SET change_text = 'x', change_asked_at = app_now() WHERE order_id = :id", id=order.id
        )
    assert refusal.value.details["constraint"] == "order_party"


def test_two_owners_and_an_advertiser_at_once_and_one_wins(scene: PeopleScene) -> None:
    order = placed(scene)
    barrier = threading.Barrier(4)
    outcome: list[str] = []

    def act(name: str) -> None:
        actor = scene.advertiser if name == "cancel" else scene.owner
        barrier.wait(10)
        try:
            with scene.money.web.begin(actor) as unit:
                if name == "cancel":
                    cancel_order(unit, order.code)
                elif name == "change":
                    ask_change(unit, order.code, "Wait")
                elif name == "approve":
                    approve_order(unit, order.code)
                else:
                    refuse_order(unit, order.code, "no")
            outcome.append(f"{name} won")
        except CourtierError as error:
            outcome.append(error.code)

    threads = [threading.Thread(target=act, args=(name,)) for name in ("approve", "refuse", "cancel", "change")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(outcome) == 4
    final = scene.read(order).state
    assert final in ("approved", "refused", "cancelled")
    # An approval may be followed by the advertiser's withdrawal; everything else excludes the others.
    ends = {one for one in outcome if one.endswith("won")} - {"change won"}
    assert ends in ({"approve won"}, {"refuse won"}, {"cancel won"}, {"approve won", "cancel won"})
    assert set(outcome) - ends - {"change won"} <= {"order_state"}


def test_who_answers_is_reminded_once_a_day_and_then_the_order_expires(scene: PeopleScene) -> None:
    order = placed(scene)
    with scene.money.web.begin(scene.owner) as unit:
        set_policy(unit, signed_orders=False, grace_days=1)
    with scene.money.worker.begin() as unit:
        today = unit.today
        shift(unit, order, today)
        chase_answers(unit)
        chase_answers(unit)
        assert reminders(unit, order) == 1
        told = unit.scalar(
            "SELECT count(*) FROM notification_event WHERE kind = 'order.approval_due' AND object_code = :code",
            code=order.code,
        )
        assert told == 1
        shift(unit, order, today - timedelta(days=9), today - timedelta(days=1))
        chase_answers(unit)
    expired = scene.read(order)
    assert expired.state == "expired"
    assert scene.audit(order, "order.expired")["reason"] == "unanswered"


def test_while_a_change_is_asked_for_the_advertiser_is_reminded(scene: PeopleScene) -> None:
    order = placed(scene)
    with scene.money.web.begin(scene.owner) as unit:
        ask_change(unit, order.code, "Less red")
    with scene.money.worker.begin() as unit:
        shift(unit, order, unit.today)
        chase_answers(unit)
    assert scene.audit(order, "order.reminded")["change"] is True


def test_an_owner_may_ask_for_signed_orders(scene: PeopleScene) -> None:
    with scene.money.web.begin(scene.owner) as unit:
        set_policy(unit, signed_orders=True, grace_days=3)
    rule(scene, "approve", most_volume=1_000_000)
    order = scene.answer(placed(scene))
    assert order.state == "ordered"
    assert scene.audit(order, "order.left_to_person")["why"] == "order_not_signed"
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    assert refusal.value.code == "order_not_signed"


def reminders(unit: UnitOfWork, order: Order) -> int:
    return int(unit.scalar("SELECT reminders FROM order_review WHERE order_id = :id", id=order.id))


def shift(unit: UnitOfWork, order: Order, due_on: date, expires_on: date | None = None) -> None:
    unit.run(
        "UPDATE order_review SET due_on = :due, expires_on = :last WHERE order_id = :id",
        id=order.id,
        due=due_on,
        last=expires_on or due_on + timedelta(days=1),
    )


def test_a_regulated_sector_is_held_to_its_law_at_quote_and_order(scene: PeopleScene) -> None:
    order = scene.money.quoted()
    for words, code in (("Votre CPF expire", "sector_forbidden"), ("Notre casino en ligne", "sector_wording")):
        with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.advertiser) as unit:
            place_order(unit, order.code, scene.creative(words))
        assert refusal.value.code == code
    wording = (
        "Jouer comporte des risques : endettement, isolement, dépendance. Pour être aidé, appelez le 09-74-75-13-13"
    )
    with pytest.raises(InvalidInput) as young, scene.money.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative(f"Notre casino. {wording} (appel non surtaxé)."))
    assert young.value.code == "age_select_needed"
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE organisation SET sector = 'alcohol' WHERE id = :id", id=scene.advertiser.org)
    with pytest.raises(InvalidInput) as young:
        scene.money.quoted()
    assert young.value.code == "age_select_needed"
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE organisation SET sector = 'cpf_training' WHERE id = :id", id=scene.advertiser.org)
    with pytest.raises(Conflict) as refusal:
        scene.money.quoted()
    assert refusal.value.code == "sector_forbidden"
