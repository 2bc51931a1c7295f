"""Queries of the audience room; all but `snapshot_columns` run as the worker role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Row

from broker.audience.model import CardFacts, SavedRule, SnapshotRow
from broker.audience.pressure_caps import Caps
from broker.kernel.database import UnitOfWork

# States of a send that put pressure on a person: what left, may have left, or will leave.
_PRESSING = "('pending', 'claimed', 'attempting', 'deferred', 'accepted', 'uncertain')"


def current_snapshot(unit: UnitOfWork, base_id: int) -> SnapshotRow | None:
    """The snapshot that counts are made on, or None before the first import."""
    row = unit.one(
        "SELECT s.id, s.base_id, s.number, s.file_name, s.sha256, s.rows, s.columns, b.contact_kind"
        " FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id WHERE b.id = :base_id",
        base_id=base_id,
    )
    if row is None:
        return None
    return SnapshotRow(
        row.id, row.base_id, row.number, row.file_name, bytes(row.sha256), row.rows, row.columns, row.contact_kind
    )


def partner_versions(unit: UnitOfWork, base_id: int) -> set[int]:
    """The versions of the base's partner list that name anybody (broker/audience/partners.py has the policies)."""
    rows = unit.all("SELECT DISTINCT version FROM partner WHERE base_id = :base_id", base_id=base_id)
    return {row.version for row in rows}


_SUPPRESSED = (
    " FROM suppression WHERE scope = 'everywhere' OR (scope = 'base' AND base_id = :base_id)"
    " OR (scope = 'advertiser' AND advertiser_id = :advertiser_id)"
)


def count_suppressed(unit: UnitOfWork, base_id: int, advertiser_id: int | None) -> int:
    """How many rows `suppressed_keys` would be made of."""
    return int(unit.scalar(f"SELECT count(*){_SUPPRESSED}", base_id=base_id, advertiser_id=advertiser_id or 0))


def last_click(unit: UnitOfWork, base_id: int) -> tuple[int, datetime | None]:
    """How many human clicks a base's mailings had, and when the last was: whether `clicked_since` can have changed."""
    row = unit.one(
        "SELECT count(*) AS clicks, max(h.at) AS last FROM mailing m JOIN hit h ON h.mailing_id = m.id"
        " WHERE m.base_id = :base_id AND h.verdict = 'human'",
        base_id=base_id,
    )
    return (0, None) if row is None else (row.clicks, row.last)


def suppressed_keys(unit: UnitOfWork, base_id: int, advertiser_id: int | None) -> list[bytes]:
    """Contact keys suppressed everywhere, for this base, or towards this advertiser."""
    rows = unit.all(
        f"SELECT DISTINCT contact_key{_SUPPRESSED}",
        base_id=base_id,
        advertiser_id=advertiser_id or 0,
    )
    return [bytes(row.contact_key) for row in rows]


def pressed_keys(unit: UnitOfWork, caps: Caps, advertiser_id: int | None) -> list[bytes]:
    """Contact keys that got, or wait for, as many mails in 7 or 30 days as one may get, from any base; with an
    advertiser, as many of its own.

    Bounced mail reached nobody and does not press.
    """
    week = "coalesce(s.outcome_at, app_now()) > app_now() - interval '7 days'"
    theirs = "m.advertiser_id = :advertiser"
    rows = unit.all(
        f"SELECT s.contact_key FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"  # noqa: S608 - constants of ours
        f" WHERE m.state <> 'failed' AND (m.ended_at IS NULL OR m.ended_at > app_now() - interval '30 days')"
        f" AND NOT s.seed AND s.state IN {_PRESSING} AND s.bounced_at IS NULL AND (:own OR m.kind <> 'own')"
        f" AND coalesce(s.outcome_at, app_now()) > app_now() - interval '30 days'"
        f" GROUP BY s.contact_key HAVING count(*) >= :per_month OR count(*) FILTER (WHERE {week}) >= :per_week"
        f" OR count(*) FILTER (WHERE {theirs}) >= CAST(:their_month AS integer)"
        f" OR count(*) FILTER (WHERE {theirs} AND {week}) >= CAST(:their_week AS integer)",
        per_week=caps.per_week,
        per_month=caps.per_month,
        own=caps.own_counts,
        advertiser=advertiser_id or 0,
        their_week=caps.advertiser_week,
        their_month=caps.advertiser_month,
    )
    return [bytes(row.contact_key) for row in rows]


