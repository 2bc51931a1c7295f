"""Insight on a base: columns usable in rules, aggregates for the owner alone, moves between snapshots."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.audience.count_base import count_base
from broker.audience.parse import parse_rule
from broker.insight.base_insight import insight_of
from broker.insight.build_insight import build_insight
from broker.insight.customer_traits import customer_traits
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import make_base, make_contact, make_import, make_organisation, person, write_staging

PEOPLE = 60


def buy(unit: UnitOfWork, base: int, import_id: int, contact: int, days_ago: int, cents: int, category: str) -> None:
    unit.run(
        "INSERT INTO purchase (base_id, contact_id, day, amount_cents, category, product, import_id)"
        " VALUES (:base, :contact, :day, :cents, :category, :product, :import_id)",
        base=base,
        contact=contact,
        day=unit.today - timedelta(days=days_ago),
        cents=cents,
        category=category,
        product=f"{category} no {contact % 1_000_000 % 3}",
        import_id=import_id,
    )


def test_rules_ask_about_what_insight_found_and_the_owner_sees_it_alone(
    worker_engine: Engine, web_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path
) -> None:
    database, web = Database(worker_engine), Database(web_engine)
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    with database.begin() as unit:
        owner, other = make_organisation(unit, "owner"), make_organisation(unit, "owner")
        base = make_base(unit, owner)
        code = unit.scalar("SELECT code FROM base WHERE id = :id", id=base)
        first, start = make_import(unit, base), base * 1_000_000
        people = [person(start + number, unit.today) for number in range(1, PEOPLE + 1)]
        for one in people:
            make_contact(unit, base, one["contact_id"], first)
        for number in range(1, 31):
            for visit in range(number % 4 + 1):
                category = "rings" if number % 2 else "watches"
                buy(unit, base, first, start + number, 10 + visit * 20 + number, number * 1_000, category)
    write_staging(tmp_path / "staging" / f"{first}.parquet", people)
    build_snapshot(database, worker_keys, settings, first, customer_traits)
    me = Actor(org_id=owner, role="owner", user_id=None)
    with web.begin(me) as unit, pytest.raises(Conflict, match="some seconds"):
        insight_of(unit, code)
    with database.begin() as unit:
        snapshot = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :id", id=base)

        def count(text: str) -> int:
            return count_base(unit, settings, code, parse_rule(text), [], None)

        assert count("value_tier is not missing") == 30
        assert count("categories has rings") == 15
        assert count('products has "watches no 1"') == sum(1 for n in range(2, 31, 2) if n % 3 == 1)
        assert count("visit_frequency >= 2") == sum(1 for n in range(1, 31) if n % 4 >= 1)
        assert count("habit = once") == sum(1 for n in range(1, 31) if n % 4 == 0)
        champions, small = count("rfm_class = champions"), count("value_tier = small")
        assert min(champions, small) > 0
    build_insight(database, settings, snapshot)
    build_insight(database, settings, snapshot)
    with web.begin(me) as unit:
        found = insight_of(unit, code).latest.found
        assert {row["name"]: row["customers"] for row in found["classes"]}["champions"] == champions
        assert {row["name"]: row["customers"] for row in found["tiers"]}["small"] == small
        assert sum(map(sum, found["heat"])) == found["customers"] == 30
        assert found["moves"] is None
    with database.begin() as unit:
        second = make_import(unit, base, kind="purchases")
        for _ in range(3):
            buy(unit, base, second, start + 50, 0, 900_000, "rings")
    build_snapshot(database, worker_keys, settings, second, customer_traits)
    with database.begin() as unit:
        build_insight(database, settings, unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :id", id=base))
    with web.begin(me) as unit:
        history = insight_of(unit, code)
        assert [one.number for one in (history.latest, *history.before)] == [2, 1]
        tiers = {(row["from"], row["to"]): row["customers"] for row in history.latest.found["moves"]["tiers"]}
        assert tiers[None, "large"] == 1
        assert sum(tiers.values()) == 31
    stranger = Actor(org_id=other, role="owner", user_id=None)
    with web.begin(stranger) as unit, pytest.raises(NotFound):
        insight_of(unit, code)
