"""Queries of segments and data cards."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.engine import Row

from broker.audience.columns import Column, columns_from_json, with_derived
from broker.audience.rule import Rule
from broker.catalogue.model import DataCard, PublishedCard, Segment
from broker.kernel.database import UnitOfWork

SEGMENT = (
    "SELECT s.id, s.code, s.base_id, b.code AS base_code, s.org_id, s.name, s.rule_text, s.rule, s.created_at"
    " FROM segment s JOIN base b ON b.id = s.base_id"
)
PUBLISHED = (
    "SELECT card_id, code, title, description, sector, size_shown, base_price_micros, minimum_order, selects,"
    " profile, published_at, contact_kind, languages, approval, approval_days, approval_note, refused_sectors, tables,"
    " refreshed_on, clicks_bp FROM published_card"
)
_CARD = (
    "SELECT c.id AS card_id, c.code, c.title, c.description, c.sector, c.size_shown, c.base_price_micros,"
    " c.minimum_order, c.selects, c.profile, c.published_at, c.org_id, c.base_id, b.code AS base_code,"
    " b.contact_kind, c.languages, c.approval, c.approval_days, c.approval_note, c.refused_sectors, c.tables,"
    " c.refreshed_on, c.clicks_bp, c.refused_advertisers,"
    " c.segment_id, s.code AS segment_code, s.name AS segment_name, c.state, c.withdrawn_at"
    " FROM data_card c JOIN base b ON b.id = c.base_id JOIN segment s ON s.id = c.segment_id"
)


def base_of(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """id and code of a base of the actor's organisation."""
    return unit.one("SELECT id, code FROM base WHERE code = :code AND org_id = :org", code=code, org=unit.actor.org)


def base_columns(unit: UnitOfWork, base_id: int) -> list[Column] | None:
    """The fields that rules over a base may name, or None before its first snapshot."""
    rows = unit.scalar(
        "SELECT s.columns FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id WHERE b.id = :base_id",
        base_id=base_id,
    )
    return None if rows is None else with_derived(columns_from_json(rows))


def insert_segment(unit: UnitOfWork, code: str, base_id: int, name: str, rule_text: str, rule: Rule) -> None:
    """A new segment of the actor's organisation."""
    unit.run(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES (:code, :base_id, :org, :name, :rule_text, CAST(:rule AS jsonb))",
        code=code,
        base_id=base_id,
        org=unit.actor.org,
        name=name,
        rule_text=rule_text,
        rule=json.dumps(rule),
    )


def segment_by_code(unit: UnitOfWork, code: str) -> Segment | None:
    """A segment of the actor's organisation."""
    row = unit.one(f"{SEGMENT} WHERE s.code = :code AND s.org_id = :org", code=code, org=unit.actor.org)
    return None if row is None else Segment(**row._mapping)


def segments_of_base(unit: UnitOfWork, base_id: int, archived: bool) -> list[Segment]:
    """A base's segments, those in use or those put away, the newest first."""
    rows = unit.all(
        f"{SEGMENT} WHERE s.base_id = :base_id AND s.org_id = :org AND (s.archived_at IS NOT NULL) = :archived"
        " ORDER BY s.id DESC",
        base_id=base_id,
        archived=archived,
        org=unit.actor.org,
    )
    return [Segment(**row._mapping) for row in rows]


def insert_card(unit: UnitOfWork, **values: Any) -> None:
    """A published card; keys are its columns, `selects` and `profile` as JSON text. A trigger publishes the copy."""
    unit.run(
        "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, description, sector,"
        " size_shown, base_price_micros, minimum_order, selects, profile, tables, languages, approval, approval_days,"
        " approval_note, refused_sectors, refused_advertisers, refreshed_on) SELECT :code, :org_id, :base_id,"
        " :segment_id, :snapshot_id, :title, :description, :sector, :size_shown, :base_price_micros, :minimum_order,"
        " CAST(:selects AS jsonb), CAST(:profile AS jsonb), CAST(:tables AS jsonb), CAST(:languages AS text[]),"
        " :approval, :approval_days, :approval_note, CAST(:refused_sectors AS text[]),"
        " CAST(:refused_advertisers AS text[]), CAST(created_at AS date) FROM snapshot WHERE id = :snapshot_id",
        **values,
    )


