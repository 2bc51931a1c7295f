"""The only queries of subscribed suppression files and of the hosts they may come from."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.suppression.feed_model import Feed

_SELECT = (
    "SELECT f.id, f.code, f.name, f.url, f.state, f.problem, f.failures, l.entries, l.unread, l.few_match,"
    " f.checked_at, f.fresh_at, f.created_at FROM suppression_feed f LEFT JOIN suppression_list l ON l.id = f.list_id"
    " WHERE f.org_id = :org AND f.state <> 'removed'"
)


def hosts_of(unit: UnitOfWork, org_id: int) -> list[str]:
    """The hosts from which an advertiser's files may be fetched."""
    rows = unit.all("SELECT host FROM suppression_host WHERE org_id = :org ORDER BY host", org=org_id)
    return [row.host for row in rows]


def allow_host(unit: UnitOfWork, org_id: int, host: str) -> bool:
    """Allow one; False where it is allowed already."""
    done = unit.run(
        "INSERT INTO suppression_host (org_id, host, allowed_by) VALUES (:org, :host, :user) ON CONFLICT DO NOTHING",
        org=org_id,
        host=host,
        user=unit.actor.user_id,
    )
    return bool(done.rowcount)


def forbid_host(unit: UnitOfWork, org_id: int, host: str) -> bool:
    """Forbid one again; False where it was not allowed."""
    done = unit.run("DELETE FROM suppression_host WHERE org_id = :org AND host = :host", org=org_id, host=host)
    return bool(done.rowcount)


def insert_feed(unit: UnitOfWork, code: str, name: str, url: str) -> None:
    """A subscription of the acting advertiser."""
    unit.run(
        "INSERT INTO suppression_feed (code, org_id, name, url) VALUES (:code, :org, :name, :url)",
        code=code,
        org=unit.actor.org,
        name=name,
        url=url,
    )


def feeds_of_org(unit: UnitOfWork) -> list[Feed]:
    """The acting advertiser's subscriptions, the newest first."""
    return [Feed(**row._mapping) for row in unit.all(f"{_SELECT} ORDER BY f.id DESC", org=unit.actor.org)]


def feed_by_code(unit: UnitOfWork, code: str) -> Feed | None:
    """One of them."""
    row = unit.one(f"{_SELECT} AND f.code = :code", org=unit.actor.org, code=code)
    return None if row is None else Feed(**row._mapping)


def remove_feed(unit: UnitOfWork, code: str) -> bool:
    """End a subscription; whether there was one."""
    done = unit.run(
        "UPDATE suppression_feed SET state = 'removed' WHERE org_id = :org AND code = :code AND state <> 'removed'",
        org=unit.actor.org,
        code=code,
    )
    return bool(done.rowcount)


def feed_row(unit: UnitOfWork, feed_id: int, *, lock: bool = False) -> Row[Any] | None:
    """(id, code, org_id, name, url, state, etag, last_modified, list_id, failures, fresh_at), for a worker."""
    if lock:
        unit.run("SELECT id FROM suppression_feed WHERE id = :id FOR UPDATE", id=feed_id)
    return unit.one(
        "SELECT id, code, org_id, name, url, state, etag, last_modified, list_id, failures, fresh_at"
        " FROM suppression_feed WHERE id = :id",
        id=feed_id,
    )


def feeds_to_read(unit: UnitOfWork, hours: int) -> list[int]:
    """Subscriptions that were not tried for some hours; after a failure they are tried every hour."""
    rows = unit.all(
        "SELECT id FROM suppression_feed WHERE state <> 'removed' AND (checked_at IS NULL"
        " OR checked_at < app_now() - CASE WHEN problem IS NULL THEN make_interval(hours => :hours)"
        " ELSE interval '1 hour' END) ORDER BY id",
        hours=hours,
    )
    return [row.id for row in rows]


def feeds_to_renew(unit: UnitOfWork, advertiser_id: int, minutes: int) -> list[int]:
    """An advertiser's subscriptions whose last good reading is older than that."""
    rows = unit.all(
        "SELECT id FROM suppression_feed WHERE org_id = :org AND state <> 'removed'"
        " AND coalesce(fresh_at, '-infinity') < app_now() - make_interval(mins => :minutes) ORDER BY id",
        org=advertiser_id,
        minutes=minutes,
    )
    return [row.id for row in rows]


def note_failure(unit: UnitOfWork, feed_id: int, problem: str) -> None:
    """A reading failed; the last good one counts on."""
    unit.run(
        "UPDATE suppression_feed SET state = 'failed', problem = :problem, failures = least(failures + 1, 30000),"
        " checked_at = app_now() WHERE id = :id AND state <> 'removed'",
        id=feed_id,
        problem=problem,
    )


def note_fresh(unit: UnitOfWork, feed_id: int, etag: str, last_modified: str, list_id: int | None) -> None:
    """The newest file counts: `list_id` of a new reading, None where nothing had changed."""
    unit.run(
        "UPDATE suppression_feed SET state = 'read', problem = NULL, failures = 0, checked_at = app_now(),"
        " fresh_at = app_now(), list_id = coalesce(CAST(:list AS bigint), list_id),"
        " etag = CASE WHEN CAST(:list AS bigint) IS NULL THEN etag ELSE nullif(:etag, '') END,"
        " last_modified = CASE WHEN CAST(:list AS bigint) IS NULL THEN last_modified ELSE nullif(:modified, '') END"
        " WHERE id = :id",
        id=feed_id,
        etag=etag,
        modified=last_modified,
        list=list_id,
    )


def insert_feed_list(unit: UnitOfWork, code: str, feed: Row[Any], size_bytes: int) -> int:
    """The list that a reading is keyed into; it counts once it is `in_use`."""
    return int(
        unit.scalar(
            "INSERT INTO suppression_list (code, org_id, name, file_name, size_bytes, feed_id)"
            " VALUES (:code, :org, :name, :name, :size, :feed) RETURNING id",
            code=code,
            org=feed.org_id,
            name=feed.name,
            size=size_bytes,
            feed=feed.id,
        )
    )


def retire_list(unit: UnitOfWork, list_id: int) -> None:
    """A former reading counts no more, and nothing of it stays."""
    unit.run("UPDATE suppression_list SET state = 'removed' WHERE id = :id", id=list_id)
    unit.run("DELETE FROM suppression_list_entry WHERE list_id = :id", id=list_id)


def stale_lists(unit: UnitOfWork, days: int) -> list[Row[Any]]:
    """(id, code, org_id, name, days) of uploaded files in use that are so old, of advertisers with an open order."""
    return unit.all(
        "SELECT l.id, l.code, l.org_id, l.name, extract(day FROM app_now() - l.created_at)::integer AS days"
        " FROM suppression_list l WHERE l.state = 'in_use' AND l.feed_id IS NULL"
        " AND l.created_at < app_now() - make_interval(days => :days) AND EXISTS (SELECT 1 FROM rental_order o"
        " WHERE o.advertiser_id = l.org_id AND o.state IN ('ordered', 'approved', 'paid', 'on_credit', 'scheduled'))"
        " ORDER BY l.id",
        days=days,
    )
