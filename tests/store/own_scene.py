"""An owner with a small base, its purchases and messages, for the tests of own mailings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from broker.audience.build_snapshot import build_snapshot
from broker.catalogue.segments import create_segment
from broker.insight.customer_study import study_of
from broker.kernel.actor import Actor
from broker.kernel.clock import PARIS
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import InstanceSettings, Settings
from broker.mailings.create_creative import Message, create_creative
from broker.mailings.own.find import find_own_mailing
from broker.mailings.own.model import OwnMailing
from broker.mailings.own.plan import create_own_mailing, plan_own_mailing, set_variants
from broker.mailings.own.run import run_own_mailing
from broker.mailings.sign_creative import sign_creative
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import make_base, make_contact, make_import, make_organisation, person, write_staging

PEOPLE = 100
BORN = date(1980, 6, 15)


@dataclass
class Scene:
    """A base of PEOPLE contacts: even ones are customers, the first ten never consented."""

    worker: Database
    web: Database
    admin: Engine
    keys: WorkerKeys
    settings: Settings
    owner: Actor
    stranger: Actor
    base_id: int
    base_code: str
    first: int
    import_id: int
    today: date
    people: list[dict[str, Any]] = field(default_factory=list)
    ahead: timedelta = timedelta()

    def contact(self, number: int) -> int:
        return self.first + number

    def build(self, **columns: Any) -> None:
        """The snapshot of the people, some columns changed for all of them."""
        path = Path(self.settings.state_dir) / "staging" / f"{self.import_id}.parquet"
        write_staging(path, ({**one, **columns} for one in self.people))
        build_snapshot(self.worker, self.keys, self.settings, self.import_id, study_of=study_of)

    def buys(self, number: int, day: date, cents: int = 5_000, category: str = "rings", product: str = "ring") -> None:
        with self.worker.begin() as unit:
            unit.run(
                "INSERT INTO purchase"
                " (base_id, contact_id, day, amount_cents, category, product, attributes, import_id)"
                ' VALUES (:base, :contact, :day, :cents, :category, :product, \'{"Size": "52"}\', :import)',
                base=self.base_id,
                contact=self.contact(number),
                day=day,
                cents=cents,
                category=category,
                product=product,
                **{"import": self.import_id},
            )

    def segment(self, name: str, rule: str) -> str:
        with self.web.begin(self.owner) as unit:
            return create_segment(unit, self.base_code, name, rule).code

    def message(self, subject: str = "Bonjour", html: str = "<p>Bonjour {{first_name|vous}}, merci.</p>") -> str:
        with self.web.begin(self.owner) as unit:
            creative = create_creative(unit, Message(subject, subject, "La maison", "fr", html))
            sign_creative(unit, creative.code)
        return creative.code

    def draft(self, rows: list[tuple[str, str]], **values: Any) -> str:
        given = {
            "name": "Lettre",
            "goal": "loyalty",
            "legal_basis": "either",
            "likeness": "des bijoux",
            "send_hour": 0,
            **values,
        }
        with self.web.begin(self.owner) as unit:
            own = create_own_mailing(unit, self.base_code, given.pop("name"), given.pop("goal"), **given)
            set_variants(unit, own.code, [{"segment": segment, "creative": message} for segment, message in rows])
        return own.code

    def planned(self, rows: list[tuple[str, str]], **values: Any) -> OwnMailing:
        code = self.draft(rows, **values)
        with self.web.begin(self.owner) as unit:
            return plan_own_mailing(unit, code)

    def run(self, own: OwnMailing) -> OwnMailing:
        """Its job, as if its hour had come."""
        with self.worker.begin() as unit:
            unit.run("UPDATE own_mailing SET next_run_at = app_now() WHERE id = :id AND state = 'active'", id=own.id)
        run_own_mailing(self.worker, self.keys, self.settings, own.id)
        with self.worker.begin() as unit:
            return find_own_mailing(unit, own.code)

    def sends(self, own: OwnMailing) -> dict[int, list[int]]:
        """Contact numbers by variant, of all runs."""
        with self.worker.begin() as unit:
            rows = unit.all(
                "SELECT v.place, s.contact_id FROM own_run r JOIN own_part t ON t.run_id = r.id"
                " JOIN own_variant v ON v.id = t.variant_id JOIN mailing m ON m.id = t.mailing_id"
                " JOIN send s ON s.mailing_id = m.id WHERE r.own_mailing_id = :own AND NOT s.seed ORDER BY 1, 2",
                own=own.id,
            )
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row.place, []).append(row.contact_id - self.first)
        return found

    def held(self, own: OwnMailing) -> list[int]:
        with self.worker.begin() as unit:
            rows = unit.all(
                "SELECT h.contact_id FROM own_held_out h JOIN own_run r ON r.id = h.run_id"
                " WHERE r.own_mailing_id = :own ORDER BY 1",
                own=own.id,
            )
        return [row.contact_id - self.first for row in rows]

    def starts(self, own: OwnMailing, day: date) -> None:
        """Its mailings left on a day."""
        with self.worker.begin() as unit:
            unit.run(
                "UPDATE mailing SET started_at = :at FROM own_part t JOIN own_run r ON r.id = t.run_id"
                " WHERE t.mailing_id = mailing.id AND r.own_mailing_id = :own",
                at=datetime(day.year, day.month, day.day, 12, tzinfo=PARIS),
                own=own.id,
            )

    def move_clock(self, days: int) -> None:
        """Some days later; set right again when the test ends."""
        with self.admin.begin() as connection:
            connection.execute(
                text("UPDATE shared_clock SET demo = true, ahead = :ahead + make_interval(days => :days)"),
                {"days": days, "ahead": self.ahead},
            )

    def set_clock(self, at: datetime) -> None:
        """It is this moment now, and goes on from there; set right again when the test ends."""
        with self.admin.begin() as connection:
            connection.execute(
                text("UPDATE shared_clock SET demo = true, ahead = CAST(:at AS timestamptz) - now()"), {"at": at}
            )


@pytest.fixture
def scene(
    worker_engine: Engine, web_engine: Engine, admin_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path
) -> Iterator[Scene]:
    worker = Database(worker_engine)
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    with worker.begin() as unit:
        owner, stranger = make_organisation(unit, "owner"), make_organisation(unit, "owner")
        base = make_base(unit, owner)
        import_id = make_import(unit, base)
        first = base * 1_000_000
        for number in range(PEOPLE):
            make_contact(unit, base, first + number, import_id)
        code = unit.scalar("SELECT code FROM base WHERE id = :id", id=base)
        today = unit.today
    made = Scene(
        worker, Database(web_engine), admin_engine, worker_keys, settings, Actor("owner", owner, 1),
        Actor("owner", stranger, 1), base, code, first, import_id, today,
    )  # fmt: skip
    made.people = [
        person(
            first + number,
            today,
            relation="prospect" if number % 2 else "customer",
            consent_complete=number >= 10,
            birth_date=BORN,
        )
        for number in range(PEOPLE)
    ]
    with admin_engine.begin() as connection:
        clock = connection.execute(text("SELECT demo, ahead FROM shared_clock")).one()._mapping
    made.ahead = clock["ahead"]
    yield made
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE shared_clock SET ahead = :ahead, demo = :demo"), dict(clock))


def suppress(unit: UnitOfWork, scene: Scene, number: int) -> None:
    """An opt-out from the base."""
    unit.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, reason)"
        " SELECT contact_key, 1, 'base', base_id, 'opt_out' FROM contact WHERE id = :id",
        id=scene.contact(number),
    )


def ago(scene: Scene, days: int) -> date:
    return scene.today - timedelta(days=days)