def clicked_since(unit: UnitOfWork, base_id: int, day: date) -> NDArray[np.int64]:
    """Contacts of a base who clicked (scanners do not count), wrote or came by since a day: what the snapshot of the
    day may not say yet.
    """
    rows = unit.all(
        "SELECT s.contact_id FROM mailing m JOIN hit h ON h.mailing_id = m.id"
        " JOIN send s ON s.dispatch_id = h.dispatch_id AND s.mailing_id = h.mailing_id AND s.position = h.position"
        " WHERE m.base_id = :base_id AND h.verdict = 'human' AND h.at >= :day AND s.contact_id IS NOT NULL"
        " UNION SELECT s.contact_id FROM mailing m JOIN inbound i ON i.mailing_id = m.id"
        " JOIN send s ON s.dispatch_id = i.dispatch_id AND s.mailing_id = i.mailing_id AND s.position = i.position"
        " WHERE m.base_id = :base_id AND i.kind IN ('other', 'unsubscribe') AND i.received_at >= :day"
        " AND s.contact_id IS NOT NULL"
        " UNION SELECT contact_id FROM visit WHERE base_id = :base_id AND day >= :day",
        base_id=base_id,
        day=day,
    )
    return np.array([row.contact_id for row in rows], dtype=np.int64)


def quarantined_sources(unit: UnitOfWork, base_id: int) -> frozenset[int]:
    """Sources of consents whose proofs the broker found wanting."""
    rows = unit.all(
        "SELECT id FROM consent_source WHERE base_id = :base_id AND quarantined_at IS NOT NULL", base_id=base_id
    )
    return frozenset(row.id for row in rows)


def quarantined_contacts(unit: UnitOfWork, base_id: int) -> NDArray[np.int64]:
    """Contacts whose proof comes from a source in quarantine: not rented from that moment on, until its release."""
    sources = quarantined_sources(unit, base_id)
    if not sources:
        return np.array([], dtype=np.int64)
    rows = unit.all(
        "SELECT id FROM contact WHERE base_id = :base_id AND consent_source_id = ANY(:sources)",
        base_id=base_id,
        sources=sorted(sources),
    )
    return np.array([row.id for row in rows], dtype=np.int64)


def dispatch_keys(unit: UnitOfWork, dispatch_id: int) -> list[bytes]:
    """Contact keys already frozen in a dispatch, by another base's mailing."""
    rows = unit.all("SELECT contact_key FROM send WHERE dispatch_id = :dispatch_id", dispatch_id=dispatch_id)
    return [bytes(row.contact_key) for row in rows]


def card_facts(unit: UnitOfWork, card_id: int) -> CardFacts | None:
    """A published card's base, rule and selects; None when it is withdrawn, retired or unknown."""
    row = unit.one(
        "SELECT c.id, c.base_id, s.rule, c.selects FROM data_card c JOIN segment s ON s.id = c.segment_id"
        " WHERE c.id = :card_id AND c.state = 'published'",
        card_id=card_id,
    )
    if row is None:
        return None
    return CardFacts(row.id, row.base_id, row.rule, tuple(select["field"] for select in row.selects))


def cards_of_snapshot(unit: UnitOfWork, snapshot_id: int) -> list[Row[Any]]:
    """The published cards whose figures are of this snapshot, oldest first: id, code, rule and what they show."""
    return unit.all(
        "SELECT c.id, c.code, s.rule, c.size_shown, c.profile, c.tables FROM data_card c"
        " JOIN segment s ON s.id = c.segment_id WHERE c.snapshot_id = :id AND c.state = 'published' ORDER BY c.id",
        id=snapshot_id,
    )


def segments_by_name(unit: UnitOfWork, base_id: int, names: Sequence[str]) -> list[SavedRule]:
    """The base's segments that have one of these codes or names."""
    rows = unit.all(
        "SELECT code, name, rule FROM segment WHERE base_id = :base_id AND (code = ANY(:names) OR name = ANY(:names))"
        " ORDER BY id",
        base_id=base_id,
        names=list(names),
    )
    return [SavedRule(row.code, row.name, row.rule) for row in rows]


def segment_names(unit: UnitOfWork, base_id: int) -> dict[str, str]:
    """What the base's segments are called, by code; the newest last."""
    return {
        row.code: row.name
        for row in unit.all("SELECT code, name FROM segment WHERE base_id = :base_id ORDER BY id", base_id=base_id)
    }


def base_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of a base."""
    found: int | None = unit.scalar("SELECT id FROM base WHERE code = :code", code=code)
    return found
