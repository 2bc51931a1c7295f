"""The queries of the journal, as the worker's role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.kernel.database import UnitOfWork


def instance_id(unit: UnitOfWork) -> str:
    """The random id of this instance, which a backup carries along."""
    return str(unit.scalar("SELECT id FROM instance"))


def take_outbox(unit: UnitOfWork, most: int) -> list[dict[str, Any]]:
    """The oldest waiting entries, deleted with this transaction; another process takes others."""
    rows = unit.all(
        "DELETE FROM journal_outbox WHERE id IN"
        " (SELECT id FROM journal_outbox ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING id, entry",
        most=most,
    )
    return [row.entry for row in sorted(rows, key=lambda row: row.id)]


def mailing_rows(unit: UnitOfWork, mailing_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(mailing, dispatch) whole, as JSON."""
    row = unit.one(
        "SELECT to_jsonb(m) AS mailing, to_jsonb(d) AS dispatch FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id"
        " WHERE m.id = :id",
        id=mailing_id,
    )
    assert row is not None
    return row.mailing, row.dispatch


def send_rows(unit: UnitOfWork, dispatch_id: int, mailing_id: int, positions: Sequence[int]) -> list[list[Any]]:
    """[position, contact, key in hexadecimal, price, attempts] of sends; a seed has no contact."""
    rows = unit.driver.execute(
        "SELECT position, contact_id, encode(contact_key, 'hex'), price_micros, attempts FROM send"
        " WHERE dispatch_id = %s AND mailing_id = %s AND position = ANY(%s) ORDER BY position",
        (dispatch_id, mailing_id, list(positions)),
        prepare=True,
    )
    return [list(row) for row in rows]
