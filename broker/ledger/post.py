"""Post a balanced entry, once for each idempotency key; reverse one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.ledger import store
from broker.ledger.model import Entry, Journal, Line, checked, mirrored
from broker.ledger.periods import month_of


def post(
    unit: UnitOfWork,
    journal: Journal,
    day: date,
    piece_ref: str,
    label: str,
    lines: Sequence[Line],
    idempotency_key: str,
    *,
    piece_day: date | None = None,
) -> Entry:
    """Write an entry under the next number and return it; the same key again returns the first entry unchanged.

    Lines of zero are left out. Amounts are cents. `label` is French: it goes into the tax office's file as it is.
    Raises `IntegrityFault` (`entry_unbalanced`) when debits and credits differ, `Conflict` (`period_closed`) when the
    day's month takes no more entries.
    """
    return _write(unit, journal, day, piece_ref, label, lines, idempotency_key, piece_day or day, None)


def reverse(unit: UnitOfWork, entry_id: int, day: date, label: str) -> Entry:
    """Undo a validated entry by its mirror image: the only correction there is. Asked twice, it reverses once."""
    entry = store.entry_by_id(unit, entry_id)
    if entry is None:
        raise NotFound(f"There is no entry {entry_id}.")
    journal: Journal = entry.journal  # type: ignore[assignment]  # the database holds to the same list
    return _write(
        unit,
        journal,
        day,
        entry.piece_ref,
        label,
        mirrored(entry.lines),
        f"reversal:{entry.number}",
        entry.piece_day,
        entry.id,
    )


def _write(
    unit: UnitOfWork,
    journal: Journal,
    day: date,
    piece_ref: str,
    label: str,
    lines: Sequence[Line],
    key: str,
    piece_day: date,
    reverses: int | None,
) -> Entry:
    kept = checked(lines)
    # The lock comes before the look at the key: two transactions with one key must not both find nothing.
    store.lock_numbers(unit)
    known = store.entry_by_key(unit, key)
    if known is not None:
        return known
    if store.period_state(unit, month_of(day)) != "open":
        raise Conflict(f"The period {day:%Y-%m} is closed: date the entry in an open month.", code="period_closed")
    row = store.insert_entry(
        unit,
        journal=journal,
        day=day,
        piece_ref=piece_ref,
        piece_day=piece_day,
        label=label,
        key=key,
        reverses=reverses,
    )
    store.insert_lines(unit, row.id, kept)
    return Entry(**row._mapping, lines=tuple(kept))
