"""Who may sign for the controller: a right of a person, given by the broker who has seen the mandate."""

from __future__ import annotations

from broker.accounts import people_store
from broker.accounts.find_user import user_named
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict


def let_sign(unit: UnitOfWork, email: str, may: bool = True) -> None:
    """Give a person of a base owner the right to sign for it, or take it away.

    The right decides who may change a base's partner policy (art. 4(7) GDPR: the controller decides). Given by the
    broker only, and recorded.
    """
    unit.actor.require("broker")
    user = user_named(unit, email)
    if not people_store.let_sign(unit, user.id, may):
        raise Conflict(
            "Nothing changed: only a person of a base owner signs for it, and this one has the right already or not"
            " any more.",
            code="may_sign_unchanged",
            field="email",
        )
    record(unit, "user.may_sign" if may else "user.may_not_sign", "app_user", user.id)


def may_sign(unit: UnitOfWork) -> bool:
    """Whether the acting user may sign for its organisation."""
    return unit.actor.user_id is not None and people_store.may_sign(unit, unit.actor.user_id)
