"""Log in with e-mail and password."""

from __future__ import annotations

from collections.abc import Collection

from broker.accounts import store
from broker.accounts.model import LoggedIn, Stage
from broker.accounts.secrets import bearer_hash, new_bearer, password_matches
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotAuthenticated

SESSION_SECONDS = 12 * 3600
UNFINISHED_SECONDS = 15 * 60


def log_in(unit: UnitOfWork, email: str, password: str, second_factor_for: Collection[str] = ()) -> LoggedIn:
    """Open a session. An unknown address and a wrong password get the same reply after the same work.

    Who has a second factor gets a session of stage `code`, good for `pass_second_factor` alone. Roles of
    `second_factor_for` that have none yet get one of stage `enrol`, good for setting it up.
    """
    found = store.find_login(unit, email.strip().lower())
    matches = password_matches(None if found is None else found.password_hash, password)
    if found is None or not matches:
        raise NotAuthenticated("E-mail or password is wrong.", code="bad_credentials")
    token, csrf = new_bearer(), new_bearer()
    stage: Stage = "code" if found.second_factor else "enrol" if found.role in second_factor_for else "open"
    seconds = SESSION_SECONDS if stage == "open" else UNFINISHED_SECONDS
    store.open_session(unit, found.user_id, bearer_hash(token), csrf, seconds, stage)
    actor = Actor(found.role, found.org_id, found.user_id, found.name)
    return LoggedIn(token, csrf, actor, found.language, stage)
