"""The queries of mails about events, as the worker's role: an outbox of single mails, and one of digests.

A row is `waiting` until the moment its mail leaves: then it is `attempting`, committed, and ends as sent, refused,
waiting (nothing was handed over) or uncertain. The lease in `next_try_at` is of the wall clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.notifications.model import Event

Outbox = Literal["notification", "notification_digest"]
_STATE = {"notification": "mail", "notification_digest": "state"}
LEASE_SECONDS = 600  # longer than any dialogue with a relay


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who gets a mail, and in which language."""

    user_id: int
    email: str
    language: str


def event_of(row: Row[Any]) -> Event:
    """The event of a row with its columns."""
    return Event(row.event_code, row.kind, row.object_kind, row.object_code, row.facts, row.event_at)


EVENT_COLUMNS = "e.code AS event_code, e.kind, e.object_kind, e.object_code, e.facts, e.at AS event_at"


def waiting_mail(unit: UnitOfWork, notification_id: int) -> tuple[Addressee, Event] | None:
    """A single mail that is due, to somebody who may still log in."""
    row = unit.one(
        f"SELECT u.id AS user_id, u.email, u.language, {EVENT_COLUMNS} FROM notification n"  # noqa: S608
        " JOIN notification_event e ON e.id = n.event_id JOIN app_user u ON u.id = n.user_id"
        " WHERE n.id = :id AND n.mail = 'waiting' AND u.active AND coalesce(n.next_try_at, now()) <= now()",
        id=notification_id,
    )
    return None if row is None else (Addressee(row.user_id, row.email, row.language), event_of(row))


def waiting_digest(unit: UnitOfWork, digest_id: int) -> tuple[Addressee, list[Event]] | None:
    """A digest that is due, with its events that were not read meanwhile, oldest first."""
    row = unit.one(
        "SELECT u.id AS user_id, u.email, u.language FROM notification_digest d JOIN app_user u ON u.id = d.user_id"
        " WHERE d.id = :id AND d.state = 'waiting' AND u.active AND coalesce(d.next_try_at, now()) <= now()",
        id=digest_id,
    )
    if row is None:
        return None
    rows = unit.all(
        f"SELECT {EVENT_COLUMNS} FROM notification n JOIN notification_event e ON e.id = n.event_id"  # noqa: S608
        " WHERE n.digest_id = :id AND n.read_at IS NULL AND n.mail IN ('digest', 'uncertain') ORDER BY n.id LIMIT 200",
        id=digest_id,
    )
    return Addressee(row.user_id, row.email, row.language), [event_of(each) for each in rows]


def leaves(unit: UnitOfWork, outbox: Outbox, row_id: int) -> bool:
    """Mark a mail as on its way, if nobody else did and its person still wants it."""
    state = _STATE[outbox]
    return (
        unit.run(
            f"UPDATE {outbox} SET {state} = 'attempting', tries = tries + 1, mailed_at = app_now(),"  # noqa: S608
            f" next_try_at = now() + make_interval(secs => :lease) WHERE id = :id AND {state} = 'waiting'",
            id=row_id,
            lease=LEASE_SECONDS,
        ).rowcount
        == 1
    )


def ends(unit: UnitOfWork, outbox: Outbox, row_id: int, before: str, state: str) -> None:
    """What became of a mail that this worker left as `before`: waiting, or attempting where it had left."""
    column = _STATE[outbox]
    unit.run(
        f"UPDATE {outbox} SET {column} = :state, next_try_at = NULL WHERE id = :id AND {column} = :before",  # noqa: S608
        id=row_id,
        before=before,
        state=state,
    )


