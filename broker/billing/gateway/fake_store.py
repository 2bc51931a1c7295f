"""The only place with the SQL of the fake gateway: its objects as the gateway would keep them, in demo databases."""

from __future__ import annotations

import json
from typing import Any

from broker.kernel.database import UnitOfWork

Body = dict[str, Any]


def now(unit: UnitOfWork) -> int:
    """The shared time in seconds, as the gateway writes times."""
    return int(unit.scalar("SELECT extract(epoch FROM app_now())::bigint"))


def insert(unit: UnitOfWork, body: Body) -> Body:
    """Keep a new object."""
    unit.run(
        "INSERT INTO fake_gateway_object (id, kind, body) VALUES (:id, :kind, CAST(:body AS jsonb))",
        id=body["id"],
        kind=body["object"],
        body=json.dumps(body),
    )
    return body


def update(unit: UnitOfWork, body: Body) -> Body:
    """Keep a changed object."""
    unit.run(
        "UPDATE fake_gateway_object SET body = CAST(:body AS jsonb) WHERE id = :id",
        id=body["id"],
        body=json.dumps(body),
    )
    return body


def read(unit: UnitOfWork, reference: str, *, lock: bool = False) -> Body | None:
    """An object, which nobody else changes before our commit when `lock` says so."""
    found = unit.scalar(
        f"SELECT body FROM fake_gateway_object WHERE id = :id{' FOR UPDATE' if lock else ''}",  # noqa: S608 - no input
        id=reference,
    )
    return found if isinstance(found, dict) else None


def having(unit: UnitOfWork, kind: str, **fields: str) -> list[Body]:
    """Objects of a kind with some values, the newest first."""
    rows = unit.all(
        "SELECT body FROM fake_gateway_object WHERE kind = :kind AND body @> CAST(:fields AS jsonb)"
        " ORDER BY at DESC, number DESC",
        kind=kind,
        fields=json.dumps(fields),
    )
    return [row.body for row in rows]


def begin_call(unit: UnitOfWork, key: str, request: Body) -> tuple[bool, Body | None]:
    """(is new, what was kept of the first call): a second call with the key waits for the first one's commit."""
    made = unit.run(
        "INSERT INTO fake_gateway_call (key, request) VALUES (:key, CAST(:request AS jsonb)) ON CONFLICT DO NOTHING",
        key=key,
        request=json.dumps(request),
    )
    if made.rowcount:
        return True, None
    row = unit.one("SELECT request, status, reply FROM fake_gateway_call WHERE key = :key", key=key)
    return False, None if row is None else dict(row._mapping)


def end_call(unit: UnitOfWork, key: str, status: int, reply: Body) -> None:
    """Keep the answer of a call for its repetitions."""
    unit.run(
        "UPDATE fake_gateway_call SET status = :status, reply = CAST(:reply AS jsonb) WHERE key = :key",
        key=key,
        status=status,
        reply=json.dumps(reply),
    )
