"""Two orders for the same people on the same day; what is shown as free is what is left; draws of special orders."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

import pytest

from broker.audience.parse import parse_rule
from broker.audience.select import OrderDraw, select_recipients
from broker.kernel import clock
from broker.kernel.database import UnitOfWork
from broker.mailings.freeze_store import plan_of
from broker.mailings.order_draw import note_draw, order_draw
from broker.mailings.store import mailing_by_id
from tests.store.audience_people import key_of, make_organisation
from tests.store.count_scene import PEOPLE, Scene, mail, make_card, scene

__all__ = ["scene"]


def order_of(
    unit: UnitOfWork, scene: Scene, volume: int, day: date, text: str = "all", buyer: int = 0, **terms: Any
) -> int:
    """A quote on a card of a rule, with a signed creative."""
    code, buyer = secrets.token_hex(6), buyer or scene.advertiser
    card = make_card(unit, scene, text, ("gender",))
    unit.run(
        "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash, state,"
        " signed_hash, signed_by, signed_at) VALUES (:code, :org, '', '', '', '', '', '', 'x', 'signed', 'x', 1,"
        " app_now())",
        code=code,
        org=buyer,
    )
    names = "".join(f", {name}" for name in terms)
    marks = "".join(f", :{name}" for name in terms)
    return int(
        unit.scalar(
            "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id,"
            " segment_id, creative_id, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents,"
            f" send_on, valid_until{names}) SELECT :code, :buyer, k.org_id, k.id, k.code, k.title, k.base_id,"
            " k.segment_id, c.id, :volume, 1, 100, 0, 0, 1, 0, :day, app_now() + interval '9 days'"
            f"{marks} FROM data_card k, creative c WHERE k.id = :card AND c.code = :code RETURNING id",
            code=code,
            buyer=buyer,
            card=card,
            volume=volume,
            day=day,
            **terms,
        )
    )


def bring(unit: UnitOfWork, order: int, *states: str) -> None:
    for state in states:
        unit.run("UPDATE rental_order SET state = :state WHERE id = :id", state=state, id=order)


def planned(unit: UnitOfWork, order: int, day: date) -> tuple[int, int]:
    """(mailing, dispatch) of an order on credit."""
    bring(unit, order, "ordered", "approved", "on_credit")
    mailing = unit.scalar(
        "SELECT schedule_mailing(:order, NULL, :code, 7,"
        " (CAST(:day AS date) + time '08:00') AT TIME ZONE 'Europe/Paris')",
        order=order,
        code=secrets.token_hex(6),
        day=day,
    )
    return mailing, unit.scalar("SELECT dispatch_id FROM mailing WHERE id = :id", id=mailing)


def drawn(unit: UnitOfWork, scene: Scene, mailing_id: int, day: date | None) -> Any:
    """As the freeze draws: plan and terms from the rows."""
    mailing = mailing_by_id(unit, mailing_id)
    assert mailing is not None
    plan = plan_of(unit, mailing)
    return select_recipients(
        unit,
        scene.settings,
        base_id=scene.base,
        advertiser_id=scene.advertiser,
        rule=plan.rule,
        volume=plan.volume,
        draw_seed=mailing.draw_seed,
        dispatch_id=mailing.dispatch_id,
        round_when_short=True,
        send_on=day,
        order=order_draw(plan),
    )


def of_all(unit: UnitOfWork, scene: Scene, order: OrderDraw, **terms: Any) -> Any:
    """A draw of everybody, for an order of its own terms."""
    asked: dict[str, Any] = {"rule": parse_rule("all"), "draw_seed": 1} | terms
    return select_recipients(
        unit, scene.settings, base_id=scene.base, advertiser_id=scene.advertiser, order=order, **asked
    )


def freeze(unit: UnitOfWork, mailing: int, dispatch: int, contacts: list[int], state: str = "pending") -> None:
    unit.run("SELECT make_send_partition(:month)", month=dispatch // 1_000_000)
    unit.run_many(
        "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros, outcome_at)"
        " VALUES (:dispatch, :mailing, :at, :contact, :key, :state, 1,"
        " CASE WHEN :state = 'accepted' THEN app_now() END)",
        [
            {"dispatch": dispatch, "mailing": mailing, "at": at, "contact": one, "key": key_of(one), "state": state}
            for at, one in enumerate(contacts)
        ],
    )
    unit.run("UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=mailing)


def free(scene: Scene, day: date, text: str = "all") -> int:
    question = {"base_id": scene.base, "rule": parse_rule(text), "advertiser_id": scene.advertiser}
    return int(scene.desk.answer("count_for_owner", question | {"send_on": day.isoformat()})["rentable"])


def day_of(scene: Scene, days: int) -> date:
    with scene.database.begin() as unit:
        return unit.today + timedelta(days=days)


def test_what_two_orders_hold_on_a_day_adds_up(scene: Scene) -> None:
    """Each holds its own people: what is free is what is left after both, not after the larger one."""
    day = day_of(scene, 10)
    with scene.database.begin() as unit:
        for volume in (1_000, 1_200):
            bring(unit, order_of(unit, scene, volume, day), "ordered")
    assert free(scene, day) == PEOPLE - 2_200
    with scene.database.begin() as unit:
        bring(unit, order_of(unit, scene, 5_000, day), "ordered")
    assert free(scene, day) == 0


@pytest.mark.parametrize("first_frozen", [0, 1])
def test_two_orders_for_the_same_people_on_the_same_day_never_both_get_them(scene: Scene, first_frozen: int) -> None:
    """Whichever is frozen first, who held first gets its volume and the other what is left."""
    day = day_of(scene, 9)
    with scene.database.begin() as unit:
        orders = [order_of(unit, scene, volume, day) for volume in (2_000, 1_500)]
        mailings = []
        for order in orders:
            mailings.append(planned(unit, order, day))
            clock.advance(unit.session, timedelta(minutes=1))
        got: dict[int, list[int]] = {}
        for which in (first_frozen, 1 - first_frozen):
            mailing, dispatch = mailings[which]
            got[which] = drawn(unit, scene, mailing, day).contact_ids.tolist()
            freeze(unit, mailing, dispatch, got[which])
    assert not set(got[0]) & set(got[1])
    assert len(got[0]) == 2_000
    assert PEOPLE - 2_000 - 60 <= len(got[1]) <= PEOPLE - 2_000


def test_a_freeze_takes_whom_its_reservation_counted_on(scene: Scene) -> None:
    day = day_of(scene, 9)
    with scene.database.begin() as unit:
        women = order_of(unit, scene, 400, day, "gender = F")
        mailing, _ = planned(unit, women, day)
    counted = free(scene, day, "gender = F and age >= 40")
    with scene.database.begin() as unit:
        taken = drawn(unit, scene, mailing, day).contact_ids.tolist()
        freeze(unit, mailing, unit.scalar("SELECT dispatch_id FROM mailing WHERE id = :id", id=mailing), taken)
    assert len(taken) == 400
    assert free(scene, day, "gender = F and age >= 40") == counted


def test_a_lapsed_option_frees_its_people_and_comes_last_when_it_is_approved_after_all(scene: Scene) -> None:
    day = day_of(scene, 12)
    with scene.database.begin() as unit:
        early = order_of(unit, scene, 2_000, day)
        bring(unit, early, "ordered")
        clock.advance(unit.session, timedelta(days=5, minutes=1))
    assert free(scene, day) == PEOPLE
    with scene.database.begin() as unit:
        late = order_of(unit, scene, 2_000, day)
        mailing_of_late, _ = planned(unit, late, day)
        clock.advance(unit.session, timedelta(minutes=1))
        bring(unit, early, "approved", "on_credit")
        mailing = unit.scalar(
            "SELECT schedule_mailing(:order, NULL, 'm_early', 7, (CAST(:day AS date) + time '08:00')"
            " AT TIME ZONE 'Europe/Paris')",
            order=early,
            day=day,
        )
        first = drawn(unit, scene, mailing, day)
        second = drawn(unit, scene, mailing_of_late, day)
    assert len(second.contact_ids) == 2_000
    assert len(first.contact_ids) <= 1_000
    assert not set(first.contact_ids.tolist()) & set(second.contact_ids.tolist())


def test_an_order_whose_advertiser_no_consent_names_holds_nobody(scene: Scene) -> None:
    day = day_of(scene, 8)
    with scene.database.begin() as unit:
        bring(unit, order_of(unit, scene, 500, day, buyer=make_organisation(unit, "advertiser")), "ordered")
    assert free(scene, day) == PEOPLE


def test_a_run_of_net_names_measures_its_duplicates_and_tells_no_size(scene: Scene) -> None:
    day = day_of(scene, 7)
    with scene.database.begin() as unit:
        order = order_of(unit, scene, 1_000, day, net_names=True, run_micros=5)
        mailing, dispatch = planned(unit, order, day)
        code = unit.scalar("SELECT code FROM rental_order WHERE id = :id", id=order)
        plain = of_all(unit, scene, OrderDraw(code=code), volume=1_000, draw_seed=7)
        chosen = plain.contact_ids.tolist()
        twice = chosen[:130]
        freeze_other(unit, scene, dispatch, twice)
        run = drawn(unit, scene, mailing, None)
        assert run.supplied == 1_000
        assert set(run.contact_ids.tolist()) <= set(chosen) - set(twice)
        assert run.exclusions["duplicates"] == 130
        assert len(run.contact_ids) % scene.settings.disclosure.rounding == 0
        assert 870 - 2 * 20 - 10 <= len(run.contact_ids) <= 870
        assert run.audience_size == len(run.contact_ids) + sum(run.exclusions.values())
        stored = mailing_by_id(unit, mailing)
        assert stored is not None
        note_draw(unit, scene.settings, stored, plan_of(unit, stored), run)
        row = unit.one("SELECT supplied, mailed FROM net_name_count WHERE mailing_id = :id", id=mailing)
    assert row is not None
    assert (row.supplied, row.mailed) == (1_000, len(run.contact_ids))


def freeze_other(unit: UnitOfWork, scene: Scene, dispatch: int, contacts: list[int]) -> None:
    """These people stand in another base's mailing of the same dispatch."""
    other = unit.scalar(
        "INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,"
        " price_micros, commission_bp, draw_seed) SELECT :code, kind, dispatch_id, owner_id, advertiser_id, base_id,"
        " creative_id, content_hash, price_micros, commission_bp, 1 FROM mailing WHERE dispatch_id = :dispatch"
        " RETURNING id",
        code=secrets.token_hex(6),
        dispatch=dispatch,
    )
    freeze(unit, other, dispatch, contacts)


