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
