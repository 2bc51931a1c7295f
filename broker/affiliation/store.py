"""The only place with the affiliation's SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.affiliation.model import Participation, ParticipationSend, PickRule
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT p.id, p.code, p.programme_id, g.code AS programme_code, g.title AS programme_title, g.price_micros,
       commission_shown(NULL, g.id) AS commission_bp, g.starts_on, g.ends_on,
       g.state AS programme_state, p.advertiser_id,
       coalesce(party_name(p.advertiser_id), '') AS advertiser_name, p.owner_id,
       coalesce(party_name(p.owner_id), '') AS owner_name, p.base_id, b.code AS base_code, p.state, p.joined_at,
       (SELECT count(*) FROM participation_send s WHERE s.participation_id = p.id) AS sends,
       g.terms, g.terms_version AS programme_terms_version, p.terms_version, p.answer, c.code AS creative_code,
       jsonb_strip_nulls(jsonb_build_object(
         'send', CASE WHEN g.price_micros > 0 THEN jsonb_build_array(g.price_micros / 10, NULL) END,
         'click', CASE WHEN g.model = 'cpc' THEN jsonb_build_array(g.rate_cents, NULL)
                       WHEN g.click_cents IS NOT NULL THEN jsonb_build_array(g.click_cents, NULL) END,
         'lead', CASE WHEN g.model = 'cpl' THEN jsonb_build_array(g.rate_cents, NULL)
                      WHEN g.lead_cents IS NOT NULL THEN jsonb_build_array(g.lead_cents, NULL) END,
         'sale', CASE WHEN g.model = 'cpa' THEN jsonb_build_array(g.rate_cents, g.rate_bp)
                      WHEN coalesce(g.sale_cents, g.sale_bp) IS NOT NULL
                        THEN jsonb_build_array(g.sale_cents, g.sale_bp) END)) AS pays,
       r.name AS rule_segment_name, r.code AS rule_segment_code, p.rule_volume, p.rule_days, p.rule_until,
       p.rule_problem
FROM participation p JOIN programme g ON g.id = p.programme_id JOIN creative c ON c.id = g.creative_id
LEFT JOIN base b ON b.id = p.base_id LEFT JOIN segment r ON r.id = p.rule_segment_id
"""
_COUNT = "SELECT count(*) FROM participation p JOIN programme g ON g.id = p.programme_id"
_VISIBLE = " (:staff OR p.owner_id = :org OR p.advertiser_id = :org) "
_SENDS = """
SELECT s.id, s.code, s.participation_id, p.code AS participation_code, s.segment_id, g.name AS segment_name,
       s.volume, s.send_on, s.state, s.created_at, s.newsletter,
       (SELECT m.code FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
        WHERE d.participation_send_id = s.id) AS mailing_code
FROM participation_send s JOIN participation p ON p.id = s.participation_id LEFT JOIN segment g ON g.id = s.segment_id
"""


def _participation(row: Row[Any]) -> Participation:
    values = dict(row._mapping)
    name, code, volume, days, until = (
        values.pop(f"rule_{part}") for part in ("segment_name", "segment_code", "volume", "days", "until")
    )
    return Participation(**values, rule=None if volume is None else PickRule(name, code, volume, days, until))


def base_of(unit: UnitOfWork, code: str, org_id: int) -> int | None:
    """The id of an owner's base."""
    found = unit.scalar("SELECT id FROM base WHERE code = :code AND org_id = :org", code=code, org=org_id)
    return None if found is None else int(found)


def segment_of(unit: UnitOfWork, code: str, base_id: int) -> int | None:
    """The id of a segment of a base."""
    found = unit.scalar("SELECT id FROM segment WHERE code = :code AND base_id = :base", code=code, base=base_id)
    return None if found is None else int(found)


def rule_of_segment(unit: UnitOfWork, segment_id: int) -> dict[str, Any]:
    """The rule tree of a segment."""
    found: dict[str, Any] = unit.scalar("SELECT rule FROM segment WHERE id = :id", id=segment_id)
    return found


def insert_participation(unit: UnitOfWork, **values: Any) -> bool:
    """Insert a participation; False when this base joined this programme before."""
    result = unit.run(
        "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id, joined_by, state,"
        " terms_version, answer) VALUES (:code, :programme_id, :advertiser_id, :owner_id, :base_id, :joined_by, :state,"
        " :terms_version, :answer) ON CONFLICT DO NOTHING",
        **values,
    )
    return result.rowcount == 1


def participation_by_code(unit: UnitOfWork, code: str) -> Participation | None:
    """A participation the actor is a party of."""
    row = unit.one(_SELECT + "WHERE p.code = :code AND" + _VISIBLE, code=code, **unit.sight)
    return None if row is None else _participation(row)