def test_even_a_run_without_duplicates_is_rounded(scene: Scene) -> None:
    """Else one name of a suppression file more or less would tell whether that person was drawn."""
    with scene.database.begin() as unit:
        draws = [
            of_all(
                unit,
                scene,
                OrderDraw(code=f"order_{number}", net_names=True),
                volume=1_000,
                draw_seed=7,
                round_when_short=True,
            )
            for number in range(6)
        ]
    assert all(one.supplied == 1_000 for one in draws)
    assert len({len(one.contact_ids) for one in draws}) > 1


def test_each_use_of_a_licence_goes_to_the_same_people_and_names_made_good_to_others(scene: Scene) -> None:
    with scene.database.begin() as unit:
        day = unit.today
        order = order_of(unit, scene, 600, day, uses=2, use_until=day + timedelta(days=90), reuse_price_micros=50)
        mailing, dispatch = planned(unit, order, day)
        first = drawn(unit, scene, mailing, None).contact_ids.tolist()
        freeze(unit, mailing, dispatch, first, "accepted")
        code = unit.scalar("SELECT code FROM rental_order WHERE id = :id", id=order)
        again, others = (
            of_all(unit, scene, OrderDraw(code=code, earlier_of=earlier), volume=600) for earlier in (None, order)
        )
    assert set(again.contact_ids.tolist()) == set(first)
    assert len(others.contact_ids) == 600
    assert not set(others.contact_ids.tolist()) & set(first)


