"""Who a user is, for commands of the operator."""

from __future__ import annotations

from broker.accounts import store
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def actor_of_user(unit: UnitOfWork, email: str) -> Actor:
    """The actor that an active user is; for the system and the broker, who may know which users there are."""
    unit.actor.require("broker")
    found = store.find_login(unit, email.strip().lower())
    if found is None:
        raise NotFound("Nobody logs in with this address.", code="user_not_found", field="user")
    return Actor(found.role, found.org_id, found.user_id, found.name)
