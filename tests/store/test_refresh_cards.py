"""Cards follow their base's snapshots: new figures, and none stays that fell under the floor."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.audience.desk import CountDesk
from broker.audience.loaded import SnapshotCache
from broker.audience.local_client import LocalClient
from broker.catalogue.refresh_cards import refresh_cards
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import DisclosureSettings, InstanceSettings, Settings
from broker.rentals.end_quotes import end_quotes
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import (
    make_base,
    make_import,
    make_organisation,
    make_partner_list,
    person,
    write_staging,
)


def make_card(unit: UnitOfWork, owner: int, base: int, snapshot: int) -> int:
    segment = unit.scalar(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES (:code, :base, :org, 'all', 'all', '{\"op\": \"all\"}') RETURNING id",
        code=secrets.token_hex(6),
        base=base,
        org=owner,
    )
    found: int = unit.scalar(
        "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
        " base_price_micros, minimum_order) VALUES (:code, :org, :base, :segment, :snapshot, 't', 's', 1, 1, 1)"
        " RETURNING id",
        code=secrets.token_hex(6),
        org=owner,
        base=base,
        segment=segment,
        snapshot=snapshot,
    )
    return found


def make_quote(unit: UnitOfWork, owner: int, advertiser: int, base: int, card: int) -> int:
    found: int = unit.scalar(
        "INSERT INTO rental_order (code, advertiser_id, owner_id, card_id, card_code, card_title, base_id, segment_id,"
        " volume, size_shown, price_micros, commission_bp, vat_bp, net_cents, vat_cents, valid_until)"
        " SELECT :code, :advertiser, :owner, id, code, title, :base, segment_id, 10, 10, 1, 0, 0, 1, 0,"
        " app_now() + interval '5 days' FROM data_card WHERE id = :card RETURNING id",
        code=secrets.token_hex(6),
        advertiser=advertiser,
        owner=owner,
        base=base,
        card=card,
    )
    return found


def test_a_card_is_refreshed_and_later_withdrawn_with_its_quotes(
    worker_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path
) -> None:
    database = Database(worker_engine)
    settings = Settings(
        instance=InstanceSettings(state_dir=str(tmp_path)),
        disclosure=replace(
            DisclosureSettings(), publication_floor_b2c=300, smallest_count=100, difference_threshold=10
        ),
    )
    with database.begin() as unit:
        owner, advertiser = make_organisation(unit, "owner"), make_organisation(unit, "advertiser")
        base = make_base(unit, owner)
        make_partner_list(unit, base, 1, [advertiser])
        today = unit.today

    def load(people: int) -> int:
        with database.begin() as unit:
            import_id = make_import(unit, base, summary='{"full_refresh": true}')
        rows = (person(base * 1_000_000 + n, today) for n in range(people))
        write_staging(tmp_path / "staging" / f"{import_id}.parquet", rows)
        build_snapshot(database, worker_keys, settings, import_id)
        with database.begin() as unit:
            found: int = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :id", id=base)
        return found

    def refresh(snapshot: int) -> int:
        desk = CountDesk(database, settings, SnapshotCache(tmp_path / "snapshots", 64, 1))
        return refresh_cards(database, LocalClient(desk), snapshot, end_quotes)

    first = load(400)
    with database.begin() as unit:
        card = make_card(unit, owner, base, first)
        quote = make_quote(unit, owner, advertiser, base, card)
    assert refresh(first) == 0, "a card of this very snapshot is left alone"
    second = load(900)
    assert refresh(first) == 0, "an old snapshot refreshes nothing"
    assert refresh(second) == 0
    with database.begin() as unit:
        row = unit.one("SELECT snapshot_id, size_shown, state FROM data_card WHERE id = :id", id=card)
        assert row is not None
        assert (row.snapshot_id, row.state) == (second, "published")
        assert abs(row.size_shown - 900) <= 250
        public = unit.scalar("SELECT size_shown FROM published_card WHERE card_id = :id", id=card)
        assert public == row.size_shown
    third = load(250)
    assert refresh(third) == 1
    assert refresh(third) == 0
    with database.begin() as unit:
        assert unit.scalar("SELECT state FROM data_card WHERE id = :id", id=card) == "withdrawn"
        assert unit.scalar("SELECT count(*) FROM published_card WHERE card_id = :id", id=card) == 0
        row = unit.one("SELECT state, refusal FROM rental_order WHERE id = :id", id=quote)
        assert row is not None
        assert row.state == "expired"
        assert "floor" in row.refusal
