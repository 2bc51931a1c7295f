"""The only place with the SQL of opening a softly closed month again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.kernel.database import UnitOfWork

ReopeningState = Literal["asked", "refused", "done"]

_SELECT = """
SELECT r.code, r.month, r.reason, r.state, r.asked_by, coalesce(a.name, '') AS asker, r.asked_at,
  coalesce(b.name, '') AS answerer, r.answered_at
FROM ledger_reopening r LEFT JOIN app_user a ON a.id = r.asked_by LEFT JOIN app_user b ON b.id = r.answered_by
"""


@dataclass(frozen=True, slots=True)
class Reopening:
    """Somebody asked for a softly closed month to be opened again; somebody else did it, or said no."""

    code: str
    month: date
    reason: str
    state: ReopeningState
    asked_by: int
    asker: str
    asked_at: datetime
    answerer: str
    answered_at: datetime | None


def insert(unit: UnitOfWork, code: str, month: date, reason: str, user: int) -> None:
    """Keep what was asked for, and why."""
    unit.run(
        "INSERT INTO ledger_reopening (code, month, reason, asked_by) VALUES (:code, :month, :reason, :user)",
        code=code,
        month=month,
        reason=reason,
        user=user,
    )


def answer(unit: UnitOfWork, code: str, *, yes: bool) -> str:
    """What came of an answer: done, refused, or why not (unknown, answered, four_eyes, not_soft, later_closed)."""
    return str(unit.scalar("SELECT answer_reopening(:code, :yes)", code=code, yes=yes))


def reopenings(unit: UnitOfWork, month: date) -> list[Reopening]:
    """Those of a month, the newest first."""
    rows = unit.all(_SELECT + "WHERE r.month = :month ORDER BY r.id DESC", month=month)
    return [Reopening(**row._mapping) for row in rows]


def reopening(unit: UnitOfWork, code: str) -> Reopening | None:
    """One of them."""
    row = unit.one(_SELECT + "WHERE r.code = :code", code=code)
    return None if row is None else Reopening(**row._mapping)


def later_closed(unit: UnitOfWork, month: date) -> date | None:
    """The first month after this one that is closed."""
    found: date | None = unit.scalar(
        "SELECT min(month) FROM ledger_period WHERE month > :month AND state <> 'open'", month=month
    )
    return found
