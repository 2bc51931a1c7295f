"""A base with an advertiser on its partner list, for the tests of counts and draws."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from broker.audience.build_snapshot import build_snapshot
from broker.audience.desk import CountDesk
from broker.audience.loaded import SnapshotCache
from broker.audience.parse import parse_rule
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import DisclosureSettings, InstanceSettings, Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import (
    key_of,
    make_base,
    make_import,
    make_organisation,
    make_partner_list,
    person,
    write_staging,
)

PEOPLE = 3_000


@dataclass
class Scene:
    """A base of PEOPLE rentable contacts (ids from 1), an advertiser on its partner list, a stranger who is not."""

    database: Database
    settings: Settings
    keys: WorkerKeys
    owner: int
    base: int
    advertiser: int
    stranger: int

    @property
    def desk(self) -> CountDesk:
        folder = self.settings.state_dir / "snapshots"
        return CountDesk(self.database, self.settings, SnapshotCache(folder, 256, 1))

    def load(self, people: list[dict[str, Any]]) -> None:
        with self.database.begin() as unit:
            import_id = make_import(unit, self.base)
        write_staging(self.settings.state_dir / "staging" / f"{import_id}.parquet", people)
        build_snapshot(self.database, self.keys, self.settings, import_id)

    def owner_count(self, text: str = "all", advertiser: int | None = None) -> dict[str, Any]:
        arguments = {"base_id": self.base, "rule": parse_rule(text), "advertiser_id": advertiser}
        return self.desk.answer("count_for_owner", arguments)

    def shown(self, card: int, text: str = "", viewer: int | None = None) -> int:
        rule = parse_rule(text) if text else None
        arguments = {"viewer_org_id": viewer or self.advertiser, "card_id": card, "select_rule": rule}
        return int(self.desk.answer("count_for_advertiser", arguments)["shown"])

    def card(self, text: str = "all", selects: tuple[str, ...] = ("gender", "hair_colour", "income")) -> int:
        with self.database.begin() as unit:
            return make_card(unit, self, text, selects)


def make_card(unit: UnitOfWork, scene: Scene, text: str, selects: tuple[str, ...]) -> int:

    segment: int = unit.scalar(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES (:code, :base, :org, 's', :text, CAST(:rule AS jsonb)) RETURNING id",
        code=secrets.token_hex(6),
        base=scene.base,
        org=scene.owner,
        text=text,
        rule=json.dumps(parse_rule(text)),
    )
    card: int = unit.scalar(
        "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
        " base_price_micros, minimum_order, selects) SELECT :code, :org, :base, :segment, current_snapshot_id, 't',"
        " 's', 1, 1, 1, CAST(:selects AS jsonb) FROM base WHERE id = :base RETURNING id",
        code=secrets.token_hex(6),
        org=scene.owner,
        base=scene.base,
        segment=segment,
        selects=json.dumps([{"field": field, "label": field, "surcharge_micros": 0} for field in selects]),
    )
    return card


@pytest.fixture
def scene(connection: Connection, worker_keys: WorkerKeys, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose rows are undone with the connection's transaction."""
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            owner = make_organisation(unit, "owner")
            advertiser, stranger = (make_organisation(unit, "advertiser", sector="travel") for _ in range(2))
            base = make_base(unit, owner)
            make_partner_list(unit, base, 1, [advertiser])
            make_partner_list(unit, base, 2, [advertiser, stranger])
            today = unit.today
        settings = Settings(
            instance=InstanceSettings(state_dir=str(tmp_path)),
            disclosure=DisclosureSettings(
                publication_floor_b2c=2_000, smallest_count=200, difference_threshold=50, rounding=10
            ),
        )
        made = Scene(database, settings, worker_keys, owner, base, advertiser, stranger)
        made.load([person(number, today) for number in range(1, PEOPLE + 1)])
        yield made


def suppress(unit: UnitOfWork, contact_id: int, scope: str, base: int = 0, advertiser: int = 0) -> None:
    unit.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason)"
        " VALUES (:key, 1, :scope, :base, :advertiser, 'opt_out')",
        key=key_of(contact_id),
        scope=scope,
        base=base,
        advertiser=advertiser,
    )


def mail(unit: UnitOfWork, scene: Scene, contacts: range, times: int, days_ago: int, state: str = "accepted") -> int:
    """`times` mailings to each of these contacts, some days ago; returns the last dispatch."""
    dispatch = 0
    for _ in range(times):
        dispatch = unit.scalar("SELECT next_dispatch(202611)")
        unit.run("SELECT make_send_partition(202611)")
        code = f"m{dispatch}"
        unit.run(
            "WITH c AS (INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain,"
            "  content_hash) VALUES (:code, :org, '', '', '', '', '', '', '') RETURNING id),"
            " g AS (INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
            "  budget_cents, creative_id, starts_on, ends_on) SELECT :code, :org, 't', 's', 'cpm', 1, 0, 1, id,"
            "  '2026-01-01', '2027-01-01' FROM c RETURNING id),"
            " p AS (INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
            "  SELECT :code, id, :org, :owner, :base FROM g RETURNING id),"
            " s AS (INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
            "  VALUES (:code, :base, :owner, 's', 'all', '{}') RETURNING id),"
            " ps AS (INSERT INTO participation_send (code, participation_id, advertiser_id, owner_id, segment_id,"
            "  volume, send_on) SELECT :code, p.id, :org, :owner, s.id, 1, '2026-11-01' FROM p, s RETURNING id),"
            " d AS (INSERT INTO dispatch (id, participation_send_id, owner_id, advertiser_id)"
            "  SELECT :dispatch, id, :owner, :org FROM ps RETURNING id)"
            " INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id,"
            "  content_hash, price_micros, commission_bp, draw_seed, state, ended_at)"
            " SELECT :code, 'affiliate', d.id, :owner, :org, :base, c.id, '', 1, 0, 1, 'sent',"
            "  app_now() - make_interval(days => :days) FROM c, d",
            code=code,
            org=scene.advertiser,
            owner=scene.owner,
            base=scene.base,
            dispatch=dispatch,
            days=days_ago,
        )
        unit.run_many(
            "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros,"
            " outcome_at) SELECT :dispatch, id, :contact, :contact, :key, :state, 1,"
            " app_now() - make_interval(days => :days) FROM mailing WHERE dispatch_id = :dispatch",
            [
                {"dispatch": dispatch, "contact": one, "key": key_of(one), "state": state, "days": days_ago}
                for one in contacts
            ],
        )
    return dispatch
