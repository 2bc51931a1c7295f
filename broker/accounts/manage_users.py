"""List an organisation's people, keep one out or let one in again."""

from __future__ import annotations

from dataclasses import dataclass

from broker.accounts import people_store
from broker.accounts.find_user import organisation_named, user_named
from broker.accounts.model import Organisation, User
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict


def list_users(unit: UnitOfWork, org_code: str) -> list[tuple[User, bool]]:
    """The people of an organisation that the actor may see, and whether each may log in."""
    organisation = organisation_named(unit, org_code)
    return people_store.users_of(unit, organisation.id)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who logs in, as staff see it."""

    email: str
    name: str
    role: str
    language: str
    active: bool
    may_sign: bool


def list_people(unit: UnitOfWork, org_code: str) -> tuple[Organisation, list[Person]]:
    """An organisation and its people, with whether each may sign for it."""
    organisation = organisation_named(unit, org_code)
    return organisation, [Person(**row._mapping) for row in people_store.people_of(unit, organisation.id)]


def deactivate_user(unit: UnitOfWork, email: str) -> None:
    """Keep a person out: sessions end, API keys are revoked, links are worth nothing. What they did stays."""
    _set_active(unit, email, False)


def reactivate_user(unit: UnitOfWork, email: str) -> None:
    """Let a person in again; revoked API keys stay revoked."""
    _set_active(unit, email, True)


def _set_active(unit: UnitOfWork, email: str, active: bool) -> None:
    unit.actor.require("broker")
    user = user_named(unit, email)
    if user.id == unit.actor.user_id:
        raise Conflict("Somebody else has to do this to you.", code="own_account", field="email")
    if not people_store.set_user_active(unit, user.id, active):
        state = "active" if active else "deactivated"
        raise Conflict(f"This person is {state} already.", code="user_state", field="email")
    record(unit, "user.reactivated" if active else "user.deactivated", "app_user", user.id)
