"""Find an organisation or a user by what people call it: a code, an address."""

from __future__ import annotations

from broker.accounts import people_store, store
from broker.accounts.model import Organisation, User
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def organisation_named(unit: UnitOfWork, org_code: str) -> Organisation:
    """The organisation of a code; raises `NotFound` (`organisation_not_found`)."""
    found = store.organisation_of(unit, org_code)
    if found is None:
        raise NotFound("This organisation does not exist.", code="organisation_not_found", field="org_code")
    return found


def user_named(unit: UnitOfWork, email: str) -> User:
    """The user of an address, active or not; raises `NotFound` (`user_not_found`)."""
    found = people_store.user_by_email(unit, email.strip().lower())
    if found is None:
        raise NotFound("Nobody logs in with this address.", code="user_not_found", field="email")
    return found


def actor_of_user(unit: UnitOfWork, email: str) -> Actor:
    """The actor that an active user is; for the system and the broker, who may know which users there are."""
    unit.actor.require("broker")
    found = store.find_login(unit, email.strip().lower())
    if found is None:
        raise NotFound("Nobody logs in with this address.", code="user_not_found", field="user")
    return Actor(found.role, found.org_id, found.user_id, found.name)
