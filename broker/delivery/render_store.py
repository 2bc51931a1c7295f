"""What the senders of a mailing compiled from its signed creative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def note(unit: UnitOfWork, mailing_id: int, variant: int, digest: bytes) -> None:
    """Write down a compilation; one like an earlier one is the same."""
    unit.run(
        "INSERT INTO mailing_render (mailing_id, variant, digest) VALUES (:id, :variant, :digest)"
        " ON CONFLICT DO NOTHING",
        id=mailing_id,
        variant=variant,
        digest=digest,
    )


def renders_of(unit: UnitOfWork, mailing_id: int) -> Sequence[Row[Any]]:
    """(variant, digest, first_at) of all compilations, in order of time."""
    return unit.all(
        "SELECT variant, digest, first_at FROM mailing_render WHERE mailing_id = :id ORDER BY first_at, variant",
        id=mailing_id,
    )


def send_row(unit: UnitOfWork, dispatch_id: int, mailing_id: int, position: int) -> Row[Any] | None:
    """(contact_id, contact_key, seed) of one send."""
    return unit.one(
        "SELECT contact_id, contact_key, seed FROM send"
        " WHERE dispatch_id = :dispatch AND mailing_id = :id AND position = :position",
        dispatch=dispatch_id,
        id=mailing_id,
        position=position,
    )
