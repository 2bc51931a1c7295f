"""Who a session's cookie stands for, and how it ends."""

from __future__ import annotations

from uuid import UUID

from broker.accounts import people_store, store
from broker.accounts.model import OpenSession, SessionView
from broker.accounts.secrets import bearer_hash
from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def find_session(unit: UnitOfWork, token: str) -> SessionView | None:
    """The session of a cookie, or None when it is unknown, over, or waits for a second factor.

    Looked up by the token's SHA-256: the comparison runs over a hash that a guesser cannot steer.
    """
    found = store.find_session(unit, bearer_hash(token))
    if found is None or found.stage == "code":
        return None
    actor = Actor(found.role, found.org_id, found.user_id, found.name, found.agency_id)
    return SessionView(
        actor, found.name, found.org_name, found.language, found.csrf_token, str(found.code), found.stage == "enrol"
    )


def log_out(unit: UnitOfWork, token: str) -> None:
    """End a session; an unknown one is over already."""
    store.close_session(unit, bearer_hash(token))


def list_sessions(unit: UnitOfWork) -> list[OpenSession]:
    """Where the acting user is logged in, the newest first."""
    return [OpenSession(str(row.code), row.created_at, row.expires_at) for row in people_store.own_sessions(unit)]


def close_session(unit: UnitOfWork, code: str) -> None:
    """End one of the acting user's sessions by its code."""
    try:
        named = UUID(code)
    except ValueError:
        named = None
    if named is None or not people_store.close_own_session(unit, named):
        raise NotFound("There is no such session, or it is over already.", code="session_not_found")
    record(unit, "session.closed", "web_session", code)
