"""Whom a count leaves out, reason by reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.audience.parse import parse_rule
from tests.store.audience_people import person
from tests.store.count_scene import PEOPLE, Scene, mail, scene, suppress

__all__ = ["scene"]


def test_every_exclusion_is_counted_once_in_its_order(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
    old = datetime(today.year - 4, 1, 1, tzinfo=UTC)
    changed = [
        *(person(n, today, consent_complete=False, consent_at=None, partner_list=None) for n in range(4_001, 4_011)),
        *(person(n, today, birth_date=today - timedelta(days=17 * 365)) for n in range(4_011, 4_031)),
        *(person(n, today, birth_date=None, minor=True) for n in range(4_031, 4_034)),
        *(person(n, today, partner_list=9) for n in range(4_034, 4_074)),
        *(person(n, today, consent_at=old) for n in range(4_074, 4_080)),
    ]
    scene.load(changed)
    with scene.database.begin() as unit:
        for number, scope in (
            (1, "everywhere"),
            (2, "base"),
            (3, "advertiser"),
            (4, "advertiser"),
            (4_001, "everywhere"),
        ):
            base = scene.base if scope == "base" else 0
            advertiser = {3: scene.advertiser, 4: scene.stranger}.get(number, 0)
            suppress(unit, number, scope, base, advertiser)
        mail(unit, scene, range(100, 107), times=3, days_ago=2)
        mail(unit, scene, range(200, 205), times=8, days_ago=20)
        mail(unit, scene, range(300, 305), times=7, days_ago=20)
        mail(unit, scene, range(400, 405), times=9, days_ago=40)
        mail(unit, scene, range(500, 505), times=3, days_ago=1, state="withheld")
    counted = scene.owner_count(advertiser=scene.advertiser)
    assert counted["exclusions"] == {
        "consent": 10,
        "quarantine": 0,
        "minor": 23,
        "partner": 40,
        "suppression": 3,
        "retention": 6,
        "pressure": 12,
        "reserved": 0,
    }
    assert counted["count"] == PEOPLE + 79
    assert counted["rentable"] == counted["count"] - 94
    # To nobody in particular, an opt-out towards one advertiser takes nobody away.
    assert scene.owner_count()["exclusions"]["suppression"] == 2


def test_a_human_click_keeps_a_contact_a_scanners_does_not(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(n, today, consent_at=datetime(today.year - 5, 1, 1, tzinfo=UTC)) for n in (5_001, 5_002, 5_003)])
    with scene.database.begin() as unit:
        mail(unit, scene, range(5_001, 5_003), times=1, days_ago=50)
        for position, verdict in ((5_001, "human"), (5_002, "scanner")):
            unit.run(
                "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict) SELECT dispatch_id, mailing_id,"
                " position, 1, :verdict FROM send WHERE position = :position",
                position=position,
                verdict=verdict,
            )
    assert scene.owner_count()["exclusions"]["retention"] == 2


@pytest.mark.parametrize(
    ("policy", "listed", "expected"),
    [
        ("named_at_consent", 1, PEOPLE),
        ("named_after_notice", 1, PEOPLE),  # named later, and no notice has left
        ("category", 1, 0),
    ],
)
def test_the_partner_policy_decides_whom_a_stranger_reaches(
    scene: Scene, policy: str, listed: int, expected: int
) -> None:
    with scene.database.begin() as unit:
        unit.run("UPDATE base SET partner_policy = :policy WHERE id = :base", policy=policy, base=scene.base)
        unit.run("UPDATE partner SET sector = 'travel' WHERE base_id = :base", base=scene.base)
    assert scene.owner_count(advertiser=scene.stranger)["exclusions"]["partner"] == expected
    assert scene.owner_count(advertiser=scene.advertiser)["exclusions"]["partner"] == 0


def test_an_opt_out_counts_at_once(scene: Scene) -> None:
    desk = scene.desk
    arguments = {"base_id": scene.base, "rule": parse_rule("all")}
    before = desk.answer("count_for_owner", arguments)["rentable"]
    with scene.database.begin() as unit:
        suppress(unit, 77, "everywhere")
    assert desk.answer("count_for_owner", arguments)["rentable"] == before - 1
