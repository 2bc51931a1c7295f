"""Create a user."""

from __future__ import annotations

import re

from broker.accounts import store
from broker.accounts.find_user import organisation_named
from broker.accounts.model import ROLES_OF_KIND, Language, OrganisationKind, User, UserRole
from broker.accounts.secrets import hash_password
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput


def require_role_suits(kind: OrganisationKind, role: UserRole) -> None:
    """Refuse a role that an organisation of this kind does not have."""
    allowed = ROLES_OF_KIND[kind]
    if role not in allowed:
        raise InvalidInput(
            f"A user of this organisation ({kind}) is {' or '.join(sorted(allowed))}, not {role}.",
            code="bad_role",
            field="role",
        )


def checked_email(email: str) -> str:
    """A user's address as it is kept."""
    email = email.strip().lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise InvalidInput("This is not an e-mail address.", code="bad_email", field="email")
    return email


def email_conflict(error: Conflict) -> Conflict:
    """The refusal of an address with which somebody logs in already; any other one stays as it is."""
    if error.details.get("constraint") != "app_user_email_key":
        return error
    return Conflict("Somebody logs in with this address already.", code="email_taken", field="email")


def create_user(
    unit: UnitOfWork,
    org_code: str,
    email: str,
    name: str,
    role: UserRole,
    password: str,
    language: Language = "fr",
) -> User:
    """Create a person who logs in for an organisation; the role must suit the organisation's kind."""
    unit.actor.require("broker")
    organisation = organisation_named(unit, org_code)
    require_role_suits(organisation.kind, role)
    email = checked_email(email)
    try:
        user = store.add_user(
            unit,
            {
                "org_id": organisation.id,
                "email": email,
                "name": name.strip(),
                "role": role,
                "password_hash": hash_password(password),
                "language": language,
            },
        )
    except Conflict as error:
        raise email_conflict(error) from None
    record(unit, "user.created", "app_user", user.id, organisation=organisation.code, role=role)
    return user
