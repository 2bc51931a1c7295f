"""The queries of mails to people who log in, as the worker's role."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def lock_letter(unit: UnitOfWork, letter_id: int) -> Row[Any] | None:
    """(kind, sealed, email, name, language, organisation) of a letter that waits, locked."""
    return unit.one(
        "SELECT l.kind, l.sealed, u.email, u.name, u.language, o.name AS organisation FROM account_letter l"
        " JOIN app_user u ON u.id = l.user_id JOIN organisation o ON o.id = u.org_id"
        " WHERE l.id = :id AND l.done_at IS NULL AND l.sealed IS NOT NULL FOR UPDATE OF l",
        id=letter_id,
    )


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
