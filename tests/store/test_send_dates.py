"""Counts for a send date: what was sent, what is frozen for a day and what orders keep take contacts away."""

from __future__ import annotations

import json
import secrets
from datetime import date, timedelta
from typing import Any

import pytest

from broker.audience.parse import parse_rule
from broker.audience.reservations_store import kept_volumes
from broker.kernel import clock
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from tests.store.count_scene import PEOPLE, Scene, mail, make_card, scene

__all__ = ["scene"]


def counted(scene: Scene, day: date | None, text: str = "all") -> dict[str, Any]:
    send_on = None if day is None else day.isoformat()
    return scene.desk.answer(
        "count_for_owner",
        {"base_id": scene.base, "rule": parse_rule(text), "advertiser_id": scene.advertiser, "send_on": send_on},
    )


def today(scene: Scene) -> date:
    with scene.database.begin() as unit:
        return unit.today


def pick(unit: UnitOfWork, scene: Scene, volume: int, day: date, text: str = "all") -> str:
    """An affiliate send that the owner picked: not frozen yet."""
    code = secrets.token_hex(6)
    unit.run(
        "WITH c AS (INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain,"
        "  content_hash) VALUES (:code, :org, '', '', '', '', '', '', '') RETURNING id),"
        " g AS (INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
        "  budget_cents, creative_id, starts_on, ends_on) SELECT :code, :org, 't', 's', 'cpm', 1, 0, 10000, id,"
        "  '2026-01-01', '2030-01-01' FROM c RETURNING id)"
        " INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
        "  SELECT :code, id, :org, :owner, :base FROM g",
        code=code,
        org=scene.advertiser,
        owner=scene.owner,
        base=scene.base,
    )
    unit.run(
        "WITH s AS (INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        "  VALUES (:code, :base, :owner, :code, :text, CAST(:rule AS jsonb)) RETURNING id)"
        " INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id, volume, send_on)"
        "  SELECT :code, p.id, :org, :owner, s.id, :volume, :day FROM participation p, s WHERE p.code = :code",
        code=code,
        base=scene.base,
        owner=scene.owner,
        org=scene.advertiser,
        text=text,
        rule=json.dumps(parse_rule(text)),
        volume=volume,
        day=day,
    )
    return code


def place(unit: UnitOfWork, scene: Scene, volume: int, day: date, states: tuple[str, ...]) -> None:
    """A rental order on a card of the whole base, brought through these states."""
    buyer = scene.advertiser
    code = secrets.token_hex(6)
    card = make_card(unit, scene, "all", ("gender",))
    unit.run(
        "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash, state,"
        " signed_hash, signed_by, signed_at) VALUES (:code, :org, '', '', '', '', '', '', 'x', 'signed', 'x', 1,"
        " app_now())",
        code=code,
        org=buyer,
    )
    unit.run(
        "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id, segment_id,"
        " creative_id, volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents, send_on,"
        " valid_until) SELECT :code, :buyer, k.org_id, k.id, k.code, k.title, k.base_id, k.segment_id, c.id, :volume,"
        " 1, 1, 0, 0, 1, 0, :day, app_now() + interval '9 days' FROM data_card k, creative c WHERE k.id = :card"
        " AND c.code = :code",
        code=code,
        buyer=buyer,
        card=card,
        volume=volume,
        day=day,
    )
    for state in states:
        unit.run("UPDATE rental_order SET state = :state WHERE code = :code", state=state, code=code)


def test_a_picked_send_keeps_its_volume_on_its_day_and_no_more(scene: Scene) -> None:
    day = today(scene) + timedelta(days=10)
    with scene.database.begin() as unit:
        pick(unit, scene, 700, day)
    before, on_it, after = (counted(scene, day + timedelta(days=away)) for away in (-1, 0, 1))
    assert (before["exclusions"]["reserved"], after["exclusions"]["reserved"]) == (0, 0)
    assert on_it["exclusions"]["reserved"] == 700
    assert on_it["rentable"] == PEOPLE - 700
    assert on_it["count"] == on_it["rentable"] + sum(on_it["exclusions"].values())
    assert counted(scene, None)["exclusions"]["reserved"] == 0