def participation_of(unit: UnitOfWork, programme_id: int, base_id: int) -> Participation | None:
    """The participation of a base in a programme."""
    row = unit.one(
        _SELECT + "WHERE p.programme_id = :programme AND p.base_id = :base AND" + _VISIBLE,
        programme=programme_id,
        base=base_id,
        **unit.sight,
    )
    return None if row is None else _participation(row)


def participations_page(unit: UnitOfWork, size: int, offset: int, programme: str = "") -> list[Participation]:
    """The actor's participations (in a programme, named by its code), the newest first."""
    rows = unit.all(
        _SELECT + "WHERE (:programme = '' OR g.code = :programme) AND" + _VISIBLE +
        "ORDER BY p.id DESC LIMIT :size OFFSET :offset",
        programme=programme,
        size=size,
        offset=offset,
        **unit.sight,
    )  # fmt: skip
    return [_participation(row) for row in rows]


def count_participations(unit: UnitOfWork, programme: str = "") -> int:
    """How many there are of them."""
    sql = _COUNT + " WHERE (:programme = '' OR g.code = :programme) AND" + _VISIBLE
    return int(unit.scalar(sql, programme=programme, **unit.sight))


def set_state(unit: UnitOfWork, participation_id: int, state: str, **values: Any) -> bool:
    """Move a participation whose state is not that yet, with other columns of the front's; False when it was."""
    sets = "".join(f", {name} = :{name}" for name in values)
    result = unit.run(
        f"UPDATE participation SET state = :state{sets} WHERE id = :id AND state <> :state"  # noqa: S608 - ours
        " AND (owner_id = :org OR advertiser_id = :org)",
        id=participation_id,
        state=state,
        org=unit.actor.org,
        **values,
    )
    return result.rowcount == 1


def set_rule(unit: UnitOfWork, participation_id: int, segment_id: int | None, **values: Any) -> None:
    """Write the owner's rule, or take it away; keys: volume, days, until."""
    unit.run(
        "UPDATE participation SET rule_segment_id = :segment, rule_volume = :volume, rule_days = :days,"
        " rule_until = :until, rule_problem = NULL WHERE id = :id AND owner_id = :org",
        id=participation_id,
        segment=segment_id,
        org=unit.actor.org,
        **values,
    )


def accept_terms(unit: UnitOfWork, participation_id: int, version: int) -> None:
    """Say yes to a version of the programme's terms."""
    unit.run(
        "UPDATE participation SET terms_version = :version WHERE id = :id AND owner_id = :org",
        id=participation_id,
        version=version,
        org=unit.actor.org,
    )


def waiting_sends(unit: UnitOfWork, participation_id: int) -> list[str]:
    """Codes of picked sends of which nothing has left."""
    return [
        row.code
        for row in unit.all(
            "SELECT code FROM participation_send WHERE participation_id = :id AND state IN ('picked', 'scheduled')"
            " AND NOT newsletter",
            id=participation_id,
        )
    ]


def facts_of_base(unit: UnitOfWork, base_id: int) -> tuple[int, str, str]:
    """How many contacts the owner's base holds by its last snapshot, its sector, its owner's code."""
    row = unit.one(
        "SELECT coalesce(s.rows, 0) AS size, coalesce(b.sector, '') AS sector, o.code FROM base b"
        " JOIN organisation o ON o.id = b.org_id LEFT JOIN snapshot s ON s.id = b.current_snapshot_id WHERE b.id = :id",
        id=base_id,
    )
    return (0, "", "") if row is None else (int(row.size), row.sector, row.code)


def refused_by_rules(unit: UnitOfWork, base_id: int, advertiser_id: int, sector: str) -> str:
    """The title of an owner's rule that refuses this advertiser or sector on this base; empty when none does."""
    title = unit.scalar(
        "SELECT refused_by_owner(:base, :advertiser, :sector)", base=base_id, advertiser=advertiser_id, sector=sector
    )
    return str(title or "")


def due_rules(unit: UnitOfWork) -> list[Row[Any]]:
    """Participations whose rule is to pick now: id, code, owner_id, days and the day picked last."""
    return unit.all(
        "SELECT p.id, p.code, p.owner_id, p.rule_days AS days, p.rule_picked_on AS picked_on, p.rule_until AS until,"
        " p.rule_volume AS volume, s.code AS segment_code FROM participation p"
        " JOIN programme g ON g.id = p.programme_id JOIN segment s ON s.id = p.rule_segment_id"
        " WHERE p.state = 'joined' AND g.state = 'open' AND p.rule_until >= :today AND g.ends_on >= :today"
        " AND (p.rule_picked_on IS NULL OR p.rule_picked_on + p.rule_days <= :today + 2) ORDER BY p.id",
        today=unit.today,
    )


