"""The queries of leak cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.kernel.database import UnitOfWork

_CASES = """
SELECT l.code, l.state, m.code AS mailing_code, m.kind, m.started_at AS mailed_at, b.code AS base_code,
  b.name AS base_name, coalesce(o.kind, '') AS seed_of, l.sender_domain, l.subject, l.mails, l.first_at, l.last_at,
  l.resolution, l.closed_at
FROM leak_case l JOIN mailing m ON m.id = l.mailing_id JOIN base b ON b.id = l.base_id
LEFT JOIN organisation o ON o.id = l.seed_org_id
"""


@dataclass(frozen=True, slots=True)
class SeedSeen:
    """A seed of a mailing that something was sent to."""

    mailing_id: int
    mailing_code: str
    position: int
    seed_id: int
    seed_org_id: int
    base_id: int
    owner_id: int


@dataclass(frozen=True, slots=True)
class LeakCase:
    """Mails from an unknown sender to a seed of one mailing; `seed_of` is the kind of whose seed it was, where the
    viewer may see that organisation."""

    code: str
    state: str
    mailing_code: str
    kind: str
    mailed_at: datetime | None
    base_code: str
    base_name: str
    seed_of: str
    sender_domain: str
    subject: str
    mails: int
    first_at: datetime
    last_at: datetime
    resolution: str
    closed_at: datetime | None


def seed_known(unit: UnitOfWork, tag: str) -> bool:
    """Whether a mailing wrote to an address of this tag: for the mail door."""
    return bool(unit.scalar("SELECT seed_is_known(:tag)", tag=tag))


def seed_of_tags(unit: UnitOfWork, tags: Sequence[str]) -> SeedSeen | None:
    """The seed that has one of these tags, of the newest mailing."""
    row = unit.one(
        "SELECT x.mailing_id, m.code AS mailing_code, x.position, x.seed_id, a.org_id AS seed_org_id, m.base_id,"
        " m.owner_id FROM mailing_seed x JOIN mailing m ON m.id = x.mailing_id JOIN seed_address a ON a.id = x.seed_id"
        " WHERE x.tag = ANY(:tags) ORDER BY x.mailing_id DESC LIMIT 1",
        tags=list(tags),
    )
    return None if row is None else SeedSeen(**row._asdict())


def mark_arrived(unit: UnitOfWork, mailing_id: int, position: int) -> None:
    """The mailing's own mail came to its seed."""
    unit.run(
        "UPDATE mailing_seed SET arrived_at = coalesce(arrived_at, app_now())"
        " WHERE mailing_id = :mailing AND position = :position",
        mailing=mailing_id,
        position=position,
    )


def note_leak(unit: UnitOfWork, code: str, seed: SeedSeen, domain: str, subject: str) -> bool:
    """Open a case, or let the one of this seed and sender grow; whether it is new."""
    row = unit.one(
        "INSERT INTO leak_case (code, mailing_id, base_id, owner_id, seed_org_id, seed_id, sender_domain, subject)"
        " VALUES (:code, :mailing, :base, :owner, :org, :seed, :domain, :subject)"
        " ON CONFLICT (mailing_id, seed_id, sender_domain) DO UPDATE SET mails = leak_case.mails + 1,"
        " last_at = app_now(), subject = excluded.subject, state = 'open', closed_at = NULL, closed_by = NULL"
        " RETURNING code",
        code=code,
        mailing=seed.mailing_id,
        base=seed.base_id,
        owner=seed.owner_id,
        org=seed.seed_org_id,
        seed=seed.seed_id,
        domain=domain,
        subject=subject,
    )
    return row is not None and row.code == code


def cases(unit: UnitOfWork) -> list[LeakCase]:
    """The cases that the actor may see."""
    rows = unit.all(_CASES + " ORDER BY l.state = 'closed', l.last_at DESC LIMIT 500")
    return [LeakCase(**row._asdict()) for row in rows]


def case_by_code(unit: UnitOfWork, code: str) -> LeakCase | None:
    """One case."""
    row = unit.one(_CASES + " WHERE l.code = :code", code=code)
    return None if row is None else LeakCase(**row._asdict())


def close_case(unit: UnitOfWork, code: str, resolution: str) -> bool:
    """Close an open case."""
    done = unit.run(
        "UPDATE leak_case SET state = 'closed', resolution = :text, closed_by = :user, closed_at = app_now()"
        " WHERE code = :code AND state = 'open'",
        code=code,
        text=resolution,
        user=unit.actor.user_id,
    )
    return done.rowcount == 1