def test_what_is_kept_is_drawn_among_its_own_audience(scene: Scene) -> None:
    day = today(scene) + timedelta(days=3)
    women = counted(scene, None, "gender = F")["count"]
    with scene.database.begin() as unit:
        pick(unit, scene, 100, day, "gender = F")
    assert counted(scene, day, "gender = F")["exclusions"]["reserved"] == 100
    assert counted(scene, day, "gender != F")["exclusions"]["reserved"] == 0
    with scene.database.begin() as unit:
        pick(unit, scene, 10 * women, day, "gender = F")
    assert counted(scene, day, "gender = F")["rentable"] == 0


def test_three_mails_in_a_week_press_on_the_days_between_and_around(scene: Scene) -> None:
    """The cap is three in seven days, whichever seven; the three are drawn apart, so all must take everybody."""
    day = today(scene) + timedelta(days=20)
    with scene.database.begin() as unit:
        for away in (0, 1, 2):
            pick(unit, scene, PEOPLE, day + timedelta(days=away))
    assert counted(scene, day + timedelta(days=7))["exclusions"]["pressure"] == 0
    assert counted(scene, day + timedelta(days=6))["exclusions"]["pressure"] == PEOPLE
    assert counted(scene, day - timedelta(days=4))["exclusions"]["pressure"] == PEOPLE
    assert counted(scene, day - timedelta(days=7))["exclusions"]["pressure"] == 0


def test_an_option_keeps_for_five_days_an_approval_until_the_send(scene: Scene) -> None:
    day = today(scene) + timedelta(days=15)
    with scene.database.begin() as unit:
        place(unit, scene, 500, day, ())
    assert counted(scene, day)["exclusions"]["reserved"] == 0  # a quote keeps nobody
    with scene.database.begin() as unit:
        place(unit, scene, 500, day, ("ordered",))
    assert counted(scene, day)["exclusions"]["reserved"] == 500
    with scene.database.begin() as unit:
        assert [kept.volume for kept in kept_volumes(unit, scene.base, day, 30)] == [500]
        place(unit, scene, 400, day, ("ordered", "approved"))
        clock.advance(unit.session, timedelta(days=5, minutes=1))
        assert [kept.volume for kept in kept_volumes(unit, scene.base, day, 30)] == [400]


def test_frozen_recipients_count_on_their_mailings_day(scene: Scene) -> None:
    day = today(scene) + timedelta(days=4)
    with scene.database.begin() as unit:
        dispatch = mail(unit, scene, range(1, 51), times=1, days_ago=0, state="pending")
        unit.run("UPDATE send SET outcome_at = NULL WHERE dispatch_id = :id", id=dispatch)
        unit.run(
            "UPDATE mailing SET ended_at = NULL, starts_at = CAST(:day AS date) + time '09:00' WHERE dispatch_id = :id",
            day=day,
            id=dispatch,
        )
    assert counted(scene, day)["exclusions"]["reserved"] == 50
    assert counted(scene, day + timedelta(days=1))["exclusions"]["reserved"] == 0


def test_mails_already_sent_press_on_days_near_them_only(scene: Scene) -> None:
    now = today(scene)
    with scene.database.begin() as unit:
        mail(unit, scene, range(1, 41), times=3, days_ago=2)
    assert counted(scene, now + timedelta(days=1))["exclusions"]["pressure"] == 40
    assert counted(scene, now + timedelta(days=10))["exclusions"]["pressure"] == 0


@pytest.mark.parametrize("away", [-1, 1_000])
def test_a_day_that_has_passed_or_is_far_is_refused(scene: Scene, away: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        counted(scene, today(scene) + timedelta(days=away))
    assert caught.value.field == "send_on"


def test_a_day_is_written_as_one(scene: Scene) -> None:
    with pytest.raises(InvalidInput) as caught:
        scene.desk.answer("count_for_owner", {"base_id": scene.base, "rule": {"op": "all"}, "send_on": "tomorrow"})
    assert caught.value.code == "bad_day"
