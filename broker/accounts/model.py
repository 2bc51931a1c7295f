"""Organisations, users, sessions, API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.kernel.actor import Actor

OrganisationKind = Literal["owner", "advertiser", "agency", "broker"]
UserRole = Literal["owner", "advertiser", "agency", "broker", "accountant"]
Language = Literal["fr", "en"]

# Who may log in for whom: the accountant works for the broker.
ROLES_OF_KIND: dict[OrganisationKind, frozenset[UserRole]] = {
    "owner": frozenset({"owner"}),
    "advertiser": frozenset({"advertiser"}),
    "agency": frozenset({"agency"}),
    "broker": frozenset({"broker", "accountant"}),
}
LEGAL_FIELDS = ("siren", "vat_number", "street", "postcode", "city", "country", "language", "sector", "vat_due")


@dataclass(frozen=True, slots=True)
class Organisation:
    """A base owner, an advertiser, an agency that orders for advertisers, or the broker."""

    id: int
    code: str
    kind: OrganisationKind
    name: str
    siren: str | None
    vat_number: str | None
    street: str | None
    postcode: str | None
    city: str | None
    country: str
    language: Language
    sector: str | None
    vat_due: Literal["receipt", "invoice"]


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in. The password is kept as an argon2id hash only, and not here."""

    id: int
    org_id: int
    email: str
    name: str
    role: UserRole
    language: Language


# How far a log-in has come: `code` waits for a one-time code, `enrol` may do nothing but set up a second factor.
Stage = Literal["open", "code", "enrol"]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A fresh session: `token` goes into the cookie and is kept nowhere; `csrf` goes into forms."""

    token: str
    csrf: str
    actor: Actor
    language: Language
    stage: Stage = "open"


@dataclass(frozen=True, slots=True)
class SessionView:
    """Who a session's cookie stands for; `code` names the session itself.

    With `must_enrol` the person may do nothing yet but set up a second factor.
    """

    actor: Actor
    name: str
    org_name: str
    language: Language
    csrf: str
    code: str = ""
    must_enrol: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One place where a user is logged in."""

    code: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a program. The secret was shown once; a SHA-256 of it is kept."""

    id: int
    prefix: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None
