"""The queries of watched control mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Waiting:
    """A control mail that was not seen yet."""

    dispatch_id: int
    mailing_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Late:
    """A control mail that is late; `looked_in` says how it would be seen: imap or forwarding.

    `advertiser_id` is the mailing's advertiser where the control address is its own.
    """

    mailing_id: int
    position: int
    mailing_code: str
    owner_id: int
    advertiser_id: int | None
    sent_at: datetime
    looked_in: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A control mail: when it was sent and came, and into which folder (unknown where it was forwarded)."""

    mailing: str
    seed: str
    sent_at: datetime
    arrived_at: datetime | None
    folder: str | None


def seed_by_code(unit: UnitOfWork, code: str) -> int | None:
    """The number of one of the actor's control addresses."""
    found: int | None = unit.scalar(
        "SELECT id FROM seed_address WHERE code = :code AND org_id = :org", code=code, org=unit.actor.org
    )
    return found


def put_mailbox(unit: UnitOfWork, seed_id: int, host: str, port: int, tls: bool, sealed: bytes) -> None:
    """The mailbox of a control address; another one takes its place."""
    drop_mailbox(unit, seed_id)
    unit.run(
        "INSERT INTO seed_mailbox (seed_id, org_id, host, port, tls, sealed)"
        " VALUES (:seed, :org, :host, :port, :tls, :sealed)",
        seed=seed_id,
        org=unit.actor.org,
        host=host,
        port=port,
        tls=tls,
        sealed=sealed,
    )


def drop_mailbox(unit: UnitOfWork, seed_id: int) -> bool:
    """Whether there was one."""
    return bool(
        unit.run(
            "DELETE FROM seed_mailbox WHERE seed_id = :seed AND org_id = :org", seed=seed_id, org=unit.actor.org
        ).rowcount
    )


def mailboxes_of_org(unit: UnitOfWork) -> dict[str, Row[Any]]:
    """(host, problem, looked_at) by control address, of the actor's."""
    rows = unit.all(
        "SELECT a.code, b.host, b.problem, b.looked_at FROM seed_mailbox b JOIN seed_address a ON a.id = b.seed_id"
        " WHERE b.org_id = :org",
        org=unit.actor.org,
    )
    return {row.code: row for row in rows}


def arrivals(unit: UnitOfWork, most: int) -> list[Arrival]:
    """Newest first."""
    rows = unit.all(
        "SELECT m.code AS mailing, coalesce(a.code, '') AS seed, w.sent_at, w.arrived_at, w.folder FROM seed_watch w"
        " JOIN mailing m ON m.id = w.mailing_id LEFT JOIN seed_address a ON a.id = w.seed_id"
        " WHERE w.org_id = :org OR :all ORDER BY w.sent_at DESC, w.mailing_id, w.position LIMIT :most",
        org=unit.actor.org,
        all=unit.actor.role == "broker",
        most=most,
    )
    return [Arrival(**row._mapping) for row in rows]


def note_sent(unit: UnitOfWork, since: datetime) -> None:
    """Watch what was accepted for control addresses since then."""
    unit.run(
        "INSERT INTO seed_watch (mailing_id, position, seed_id, org_id, sent_at)"
        " SELECT x.mailing_id, x.position, x.seed_id, a.org_id, s.outcome_at FROM mailing m"
        " JOIN mailing_seed x ON x.mailing_id = m.id JOIN seed_address a ON a.id = x.seed_id"
        " JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.position = x.position"
        " WHERE m.started_at > :since AND s.state = 'accepted' AND s.outcome_at IS NOT NULL ON CONFLICT DO NOTHING",
        since=since,
    )


def note_forwarded(unit: UnitOfWork) -> None:
    """What came by the door has arrived."""
    unit.run(
        "UPDATE seed_watch w SET arrived_at = x.arrived_at FROM mailing_seed x WHERE x.mailing_id = w.mailing_id"
        " AND x.position = w.position AND w.arrived_at IS NULL AND x.arrived_at IS NOT NULL"
    )


def mailboxes_to_look_into(unit: UnitOfWork, since: datetime) -> list[int]:
    """Mailboxes that something sent since then is still waited for in."""
    rows = unit.all(
        "SELECT DISTINCT b.seed_id FROM seed_mailbox b JOIN seed_watch w ON w.seed_id = b.seed_id"
        " WHERE w.arrived_at IS NULL AND w.sent_at > :since",
        since=since,
    )
    return [row.seed_id for row in rows]


def late(unit: UnitOfWork, before: datetime, since: datetime) -> list[Late]:
    """What was sent before that time and is expected: looked for, the platform's own, or forwarded before."""
    rows = unit.all(
        "SELECT w.mailing_id, w.position, m.code AS mailing_code, m.owner_id,"
        " CASE WHEN w.org_id = m.advertiser_id THEN m.advertiser_id END AS advertiser_id, w.sent_at,"
        " CASE WHEN b.seed_id IS NULL THEN 'forwarding' ELSE 'imap' END AS looked_in"
        " FROM seed_watch w JOIN mailing m ON m.id = w.mailing_id JOIN seed_address a ON a.id = w.seed_id"
        " LEFT JOIN seed_mailbox b ON b.seed_id = w.seed_id"
        " WHERE w.arrived_at IS NULL AND w.told_at IS NULL AND w.sent_at <= :before AND w.sent_at > :since"
        " AND (a.style = 'house' OR (b.seed_id IS NOT NULL AND b.problem IS NULL AND b.looked_at > w.sent_at)"
        "  OR EXISTS (SELECT 1 FROM seed_watch v WHERE v.seed_id = w.seed_id AND v.arrived_at IS NOT NULL))"
        " ORDER BY w.mailing_id, w.position",
        before=before,
        since=since,
    )
    return [Late(**row._mapping) for row in rows]


def mark_told(unit: UnitOfWork, one: Late) -> None:
    """A late one is told of once."""
    unit.run(
        "UPDATE seed_watch SET told_at = app_now() WHERE mailing_id = :mailing AND position = :position",
        mailing=one.mailing_id,
        position=one.position,
    )


def mailbox(unit: UnitOfWork, seed_id: int) -> Row[Any] | None:
    """(host, port, tls, sealed) for a worker."""
    return unit.one("SELECT host, port, tls, sealed FROM seed_mailbox WHERE seed_id = :seed", seed=seed_id)


def waiting_of(unit: UnitOfWork, seed_id: int, since: datetime) -> list[Waiting]:
    """What is waited for in one mailbox."""
    rows = unit.all(
        "SELECT m.dispatch_id, w.mailing_id, w.position FROM seed_watch w JOIN mailing m ON m.id = w.mailing_id"
        " WHERE w.seed_id = :seed AND w.arrived_at IS NULL AND w.sent_at > :since ORDER BY w.mailing_id LIMIT 200",
        seed=seed_id,
        since=since,
    )
    return [Waiting(**row._mapping) for row in rows]


def mark_arrived(unit: UnitOfWork, mailing_id: int, position: int, at: datetime, folder: str) -> None:
    """It was seen."""
    unit.run(
        "UPDATE seed_watch SET arrived_at = :at, folder = :folder WHERE mailing_id = :mailing AND position = :position",
        at=at,
        folder=folder,
        mailing=mailing_id,
        position=position,
    )


def note_look(unit: UnitOfWork, seed_id: int, problem: str | None) -> None:
    """How the last look went."""
    unit.run(
        "UPDATE seed_mailbox SET problem = :problem, looked_at = app_now() WHERE seed_id = :seed",
        seed=seed_id,
        problem=problem,
    )
