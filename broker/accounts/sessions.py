"""Who a session's cookie stands for, and how it ends."""

from __future__ import annotations

from broker.accounts import store
from broker.accounts.model import SessionView
from broker.accounts.secrets import bearer_hash
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork


def find_session(unit: UnitOfWork, token: str) -> SessionView | None:
    """The session of a cookie, or None when it is unknown or over.

    Looked up by the token's SHA-256: the comparison runs over a hash that a guesser cannot steer.
    """
    found = store.find_session(unit, bearer_hash(token))
    if found is None:
        return None
    actor = Actor(found.role, found.org_id, found.user_id, found.name)
    return SessionView(actor, found.name, found.org_name, found.language, found.csrf_token)


def log_out(unit: UnitOfWork, token: str) -> None:
    """End a session; an unknown one is over already."""
    store.close_session(unit, bearer_hash(token))
