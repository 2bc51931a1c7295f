"""The queries of mailboxes that are read beside the door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from broker.kernel.database import UnitOfWork


def take(unit: UnitOfWork, box: str, key: str, sealed: Sequence[bytes]) -> bool:
    """Keep sealed messages and remember their key, in one; False when it was taken before."""
    return bool(
        unit.scalar(
            "SELECT take_from_mailbox(:box, :key, CAST(:sealed AS bytea[]))", box=box, key=key, sealed=list(sealed)
        )
    )


def removed(unit: UnitOfWork, box: str, key: str) -> None:
    """Forget a key whose message is gone."""
    unit.run("SELECT removed_from_mailbox(:box, :key)", box=box, key=key)


def forget_taken(unit: UnitOfWork, before: datetime) -> int:
    """Forget keys from before this time; how many."""
    return unit.run("DELETE FROM mailbox_taken WHERE at < :before", before=before).rowcount
