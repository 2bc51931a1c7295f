"""The queries of signatures made ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.delivery.model import Claimed, MailingFacts
from broker.kernel.database import UnitOfWork


def state_of(unit: UnitOfWork, mailing_id: int) -> Row[Any] | None:
    """(dated, upto, done_at): how far the signing of a mailing is."""
    return unit.one("SELECT dated, upto, done_at FROM presigning WHERE mailing_id = :id", id=mailing_id)


def starts_at(unit: UnitOfWork, mailing_id: int) -> datetime | None:
    """The hour that a mailing is planned for."""
    found: datetime | None = unit.scalar("SELECT starts_at FROM mailing WHERE id = :id", id=mailing_id)
    return found


def begin(unit: UnitOfWork, mailing_id: int, dated: datetime) -> int:
    """Start signing for this hour, or go on; returns the first position that is not signed."""
    known = state_of(unit, mailing_id)
    if known is not None and known.dated == dated:
        return int(known.upto)
    forget(unit, mailing_id)
    unit.run("INSERT INTO presigning (mailing_id, dated) VALUES (:id, :dated)", id=mailing_id, dated=dated)
    return 0


def rows(unit: UnitOfWork, facts: MailingFacts, low: int, upto: int) -> list[Claimed]:
    """The sends that wait, from the position `low` until before `upto`."""
    found = unit.all(
        "SELECT position, contact_id, contact_key, seed, attempts FROM send WHERE dispatch_id = :dispatch"
        " AND mailing_id = :id AND position >= :low AND position < :upto AND state = 'pending'"
        " ORDER BY position",
        dispatch=facts.dispatch_id,
        id=facts.id,
        low=low,
        upto=upto,
    )
    return [Claimed(row.position, row.contact_id, bytes(row.contact_key), row.seed, row.attempts) for row in found]


def last_position(unit: UnitOfWork, facts: MailingFacts) -> int:
    """The highest position of a mailing, -1 without any."""
    found: int = unit.scalar(
        "SELECT coalesce(max(position), -1) FROM send WHERE dispatch_id = :dispatch AND mailing_id = :id",
        dispatch=facts.dispatch_id,
        id=facts.id,
    )
    return found


def keep(
    unit: UnitOfWork,
    mailing_id: int,
    low: int,
    dated: datetime,
    digests: bytes,
    signatures: bytes,
    *,
    made: int,
    upto: int,
) -> bool:
    """Keep a block, unless the mailing was signed anew for another hour meanwhile."""
    done = unit.run(
        "UPDATE presigning SET upto = :upto, signed = signed + :made WHERE mailing_id = :id AND upto = :low",
        id=mailing_id,
        low=low,
        upto=upto,
        made=made,
    )
    if done.rowcount != 1:
        return False
    if made:
        unit.run(
            "INSERT INTO presigned VALUES (:id, :low, :dated, :digests, :signatures)",
            id=mailing_id,
            low=low,
            dated=dated,
            digests=digests,
            signatures=signatures,
        )
    return True


def finish(unit: UnitOfWork, mailing_id: int) -> None:
    """All of it has been looked at."""
    unit.run("UPDATE presigning SET done_at = app_now() WHERE mailing_id = :id", id=mailing_id)


def blocks(unit: UnitOfWork, mailing_id: int, low: int, high: int, longest: int) -> Sequence[Row[Any]]:
    """(block, dated, digests, signatures) of the blocks that positions from low to high stand in."""
    return unit.all(
        "SELECT block, dated, digests, signatures FROM presigned"
        " WHERE mailing_id = :id AND block > :low AND block <= :high",
        id=mailing_id,
        low=low - longest,
        high=high,
    )


def begun_at(unit: UnitOfWork, mailing_id: int) -> list[tuple[int, datetime | None]]:
    """(positions under it, when they were let out) of each wave; one for a mailing that leaves at once."""
    waves = unit.all("SELECT upto, opened_at FROM mailing_wave WHERE mailing_id = :id ORDER BY number", id=mailing_id)
    started = unit.scalar("SELECT started_at FROM mailing WHERE id = :id", id=mailing_id)
    tested = unit.scalar("SELECT test_size FROM mailing_progress WHERE mailing_id = :id", id=mailing_id)
    if not waves:
        return [(2**31 - 1, started)]
    return [(tested or 0, started), *((row.upto, row.opened_at) for row in waves), (2**31 - 1, started)]


def forget(unit: UnitOfWork, mailing_id: int) -> None:
    """Signatures of a mailing that is over, or that leaves at another hour."""
    unit.run("DELETE FROM presigned WHERE mailing_id = :id", id=mailing_id)
    unit.run("DELETE FROM presigning WHERE mailing_id = :id", id=mailing_id)