def rule_picked(unit: UnitOfWork, participation_id: int, day: date | None, problem: str | None) -> None:
    """Note the day that a rule picked, or why it could not."""
    unit.run(
        "UPDATE participation SET rule_picked_on = coalesce(CAST(:day AS date), rule_picked_on),"
        " rule_problem = :problem WHERE id = :id",
        id=participation_id,
        day=day,
        problem=problem,
    )


def insert_send(
    unit: UnitOfWork, code: str, participation: Participation, segment_id: int | None, volume: int, send_on: date
) -> int:
    """Insert a picked send (without a segment: a newsletter); the database holds it to the programme's caps."""
    return int(
        unit.scalar(
            "INSERT INTO participation_send"
            " (code, participation_id, advertiser_id, owner_id, segment_id, volume, send_on, picked_by, newsletter)"
            " VALUES (:code, :participation, :advertiser, :owner, :segment, :volume, :send_on, :by,"
            " CAST(:segment AS bigint) IS NULL) RETURNING id",
            code=code,
            participation=participation.id,
            advertiser=participation.advertiser_id,
            owner=participation.owner_id,
            segment=segment_id,
            volume=volume,
            send_on=send_on,
            by=unit.actor.user_id,
        )
    )


def open_newsletter(unit: UnitOfWork, send_id: int, code: str) -> None:
    """Make the mailing without recipients that a newsletter's clicks belong to."""
    unit.run("SELECT open_newsletter(:send, :code)", send=send_id, code=code)


def links_of_newsletter(unit: UnitOfWork, send_code: str) -> list[Row[Any]]:
    """dispatch_id, mailing_id, and number and url of each visible link of a newsletter's creative."""
    return unit.all(
        "SELECT m.dispatch_id, m.id AS mailing_id, l.number, l.url FROM participation_send s"
        " JOIN dispatch d ON d.participation_send_id = s.id JOIN mailing m ON m.dispatch_id = d.id"
        " JOIN creative_link l ON l.creative_id = m.creative_id"
        " WHERE s.code = :code AND s.newsletter AND NOT l.hidden AND s.owner_id = :org ORDER BY l.number",
        code=send_code,
        org=unit.actor.org,
    )


def lock_send(unit: UnitOfWork, code: str) -> None:
    """Hold a picked send until the commit."""
    unit.run("SELECT id FROM participation_send WHERE code = :code FOR UPDATE", code=code)


def send_by_code(unit: UnitOfWork, code: str) -> ParticipationSend | None:
    """A picked send the actor is a party of."""
    row = unit.one(_SENDS + "WHERE s.code = :code AND" + _VISIBLE, code=code, **unit.sight)
    return None if row is None else ParticipationSend(**row._mapping)


def sends_of(unit: UnitOfWork, participation_id: int) -> list[ParticipationSend]:
    """The sends picked in a participation, the newest first."""
    rows = unit.all(
        _SENDS + "WHERE s.participation_id = :id AND" + _VISIBLE + "ORDER BY s.id DESC",
        id=participation_id,
        **unit.sight,
    )
    return [ParticipationSend(**row._mapping) for row in rows]


def withdraw(unit: UnitOfWork, send_id: int) -> None:
    """Mark a picked send as withdrawn."""
    unit.run("UPDATE participation_send SET state = 'withdrawn' WHERE id = :id", id=send_id)


def cancel_waiting_mailing(unit: UnitOfWork, send_id: int) -> str | None:
    """Cancel a send's mailing unless it has started; return the state it was left in, None without a mailing."""
    row = unit.one(
        "SELECT m.id, m.state FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id"
        " WHERE d.participation_send_id = :id FOR UPDATE OF m",
        id=send_id,
    )
    if row is None:
        return None
    if row.state not in ("planned", "frozen"):
        return str(row.state)
    unit.run("UPDATE mailing SET state = 'cancelled' WHERE id = :id", id=row.id)
    return "cancelled"


def set_send_state(unit: UnitOfWork, send_id: int, state: str) -> Row[Any] | None:
    """Move a send that was not withdrawn; returns its code and former state when it moved."""
    return unit.one(
        "UPDATE participation_send s SET state = :state FROM participation_send o WHERE o.id = s.id AND s.id = :id"
        " AND s.state NOT IN (:state, 'withdrawn') RETURNING s.code, o.state AS former",
        id=send_id,
        state=state,
    )
