"""The queries of endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.notifications.mail_store import EVENT_COLUMNS, event_of
from broker.notifications.model import Attempt, Delivery, Endpoint

_ENDPOINT = (
    "SELECT id, code, url, label, kinds, state, failures, failing_since, created_at FROM webhook_endpoint"
    " WHERE org_id = :org AND deleted_at IS NULL"
)
_DELIVERY = (
    f"SELECT d.id, d.code, d.state, d.attempts, d.next_attempt_at, d.delivered_at, d.created_at, {EVENT_COLUMNS},"  # noqa: S608
    " a.status, coalesce(a.problem, '') AS problem FROM webhook_delivery d"
    " JOIN notification_event e ON e.id = d.event_id"
    " LEFT JOIN LATERAL (SELECT status, problem FROM webhook_attempt WHERE delivery_id = d.id"
    "  ORDER BY number DESC LIMIT 1) a ON true"
)


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(**{**row._asdict(), "kinds": tuple(row.kinds)})


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id, row.code, event_of(row), row.state, row.attempts,
        row.next_attempt_at if row.state == "waiting" else None,
        row.delivered_at, row.created_at, row.status, row.problem,
    )  # fmt: skip


def endpoints(unit: UnitOfWork, org_id: int) -> list[Endpoint]:
    """The endpoints of an organisation, oldest first."""
    return [_endpoint(row) for row in unit.all(_ENDPOINT + " ORDER BY id", org=org_id)]


def endpoint(unit: UnitOfWork, org_id: int, code: str, *, lock: bool = False) -> Endpoint | None:
    """One of them."""
    row = unit.one(_ENDPOINT + " AND code = :code" + (" FOR UPDATE" if lock else ""), org=org_id, code=code)
    return None if row is None else _endpoint(row)


def add_endpoint(unit: UnitOfWork, org_id: int, code: str, url: str, label: str, kinds: Sequence[str]) -> int:
    """Insert an endpoint; its id."""
    return int(
        unit.scalar(
            "INSERT INTO webhook_endpoint (code, org_id, url, label, kinds)"
            " VALUES (:code, :org, :url, :label, CAST(:kinds AS text[])) RETURNING id",
            code=code,
            org=org_id,
            url=url,
            label=label,
            kinds=list(kinds),
        )
    )


def change_endpoint(unit: UnitOfWork, endpoint_id: int, url: str, label: str, kinds: Sequence[str], state: str) -> None:
    """Keep what was changed; switched on, an endpoint starts with a clean record."""
    unit.run(
        "UPDATE webhook_endpoint SET url = :url, label = :label, kinds = CAST(:kinds AS text[]), state = :state,"
        " failures = CASE WHEN :state = 'on' AND state <> 'on' THEN 0 ELSE failures END,"
        " failing_since = CASE WHEN :state = 'on' AND state <> 'on' THEN NULL ELSE failing_since END,"
        " resting_until = NULL WHERE id = :id",
        id=endpoint_id,
        url=url,
        label=label,
        kinds=list(kinds),
        state=state,
    )


def delete_endpoint(unit: UnitOfWork, endpoint_id: int) -> None:
    """Nothing more goes there; its log stays until its time."""
    unit.run("UPDATE webhook_endpoint SET deleted_at = app_now(), state = 'off' WHERE id = :id", id=endpoint_id)
    unit.run(
        "UPDATE webhook_delivery SET state = 'dropped' WHERE endpoint_id = :id AND state = 'waiting'", id=endpoint_id
    )
    unit.run("UPDATE webhook_secret SET ends_at = app_now() WHERE endpoint_id = :id", id=endpoint_id)


def add_secret(unit: UnitOfWork, org_id: int, endpoint_id: int, sealed: bytes) -> None:
    """Keep a sealed secret."""
    unit.run(
        "INSERT INTO webhook_secret (endpoint_id, org_id, sealed) VALUES (:endpoint, :org, :sealed)",
        endpoint=endpoint_id,
        org=org_id,
        sealed=sealed,
    )


def end_secrets(unit: UnitOfWork, endpoint_id: int, seconds: int) -> None:
    """Let the secrets that are in use sign for some seconds more."""
    unit.run(
        "UPDATE webhook_secret SET ends_at = app_now() + make_interval(secs => :seconds)"
        " WHERE endpoint_id = :id AND ends_at IS NULL",
        id=endpoint_id,
        seconds=seconds,
    )


def secrets_shown(unit: UnitOfWork, endpoint_id: int) -> list[Row[Any]]:
    """created_at, ends_at of the secrets that sign now, newest first."""
    return unit.all(
        "SELECT created_at, ends_at FROM webhook_secret WHERE endpoint_id = :id"
        " AND coalesce(ends_at, 'infinity') > app_now() ORDER BY id DESC",
        id=endpoint_id,
    )


def deliveries(unit: UnitOfWork, endpoint_id: int, state: str, size: int, offset: int) -> tuple[list[Delivery], int]:
    """A page of an endpoint's deliveries, newest first (`state` empty: all), and how many there are."""
    which = " WHERE d.endpoint_id = :id AND (:state = '' OR d.state = :state)"
    rows = unit.all(
        _DELIVERY + which + " ORDER BY d.id DESC LIMIT :size OFFSET :offset",
        id=endpoint_id,
        state=state,
        size=size,
        offset=offset,
    )
    count = "SELECT count(*) FROM webhook_delivery d" + which  # noqa: S608
    total = unit.scalar(count, id=endpoint_id, state=state)
    return [_delivery(row) for row in rows], int(total)


def delivery(unit: UnitOfWork, endpoint_id: int, code: str) -> Delivery | None:
    """One delivery of an endpoint."""
    row = unit.one(_DELIVERY + " WHERE d.endpoint_id = :id AND d.code = :code", id=endpoint_id, code=code)
    return None if row is None else _delivery(row)


def attempts(unit: UnitOfWork, delivery_id: int) -> list[Attempt]:
    """The tries of a delivery, newest first."""
    rows = unit.all(
        "SELECT number, at, status, problem, milliseconds FROM webhook_attempt WHERE delivery_id = :id"
        " ORDER BY number DESC LIMIT 100",
        id=delivery_id,
    )
    return [Attempt(**row._asdict()) for row in rows]


def add_test(unit: UnitOfWork, endpoint_id: int, label: str) -> None:
    """A test event for one endpoint, with its job."""
    unit.run("SELECT test_webhook(:id, jsonb_build_object('label', CAST(:label AS text)))", id=endpoint_id, label=label)


def replay(unit: UnitOfWork, endpoint_id: int, code: str) -> int:
    """Have deliveries that ended sent again (`code` empty: all that failed or were dropped); how many."""
    unit.run("UPDATE webhook_endpoint SET resting_until = NULL WHERE id = :id", id=endpoint_id)
    return unit.run(
        "UPDATE webhook_delivery SET state = 'waiting', attempts = 0, next_attempt_at = app_now()"
        " WHERE endpoint_id = :id AND CASE WHEN :code = '' THEN state IN ('failed', 'dropped')"
        " ELSE code = :code AND state <> 'waiting' END",
        id=endpoint_id,
        code=code,
    ).rowcount
