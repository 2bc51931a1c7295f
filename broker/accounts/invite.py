"""Invite a person, and give a person a new password: by a link that works once."""

from __future__ import annotations

from broker.accounts import people_store
from broker.accounts.create_user import checked_email, email_conflict, require_role_suits
from broker.accounts.find_user import organisation_named, user_named
from broker.accounts.model import Language, User, UserRole
from broker.accounts.secrets import bearer_hash, hash_password, new_bearer
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound

LINK_SECONDS = 7 * 24 * 3600


def invite_user(
    unit: UnitOfWork, org_code: str, email: str, name: str, role: UserRole, language: Language = "fr"
) -> tuple[User, str]:
    """A person who cannot log in before choosing a password; the second value is the token of the link, shown once."""
    unit.actor.require("broker")
    organisation = organisation_named(unit, org_code)
    require_role_suits(organisation.kind, role)
    if not name.strip():
        raise InvalidInput("Say who the person is.", code="missing_name", field="name")
    address = checked_email(email)
    try:
        user_id = people_store.invite_user(unit, organisation.id, address, name.strip(), role, language)
    except Conflict as error:
        raise email_conflict(error) from None
    user = User(user_id, organisation.id, address, name.strip(), role, language)
    token = _give_link(unit, user)
    record(unit, "user.invited", "app_user", user.id, organisation=organisation.code, role=role)
    return user, token


def give_new_link(unit: UnitOfWork, email: str) -> str:
    """A new link for somebody who lost the invitation or the password; an earlier link is worth nothing then."""
    unit.actor.require("broker")
    user = user_named(unit, email)
    token = _give_link(unit, user)
    record(unit, "user.link_given", "app_user", user.id)
    return token


def accept_invitation(unit: UnitOfWork, token: str, password: str) -> None:
    """Choose a password with the link's token, once; all the person's sessions end."""
    user_id = people_store.use_password_link(unit, bearer_hash(token), hash_password(password))
    if user_id is None:
        raise NotFound("This link was used already or is too old: ask for a new one.", code="link_over")
    record(unit, "user.password_chosen", "app_user", user_id)


def _give_link(unit: UnitOfWork, user: User) -> str:
    token = new_bearer()
    if not people_store.give_password_link(unit, user.id, bearer_hash(token), LINK_SECONDS):
        raise Conflict("This person is deactivated: let them in again first.", code="user_inactive", field="email")
    return token
