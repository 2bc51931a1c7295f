"""Change one's own password."""

from __future__ import annotations

from uuid import UUID

from broker.accounts import people_store
from broker.accounts.secrets import hash_password, password_matches
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput


def change_password(unit: UnitOfWork, current: str, new: str, session_code: str = "") -> None:
    """Replace the acting user's password; every session but the one of `session_code` ends."""
    if unit.actor.user_id is None:
        raise Forbidden("A password belongs to a user: log in as one.", code="user_needed")
    if not password_matches(people_store.own_password_hash(unit), current):
        raise InvalidInput("The present password is wrong.", code="wrong_password", field="current")
    people_store.change_own_password(unit, hash_password(new), UUID(session_code) if session_code else None)
    record(unit, "user.password_changed", "app_user", unit.actor.user_id)
