"""Queries of the life of segments: changes, uses, history, last counts, the archive."""

from __future__ import annotations

import json

from broker.audience.rule import Rule
from broker.catalogue.segment_model import SegmentChange, SegmentLine, SegmentUse
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError


def rename(unit: UnitOfWork, segment_id: int, name: str) -> None:
    """Another name."""
    unit.run("UPDATE segment SET name = :name WHERE id = :id", id=segment_id, name=name)


def set_rule(unit: UnitOfWork, segment_id: int, text: str, rule: Rule) -> None:
    """Another rule; the database refuses it (`segment_in_use`) once a card or a send rests on the old one."""
    unit.run(
        "UPDATE segment SET rule_text = :text, rule = CAST(:rule AS jsonb) WHERE id = :id",
        id=segment_id,
        text=text,
        rule=json.dumps(rule),
    )


def set_archived(unit: UnitOfWork, segment_id: int, archived: bool) -> None:
    """Put into the archive, or take out of it."""
    unit.run(
        "UPDATE segment SET archived_at = CASE WHEN :archived THEN app_now() END WHERE id = :id",
        id=segment_id,
        archived=archived,
    )


def rests_on(unit: UnitOfWork, segment_id: int) -> bool:
    """Whether a card or a picked send rests on this segment's rule, directly or through other segments."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM own_segments_naming(:id) a"
            " WHERE EXISTS (SELECT 1 FROM data_card c WHERE c.segment_id = a.id)"
            " OR EXISTS (SELECT 1 FROM participation_send p WHERE p.segment_id = a.id))",
            id=segment_id,
        )
    )


def uses(unit: UnitOfWork, segment_id: int) -> list[SegmentUse]:
    """What stands on a segment: cards, orders, picked sends, other segments. What is over stands on nothing."""
    rows = unit.all(
        "SELECT 'card' AS kind, c.code, c.title AS name, c.state FROM data_card c"
        " WHERE c.segment_id = :id AND c.org_id = :org AND c.state <> 'retired'"
        " UNION ALL SELECT 'order', o.code, o.card_title, o.state FROM rental_order o"
        " WHERE o.segment_id = :id AND o.owner_id = :org"
        " AND o.state IN ('ordered', 'approved', 'paid', 'on_credit', 'scheduled', 'sending')"
        " UNION ALL SELECT 'send', p.code, g.title, t.state FROM participation_send t"
        " JOIN participation p ON p.id = t.participation_id JOIN programme g ON g.id = p.programme_id"
        " WHERE t.segment_id = :id AND t.owner_id = :org AND t.state IN ('picked', 'scheduled', 'sending')"
        " UNION ALL SELECT 'segment', s.code, s.name, '' FROM own_segments_naming(:id) a JOIN segment s ON s.id = a.id"
        " WHERE s.id <> :id AND s.org_id = :org ORDER BY 1, 3",
        id=segment_id,
        org=unit.actor.org,
    )
    return [SegmentUse(**row._mapping) for row in rows]


def changes(unit: UnitOfWork, segment_id: int) -> list[SegmentChange]:
    """The history of a segment, the newest first."""
    rows = unit.all(
        "SELECT c.kind, c.name, c.rule_text, c.at, coalesce(u.name, '') AS who FROM segment_change c"
        " LEFT JOIN app_user u ON u.id = c.user_id AND u.org_id = c.org_id"
        " WHERE c.segment_id = :id AND c.org_id = :org ORDER BY c.id DESC",
        id=segment_id,
        org=unit.actor.org,
    )
    return [SegmentChange(**row._mapping) for row in rows]


def lines(unit: UnitOfWork, base_id: int, archived: bool) -> list[SegmentLine]:
    """A base's segments with their last counts and what stands on them, the newest first."""
    rows = unit.all(
        "SELECT s.code, s.name, s.rule_text, s.rule, s.created_at, s.updated_at, s.archived_at, n.people, n.rentable,"
        " n.counted_at, (SELECT count(*) FROM data_card c WHERE c.segment_id = s.id AND c.state <> 'retired') AS cards,"
        " (SELECT count(*) FROM participation_send t WHERE t.segment_id = s.id"
        "  AND t.state IN ('picked', 'scheduled', 'sending')) AS sends,"
        " (SELECT count(*) FROM own_segments_naming(s.id) a WHERE a.id <> s.id) AS segments"
        " FROM segment s LEFT JOIN segment_count n ON n.segment_id = s.id"
        " WHERE s.base_id = :base_id AND s.org_id = :org AND (s.archived_at IS NOT NULL) = :archived"
        " ORDER BY s.id DESC",
        base_id=base_id,
        org=unit.actor.org,
        archived=archived,
    )
    return [SegmentLine(**row._mapping) for row in rows]


def remember_count(unit: UnitOfWork, segment_id: int, people: int, rentable: int) -> None:
    """The figure that lists show until the next count."""
    unit.run(
        "INSERT INTO segment_count (segment_id, base_id, org_id, people, rentable)"
        " SELECT id, base_id, org_id, :people, :rentable FROM segment WHERE id = :id AND org_id = :org"
        " ON CONFLICT (segment_id) DO UPDATE SET people = excluded.people, rentable = excluded.rentable,"
        " counted_at = app_now()",
        id=segment_id,
        org=unit.actor.org,
        people=people,
        rentable=rentable,
    )


def in_use(error: CourtierError, sentence: str) -> CourtierError:
    """The sentence for a refusal of the database's own guards on used segments; any other error as it is."""
    name = error.details.get("constraint") if isinstance(error, Conflict) else None
    if name in ("segment_in_use", "segment_needed"):
        return Conflict(sentence, code="segment_in_use")
    return error