def waits(unit: UnitOfWork, outbox: Outbox, row_id: int, before: str, seconds: Sequence[int], most: int) -> None:
    """Nothing was handed over: later again, or, after too many tries, `uncertain`, which the next digest tells."""
    column = _STATE[outbox]
    unit.run(
        f"UPDATE {outbox} SET {column} = CASE WHEN tries >= :most THEN 'uncertain' ELSE 'waiting' END,"  # noqa: S608
        " tries = tries + CASE WHEN :before = 'attempting' THEN 0 ELSE 1 END,"
        " next_try_at = now() + make_interval(secs => (CAST(:seconds AS integer[]))[least(tries + 1, :count)])"
        f" WHERE id = :id AND {column} = :before",
        id=row_id,
        before=before,
        seconds=list(seconds),
        count=len(seconds),
        most=most,
    )


def told(unit: UnitOfWork, digest_id: int) -> None:
    """The events of a digest that was handed over are told."""
    unit.run("UPDATE notification SET mail = 'sent' WHERE digest_id = :id AND mail = 'digest'", id=digest_id)


def give_up_on_the_dead(unit: UnitOfWork) -> int:
    """Mails whose worker died while they were on their way: nobody knows whether they left. Returns how many.

    They are never sent again; what they said, where it is still unread, goes into the next digest.
    """
    lost = unit.run(
        "UPDATE notification SET mail = 'uncertain', next_try_at = NULL"
        " WHERE mail = 'attempting' AND next_try_at <= now()"
    ).rowcount
    lost += unit.run(
        "UPDATE notification_digest SET state = 'uncertain', next_try_at = NULL"
        " WHERE state = 'attempting' AND next_try_at <= now()"
    ).rowcount
    unit.run(
        "UPDATE notification n SET mail = 'uncertain', digest_id = NULL FROM notification_digest d"
        " WHERE d.id = n.digest_id AND d.state IN ('uncertain', 'refused') AND n.mail IN ('digest', 'uncertain')"
    )
    return lost


def make_digests(unit: UnitOfWork, day: date) -> list[int]:
    """Make the digest of a day for everybody who has something unread to be told by it; their ids."""
    rows = unit.all(
        "WITH told AS (SELECT n.id, n.user_id FROM notification n JOIN app_user u ON u.id = n.user_id AND u.active"
        "  WHERE n.digest_id IS NULL AND n.read_at IS NULL AND n.mail IN ('digest', 'uncertain')"
        "  AND NOT EXISTS (SELECT 1 FROM notification_digest d WHERE d.user_id = n.user_id AND d.day = :day)),"
        " made AS (INSERT INTO notification_digest (user_id, day) SELECT DISTINCT user_id, CAST(:day AS date) FROM told"
        "  ON CONFLICT DO NOTHING RETURNING id, user_id),"
        " put AS (UPDATE notification n SET digest_id = made.id FROM told JOIN made ON made.user_id = told.user_id"
        "  WHERE n.id = told.id)"
        " SELECT id FROM made ORDER BY id",
        day=day,
    )
    return [row.id for row in rows]


def due_mails(unit: UnitOfWork, older_than: int = 20) -> list[tuple[str, int]]:
    """(job, row) of mails and digests that wait and may be tried now; those of the last seconds have a job."""
    rows = unit.all(
        "SELECT 'post_notification' AS job, id FROM notification WHERE mail = 'waiting'"
        " AND coalesce(next_try_at, now()) <= now() AND at <= app_now() - make_interval(secs => :older)"
        " UNION ALL SELECT 'post_digest', id FROM notification_digest WHERE state = 'waiting'"
        " AND coalesce(next_try_at, now()) <= now() ORDER BY 1, 2 LIMIT 500",
        older=older_than,
    )
    return [(row.job, row.id) for row in rows]


def forget(unit: UnitOfWork, days: int) -> int:
    """Delete events, with what they led to, after some days; what still waits is kept."""
    return unit.run(
        "DELETE FROM notification_event e WHERE e.at < app_now() - make_interval(days => :days)"
        " AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.event_id = e.id AND d.state = 'waiting')",
        days=days,
    ).rowcount
