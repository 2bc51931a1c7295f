"""The only place with the affiliation's SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.affiliation.model import Participation, ParticipationSend
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT p.id, p.code, p.programme_id, g.code AS programme_code, g.title AS programme_title, g.price_micros,
       commission_shown(NULL, g.id) AS commission_bp, g.starts_on, g.ends_on,
       g.state AS programme_state, p.advertiser_id,
       coalesce(party_name(p.advertiser_id), '') AS advertiser_name, p.owner_id,
       coalesce(party_name(p.owner_id), '') AS owner_name, p.base_id, b.code AS base_code, p.state, p.joined_at,
       (SELECT count(*) FROM participation_send s WHERE s.participation_id = p.id) AS sends
FROM participation p JOIN programme g ON g.id = p.programme_id LEFT JOIN base b ON b.id = p.base_id
"""
_COUNT = "SELECT count(*) FROM participation p JOIN programme g ON g.id = p.programme_id"
_VISIBLE = " (:staff OR p.owner_id = :org OR p.advertiser_id = :org) "
_SENDS = """
SELECT s.id, s.code, s.participation_id, p.code AS participation_code, s.segment_id, g.name AS segment_name,
       s.volume, s.send_on, s.state, s.created_at,
       (SELECT m.code FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
        WHERE d.participation_send_id = s.id) AS mailing_code
FROM participation_send s JOIN participation p ON p.id = s.participation_id LEFT JOIN segment g ON g.id = s.segment_id
"""


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
        "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id, joined_by)"
        " VALUES (:code, :programme_id, :advertiser_id, :owner_id, :base_id, :joined_by) ON CONFLICT DO NOTHING",
        **values,
    )
    return result.rowcount == 1


def participation_by_code(unit: UnitOfWork, code: str) -> Participation | None:
    """A participation the actor is a party of."""
    row = unit.one(_SELECT + "WHERE p.code = :code AND" + _VISIBLE, code=code, **_sight(unit))
    return None if row is None else Participation(**row._mapping)


def participation_of(unit: UnitOfWork, programme_id: int, base_id: int) -> Participation | None:
    """The participation of a base in a programme."""
    row = unit.one(
        _SELECT + "WHERE p.programme_id = :programme AND p.base_id = :base AND" + _VISIBLE,
        programme=programme_id,
        base=base_id,
        **_sight(unit),
    )
    return None if row is None else Participation(**row._mapping)


def participations_page(unit: UnitOfWork, size: int, offset: int) -> list[Participation]:
    """The actor's participations, the newest first."""
    rows = unit.all(
        _SELECT + "WHERE" + _VISIBLE + "ORDER BY p.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
        **_sight(unit),
    )
    return [Participation(**row._mapping) for row in rows]


def count_participations(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar(_COUNT + " WHERE" + _VISIBLE, **_sight(unit)))


def insert_send(
    unit: UnitOfWork, code: str, participation: Participation, segment_id: int, volume: int, send_on: date
) -> int:
    """Insert a picked send; the database holds it to the programme's budget."""
    return int(
        unit.scalar(
            "INSERT INTO participation_send"
            " (code, participation_id, advertiser_id, owner_id, segment_id, volume, send_on, picked_by)"
            " VALUES (:code, :participation, :advertiser, :owner, :segment, :volume, :send_on, :by) RETURNING id",
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


def lock_send(unit: UnitOfWork, code: str) -> None:
    """Hold a picked send until the commit."""
    unit.run("SELECT id FROM participation_send WHERE code = :code FOR UPDATE", code=code)


def send_by_code(unit: UnitOfWork, code: str) -> ParticipationSend | None:
    """A picked send the actor is a party of."""
    row = unit.one(_SENDS + "WHERE s.code = :code AND" + _VISIBLE, code=code, **_sight(unit))
    return None if row is None else ParticipationSend(**row._mapping)


def sends_of(unit: UnitOfWork, participation_id: int) -> list[ParticipationSend]:
    """The sends picked in a participation, the newest first."""
    rows = unit.all(
        _SENDS + "WHERE s.participation_id = :id AND" + _VISIBLE + "ORDER BY s.id DESC",
        id=participation_id,
        **_sight(unit),
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
    if row.state not in ("freezing", "frozen"):
        return str(row.state)
    unit.run("UPDATE mailing SET state = 'cancelled' WHERE id = :id", id=row.id)
    return "cancelled"


def _sight(unit: UnitOfWork) -> dict[str, object]:
    return {"staff": unit.actor.role in ("broker", "accountant", "system"), "org": unit.actor.org_id}


def set_send_state(unit: UnitOfWork, send_id: int, state: str) -> Row[Any] | None:
    """Move a send that was not withdrawn; returns its code and former state when it moved."""
    return unit.one(
        "UPDATE participation_send s SET state = :state FROM participation_send o WHERE o.id = s.id AND s.id = :id"
        " AND s.state NOT IN (:state, 'withdrawn') RETURNING s.code, o.state AS former",
        id=send_id,
        state=state,
    )
