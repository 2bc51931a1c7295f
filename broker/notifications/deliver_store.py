"""The queries of the worker that delivers webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.notifications.mail_store import EVENT_COLUMNS, event_of
from broker.notifications.model import Event

LEASE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be tried now."""

    id: int
    code: str
    attempts: int
    event: Event


def lease_endpoint(unit: UnitOfWork, endpoint_id: int) -> Row[Any] | None:
    """code, org_id, org_code, url, label, failures of an endpoint that is on and not resting, for this worker alone."""
    return unit.one(
        "UPDATE webhook_endpoint e SET leased_until = now() + make_interval(secs => :lease) FROM organisation o"
        " WHERE e.id = :id AND o.id = e.org_id AND e.state = 'on' AND e.deleted_at IS NULL"
        " AND coalesce(e.leased_until, now()) <= now() AND coalesce(e.resting_until, app_now()) <= app_now()"
        " RETURNING e.code, e.org_id, o.code AS org_code, e.url, e.label, e.failures",
        id=endpoint_id,
        lease=LEASE_SECONDS,
    )


def give_back(unit: UnitOfWork, endpoint_id: int) -> None:
    """Others may have the endpoint."""
    unit.run("UPDATE webhook_endpoint SET leased_until = NULL WHERE id = :id", id=endpoint_id)


def secrets_of(unit: UnitOfWork, endpoint_id: int) -> list[bytes]:
    """The sealed secrets that sign now, newest first."""
    rows = unit.all(
        "SELECT sealed FROM webhook_secret WHERE endpoint_id = :id AND coalesce(ends_at, 'infinity') > app_now()"
        " ORDER BY id DESC LIMIT 5",
        id=endpoint_id,
    )
    return [bytes(row.sealed) for row in rows]


def next_due(unit: UnitOfWork, endpoint_id: int) -> Due | None:
    """The oldest delivery that may be tried now."""
    row = unit.one(
        f"SELECT d.id, d.code, d.attempts, {EVENT_COLUMNS} FROM webhook_delivery d"  # noqa: S608
        " JOIN notification_event e ON e.id = d.event_id WHERE d.endpoint_id = :id AND d.state = 'waiting'"
        " AND d.next_attempt_at <= app_now() ORDER BY d.id LIMIT 1",
        id=endpoint_id,
    )
    return None if row is None else Due(row.id, row.code, row.attempts, event_of(row))


def note_attempt(unit: UnitOfWork, delivery_id: int, status: int | None, problem: str, milliseconds: int) -> None:
    """Write one try into the log."""
    unit.run(
        "INSERT INTO webhook_attempt (delivery_id, number, org_id, status, problem, milliseconds)"
        " SELECT d.id, coalesce((SELECT max(number) FROM webhook_attempt WHERE delivery_id = d.id), 0) + 1, d.org_id,"
        " :status, :problem, :milliseconds FROM webhook_delivery d WHERE d.id = :id",
        id=delivery_id,
        status=status,
        problem=problem,
        milliseconds=milliseconds,
    )


def delivered(unit: UnitOfWork, endpoint_id: int, delivery_id: int) -> None:
    """It was taken: the endpoint's record is clean again."""
    unit.run(
        "UPDATE webhook_delivery SET state = 'delivered', attempts = attempts + 1, delivered_at = app_now()"
        " WHERE id = :id AND state = 'waiting'",
        id=delivery_id,
    )
    unit.run(
        "UPDATE webhook_endpoint SET failures = 0, failing_since = NULL, resting_until = NULL WHERE id = :id",
        id=endpoint_id,
    )


def failed(unit: UnitOfWork, endpoint_id: int, delivery_id: int, wait: int | None, rest: int) -> None:
    """It was not taken: again after `wait` seconds (None: given up); the endpoint rests for `rest` seconds."""
    unit.run(
        "UPDATE webhook_delivery SET attempts = attempts + 1,"
        " state = CASE WHEN CAST(:wait AS integer) IS NULL THEN 'failed' ELSE 'waiting' END,"
        " next_attempt_at = app_now() + make_interval(secs => coalesce(CAST(:wait AS integer), 0))"
        " WHERE id = :id AND state = 'waiting'",
        id=delivery_id,
        wait=wait,
    )
    unit.run(
        "UPDATE webhook_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, app_now()),"
        " resting_until = app_now() + make_interval(secs => :rest) WHERE id = :id",
        id=endpoint_id,
        rest=rest,
    )


def disable(unit: UnitOfWork, endpoint_id: int) -> int | None:
    """Switch an endpoint off and drop what waits; for how many days it failed (None: it is off already)."""
    days = unit.scalar(
        "UPDATE webhook_endpoint SET state = 'disabled' WHERE id = :id AND state = 'on'"
        " RETURNING greatest(1, round(extract(epoch FROM app_now() - coalesce(failing_since, app_now())) / 86400))",
        id=endpoint_id,
    )
    if days is None:
        return None
    unit.run(
        "UPDATE webhook_delivery SET state = 'dropped' WHERE endpoint_id = :id AND state = 'waiting'", id=endpoint_id
    )
    return int(days)


def failing_long(unit: UnitOfWork, seconds: float) -> list[Row[Any]]:
    """id, code, org_id, label of endpoints that answered nothing good for so long."""
    return unit.all(
        "SELECT id, code, org_id, label FROM webhook_endpoint WHERE state = 'on'"
        " AND failing_since <= app_now() - make_interval(secs => :seconds)",
        seconds=seconds,
    )


def due_endpoints(unit: UnitOfWork) -> list[int]:
    """Endpoints to which something is due and that may be tried now."""
    rows = unit.all(
        "SELECT e.id FROM webhook_endpoint e WHERE e.state = 'on' AND e.deleted_at IS NULL"
        " AND coalesce(e.leased_until, now()) <= now() AND coalesce(e.resting_until, app_now()) <= app_now()"
        " AND EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'waiting'"
        "  AND d.next_attempt_at <= app_now()) ORDER BY e.id LIMIT 200"
    )
    return [row.id for row in rows]