def card_by_code(unit: UnitOfWork, code: str) -> DataCard | None:
    """A card of the actor's organisation, in any state."""
    row = unit.one(f"{_CARD} WHERE c.code = :code AND c.org_id = :org", code=code, org=unit.actor.org)
    return None if row is None else DataCard(**row._mapping)


def cards_of_owner(unit: UnitOfWork) -> list[DataCard]:
    """All cards of the actor's organisation, the newest first."""
    rows = unit.all(f"{_CARD} WHERE c.org_id = :org ORDER BY c.id DESC", org=unit.actor.org)
    return [DataCard(**row._mapping) for row in rows]


def retire_card(unit: UnitOfWork, card_id: int) -> None:
    """Take a card off the catalogue."""
    unit.run(
        "UPDATE data_card SET state = 'retired', withdrawn_at = app_now() WHERE id = :card_id AND org_id = :org",
        card_id=card_id,
        org=unit.actor.org,
    )


def published_by_code(unit: UnitOfWork, code: str) -> PublishedCard | None:
    """A card of the catalogue."""
    row = unit.one(f"{PUBLISHED} WHERE code = :code", code=code)
    return None if row is None else PublishedCard(**row._mapping)


def cards_to_refresh(unit: UnitOfWork, snapshot_id: int) -> list[Row[Any]]:
    """id, code, base_id and rule of published cards sized on another snapshot than this one, if it is current."""
    return unit.all(
        "SELECT c.id, c.code, c.base_id, s.rule FROM base b JOIN data_card c ON c.base_id = b.id"
        " JOIN segment s ON s.id = c.segment_id WHERE b.current_snapshot_id = :snapshot_id"
        " AND c.state = 'published' AND c.snapshot_id <> :snapshot_id ORDER BY c.id",
        snapshot_id=snapshot_id,
    )


def refresh_card(
    unit: UnitOfWork, card_id: int, snapshot_id: int, size_shown: int, profile: str, tables: str, clicks_bp: int | None
) -> None:
    """New figures of a card that is still published; a trigger renews the public copy."""
    unit.run(
        "UPDATE data_card c SET snapshot_id = :snapshot_id, size_shown = :size_shown, clicks_bp = :clicks_bp,"
        " profile = CAST(:profile AS jsonb), tables = CAST(:tables AS jsonb), refreshed_on = CAST(s.created_at AS date)"
        " FROM snapshot s WHERE c.id = :card_id AND c.state = 'published' AND s.id = :snapshot_id",
        card_id=card_id,
        snapshot_id=snapshot_id,
        size_shown=size_shown,
        profile=profile,
        tables=tables,
        clicks_bp=clicks_bp,
    )


def past_clicks_bp(unit: UnitOfWork, card_id: int) -> int | None:
    """People who clicked in ten thousand mails of the card's orders, rounded to five: over three mailings of two
    advertisers at least, so that no figure is one advertiser's own result."""
    found: int | None = unit.scalar(
        "SELECT (round(10000.0 * sum(r.clicks) / nullif(sum(r.accepted), 0) / 5) * 5)::int FROM ("
        " SELECT m.id, m.advertiser_id,"
        "  (SELECT count(*) FROM send x WHERE x.dispatch_id = m.dispatch_id AND x.mailing_id = m.id"
        "   AND x.state = 'accepted' AND NOT x.seed) AS accepted,"
        "  (SELECT count(DISTINCT h.position) FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human') AS clicks"
        " FROM rental_order o JOIN dispatch d ON d.order_id = o.id JOIN mailing m ON m.dispatch_id = d.id"
        " WHERE o.card_id = :card_id AND m.ended_at IS NOT NULL) r"
        " HAVING count(*) >= 3 AND count(DISTINCT r.advertiser_id) >= 2",
        card_id=card_id,
    )
    return found


def quality_score(unit: UnitOfWork, base_id: int) -> int | None:
    """The quality of the base's current snapshot, 0 to 100; None where it was not measured."""
    found: int | None = unit.scalar(
        "SELECT q.score FROM base b JOIN base_quality q ON q.snapshot_id = b.current_snapshot_id WHERE b.id = :id",
        id=base_id,
    )
    return found


def withdraw_card(unit: UnitOfWork, card_id: int) -> bool:
    """Take a card out of the catalogue because too few are left; whether it was published until now."""
    return bool(
        unit.run(
            "UPDATE data_card SET state = 'withdrawn', withdrawn_at = app_now()"
            " WHERE id = :card_id AND state = 'published'",
            card_id=card_id,
        )
    )
