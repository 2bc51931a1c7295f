"""Partners added later: whom they reach under each policy, and only once a notice told the person and time went by."""

from __future__ import annotations

import pytest

from broker.audience.notice import to_be_told
from broker.audience.parse import parse_rule
from broker.audience.policy_counts import policy_counts
from broker.kernel.database import UnitOfWork
from tests.store.audience_people import key_of, make_contact, make_import, make_partner_list, person
from tests.store.count_scene import PEOPLE, Scene, mail, scene

__all__ = ["scene"]
TOLD = range(1, 501)


@pytest.fixture
def listed(scene: Scene) -> Scene:
    """The stranger stands on version 2 alone, everybody consented to version 1; the policy lets notices count."""
    with scene.database.begin() as unit:
        unit.run("UPDATE base SET partner_policy = 'named_after_notice' WHERE id = :base", base=scene.base)
    return scene


def notify(unit: UnitOfWork, scene: Scene, days_ago: int, state: str = "accepted", version: int = 2) -> None:
    """A notice of the version went to the contacts of TOLD some days ago."""
    dispatch = mail(unit, scene, TOLD, times=1, days_ago=days_ago, state=state)
    unit.run(
        "INSERT INTO partner_notice (code, base_id, version, creative_id, starts_at, mailing_id, wait_days)"
        " SELECT 'notice' || m.id, base_id, :version, creative_id, app_now(), m.id, 30 FROM mailing m"
        " WHERE m.dispatch_id = :dispatch",
        version=version,
        dispatch=dispatch,
    )


def reached(scene: Scene, advertiser: int) -> int:
    return PEOPLE - int(scene.owner_count(advertiser=advertiser)["exclusions"]["partner"])


@pytest.mark.parametrize(
    ("state", "days_ago", "expected"),
    [("accepted", 40, len(TOLD)), ("accepted", 29, 0), ("uncertain", 40, 0), ("refused", 40, 0), ("pending", 40, 0)],
)
def test_a_partner_added_later_reaches_whoever_got_the_notice_long_enough_ago(
    listed: Scene, state: str, days_ago: int, expected: int
) -> None:
    with listed.database.begin() as unit:
        notify(unit, listed, days_ago, state)
    assert reached(listed, listed.stranger) == expected
    assert reached(listed, listed.advertiser) == PEOPLE


def test_a_notice_that_bounced_told_nobody(listed: Scene) -> None:
    with listed.database.begin() as unit:
        notify(unit, listed, 40)
        unit.run(
            "UPDATE send s SET bounced_at = app_now() FROM mailing m JOIN partner_notice n ON n.mailing_id = m.id"
            " WHERE s.mailing_id = m.id AND n.base_id = :base AND s.position <= 100",
            base=listed.base,
        )
    assert reached(listed, listed.stranger) == len(TOLD) - 100


def test_who_objected_after_the_notice_is_not_reached(listed: Scene) -> None:
    with listed.database.begin() as unit:
        notify(unit, listed, 40)
        unit.run(
            "INSERT INTO suppression (contact_key, pepper_version, scope, advertiser_id, reason)"
            " VALUES (:key, 1, 'advertiser', :advertiser, 'objection')",
            key=key_of(1),
            advertiser=listed.stranger,
        )
    answer = listed.owner_count(advertiser=listed.stranger)
    assert (answer["rentable"], answer["exclusions"]["suppression"]) == (len(TOLD) - 1, 1)


def test_a_notice_of_another_version_names_nobody_else(listed: Scene) -> None:
    with listed.database.begin() as unit:
        make_partner_list(unit, listed.base, 3, [listed.advertiser])
        notify(unit, listed, 40, version=3)
    assert reached(listed, listed.stranger) == 0


def test_every_policy_is_counted_beside_the_others(listed: Scene) -> None:
    with listed.database.begin() as unit:
        unit.run("UPDATE base SET partner_policy = 'named_at_consent' WHERE id = :base", base=listed.base)
        unit.run("UPDATE partner SET sector = 'travel' WHERE base_id = :base AND version = 1", base=listed.base)
        notify(unit, listed, 40)
        found = policy_counts(unit, listed.settings.trade, listed.desk.snapshot(unit, listed.base), parse_rule("all"))
    by_size = sorted(found.partners, key=lambda one: int(one["counts"]["named_at_consent"]))
    assert by_size[0]["counts"] == {
        "named_at_consent": 0,
        "named_after_notice": len(TOLD),
        "category": PEOPLE,
    }
    assert by_size[1]["counts"] == dict.fromkeys(by_size[0]["counts"], PEOPLE)
    assert found.anybody == dict.fromkeys(by_size[0]["counts"], PEOPLE)


def test_a_notice_goes_to_whoever_lacks_a_name_and_was_not_told(listed: Scene) -> None:
    with listed.database.begin() as unit:
        snapshot = listed.desk.snapshot(unit, listed.base)
        assert int(to_be_told(unit, listed.settings, snapshot, 2).sum()) == PEOPLE
        assert int(to_be_told(unit, listed.settings, snapshot, 1).sum()) == 0
        notify(unit, listed, 1, "pending")
        unit.run(
            "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, reason)"
            " VALUES (:key, 1, 'base', :base, 'opt_out')",
            key=key_of(PEOPLE),
            base=listed.base,
        )
        left = to_be_told(unit, listed.settings, snapshot, 2)
    assert int(left.sum()) == PEOPLE - len(TOLD) - 1


def test_what_people_supplied_wins_in_the_next_snapshot(scene: Scene) -> None:
    with scene.database.begin() as unit:
        import_id = make_import(unit, scene.base)
        for contact in (1, 2):
            make_contact(unit, scene.base, contact, import_id)
        unit.run_many(
            "INSERT INTO supplied_field (contact_id, base_id, field, value) VALUES (:contact, :base, :field, :value)",
            [
                {"contact": 1, "base": scene.base, "field": "gender", "value": "F"},
                {"contact": 1, "base": scene.base, "field": "income", "value": "4321"},
                {"contact": 2, "base": scene.base, "field": "income", "value": "much"},
                {"contact": 2, "base": scene.base, "field": "shoe_size", "value": "38"},
                {"contact": 2, "base": scene.base, "field": "first_name", "value": None},
            ],
        )
    before = scene.owner_count("income = 4321")["count"]
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(1, today, gender="M", income=1_000), person(2, today, income=3_000)])
    assert before == 0
    assert scene.owner_count("income = 4321 and gender = F")["count"] == 1
    assert scene.owner_count("shoe_size = 38")["count"] == 1
    assert scene.owner_count("all")["count"] == PEOPLE