def test_a_re_mail_goes_to_those_who_clicked_or_did_not(scene: Scene) -> None:
    with scene.database.begin() as unit:
        dispatch = mail(unit, scene, range(1, 501), times=1, days_ago=20)
        mailing = unit.scalar("SELECT id FROM mailing WHERE dispatch_id = :id", id=dispatch)
        unit.run(
            "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict)"
            " SELECT :dispatch, :mailing, n, 1, CASE WHEN n <= 100 THEN 'human' ELSE 'scanner' END"
            " FROM generate_series(1, 200) n",
            dispatch=dispatch,
            mailing=mailing,
        )
        unit.run("UPDATE send SET bounced_at = app_now() WHERE mailing_id = :id AND position <= 10", id=mailing)
        found = {
            who: of_all(unit, scene, OrderDraw(code="r", remail_of=mailing, remail_who=who))
            for who in ("clickers", "non_clickers")
        }
    assert set(found["clickers"].contact_ids.tolist()) == set(range(11, 101))
    assert set(found["non_clickers"].contact_ids.tolist()) == set(range(101, 501))


@pytest.mark.parametrize(("remedy", "owed"), [("make_good", 400), ("credit", None)])
def test_a_guaranteed_volume_that_falls_short_is_owed_or_credited(scene: Scene, remedy: str, owed: int | None) -> None:
    day = day_of(scene, 6)
    with scene.database.begin() as unit:
        order = order_of(unit, scene, PEOPLE + 400, day, shortfall="guaranteed", tolerance_bp=500, remedy=remedy)
        mailing_id, _ = planned(unit, order, day)
        mailing = mailing_by_id(unit, mailing_id)
        assert mailing is not None
        plan = plan_of(unit, mailing)
        chosen = of_all(unit, scene, order_draw(plan), rule=plan.rule, volume=plan.volume)
        note_draw(unit, scene.settings, mailing, plan, chosen)
        row = unit.one("SELECT kind, volume, price_micros FROM order_use WHERE order_id = :id", id=order)
        audited = unit.scalar(
            "SELECT detail->>'remedy' FROM audit_entry WHERE action = 'order.short' AND object_id = :code",
            code=plan.code,
        )
    assert audited == remedy
    assert (None if row is None else (row.kind, row.volume, row.price_micros)) == (
        None if owed is None else ("make_good", owed, 0)
    )
