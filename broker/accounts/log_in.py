"""Log in with e-mail and password."""

from __future__ import annotations

from broker.accounts import store
from broker.accounts.model import LoggedIn
from broker.accounts.secrets import bearer_hash, new_bearer, password_matches
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotAuthenticated

SESSION_SECONDS = 12 * 3600


def log_in(unit: UnitOfWork, email: str, password: str) -> LoggedIn:
    """Open a session. An unknown address and a wrong password get the same reply after the same work."""
    found = store.find_login(unit, email.strip().lower())
    matches = password_matches(None if found is None else found.password_hash, password)
    if found is None or not matches:
        raise NotAuthenticated("E-mail or password is wrong.", code="bad_credentials")
    token, csrf = new_bearer(), new_bearer()
    store.open_session(unit, found.user_id, bearer_hash(token), csrf, SESSION_SECONDS)
    actor = Actor(found.role, found.org_id, found.user_id, found.name)
    return LoggedIn(token, csrf, actor, found.language)
