"""A base with three years of purchases by gamma-Poisson customers, studied by the jobs themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from broker.audience.build_snapshot import build_snapshot
from broker.audience.count_base import count_base
from broker.audience.parse import parse_rule
from broker.insight.base_insight import insight_of
from broker.insight.build_insight import build_insight
from broker.insight.customer_study import study_of
from broker.insight.restudy import restudy_base
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import make_base, make_contact, make_import, person, write_staging

PEOPLE = 700
CATEGORIES = ("Bagues", "Montres", "Entretien", "Bracelets")
PRICES = (20_000, 40_000, 1_500, 30_000)


@dataclass(frozen=True)
class House:
    """A base with three years of purchases."""

    database: Database
    web: Database
    keys: WorkerKeys
    settings: Settings
    owner: Actor
    base_id: int
    code: str
    start: int

    def snapshot(self, unit: UnitOfWork) -> int:
        found: int = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :id", id=self.base_id)
        return found

    def count(self, text: str) -> int:
        with self.database.begin() as unit:
            return count_base(unit, self.settings, self.code, parse_rule(text), [], None)

    def study(self) -> dict[str, Any]:
        with self.database.begin() as unit:
            snapshot = self.snapshot(unit)
        build_insight(self.database, self.settings, snapshot)
        with self.web.begin(self.owner) as unit:
            return insight_of(unit, self.code).latest.found

    def renew(self) -> None:
        restudy_base(self.database, self.keys, self.settings, self.base_id)


def purchases(unit: UnitOfWork, base: int, import_id: int, start: int) -> None:
    """Gamma-Poisson buyers over three years to ten days ago; one shop falls, small customers like to polish."""
    draw = np.random.default_rng(5)
    rows = []
    end = unit.today - timedelta(days=10)
    for number in range(1, PEOPLE - 100):
        rate, at = draw.gamma(0.9, 1 / 90), float(draw.uniform(0, 700))
        while at < 1_090:
            which = int(draw.choice(4, p=(0.3, 0.1, 0.4, 0.2)))
            falls = at > 1_090 - 28 and number % 3 == 0
            if not (falls and draw.random() < 0.9):
                rows.append(
                    {
                        "base": base,
                        "contact": start + number,
                        "day": end - timedelta(days=1_090 - int(at)),
                        "cents": int(PRICES[which] * draw.gamma(5.0, 0.2)) + 100,
                        "category": CATEGORIES[which],
                        "product": f"{CATEGORIES[which]} {int(draw.integers(1, 5))}",
                        "shop": f"Boutique {number % 3}",
                        "attributes": json.dumps({"taille": str(50 + number % 4)}),
                        "import_id": import_id,
                    }
                )
            at += float(draw.exponential(1 / rate))
    unit.run_many(
        "INSERT INTO purchase (base_id, contact_id, day, amount_cents, margin_cents, category, product, shop,"
        " attributes, import_id) VALUES (:base, :contact, :day, :cents, :cents / 3, :category, :product, :shop,"
        " CAST(:attributes AS jsonb), :import_id)",
        rows,
    )


def furnish_house(database: Database, web: Database, keys: WorkerKeys, settings: Settings, owner: Actor) -> House:
    """The owner's new base, its first snapshot built."""
    assert owner.org_id is not None
    with database.begin() as unit:
        base = make_base(unit, owner.org_id)
        code = unit.scalar("SELECT code FROM base WHERE id = :id", id=base)
        first, start = make_import(unit, base), base * 1_000_000
        people = [person(start + number, unit.today) for number in range(1, PEOPLE + 1)]
        for one in people:
            make_contact(unit, base, one["contact_id"], first)
        purchases(unit, base, first, start)
    write_staging(Path(settings.state_dir) / "staging" / f"{first}.parquet", people)
    build_snapshot(database, keys, settings, first, study_of=study_of)
    return House(database, web, keys, settings, owner, base, code, start)
