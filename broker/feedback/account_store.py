"""The queries of mails to people who log in, as the worker's role."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

# By the real clock, as a worker's death is. A letter of which nobody knows whether it left is mailed again: its link is
# the same, and who waits for it cannot go on without.
LOST_AFTER_MINUTES = 5


def take_letter(unit: UnitOfWork, letter_id: int) -> Row[Any] | None:
    """(kind, sealed, email, name, language, organisation) of a letter that waits, marked as leaving; None where it has
    left, or another worker has it."""
    return unit.one(
        "UPDATE account_letter l SET leaving_since = now() FROM app_user u JOIN organisation o ON o.id = u.org_id"
        " WHERE l.id = :id AND u.id = l.user_id AND l.done_at IS NULL AND l.sealed IS NOT NULL"
        " AND (l.leaving_since IS NULL OR l.leaving_since < now() - make_interval(mins => :minutes))"
        " RETURNING l.kind, l.sealed, u.email, u.name, u.language, o.name AS organisation",
        id=letter_id,
        minutes=LOST_AFTER_MINUTES,
    )


def put_back_letter(unit: UnitOfWork, letter_id: int) -> None:
    """It did not leave: the next try may take it at once."""
    unit.run("UPDATE account_letter SET leaving_since = NULL WHERE id = :id", id=letter_id)


def finish_letter(unit: UnitOfWork, letter_id: int) -> None:
    """Mailed: the sealed link is destroyed."""
    unit.run("UPDATE account_letter SET sealed = NULL, done_at = app_now() WHERE id = :id", id=letter_id)


def forget_letters(unit: UnitOfWork, days: int) -> int:
    """Destroy links of letters that nobody could mail for so long: they are over."""
    return unit.run(
        "UPDATE account_letter SET sealed = NULL, done_at = app_now()"
        " WHERE done_at IS NULL AND at < app_now() - make_interval(days => :days)",
        days=days,
    ).rowcount
