"""API keys: `ck_<prefix>_<secret>`. The prefix finds the row, the secret proves the right."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from broker.accounts import store
from broker.accounts.act_for import acting_for
from broker.accounts.model import ApiKey
from broker.accounts.secrets import bearer_hash, bearer_matches, new_bearer
from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput, NotAuthenticated, NotFound
from broker.kernel.ids import new_code

MARK = "ck"
PREFIX_LENGTH = 10
LONGEST = timedelta(days=3653)  # ten years: whoever means longer means for good


def create_api_key(unit: UnitOfWork, name: str, last_day: date | None = None) -> tuple[ApiKey, str]:
    """Make a key that acts as the acting user; the second value is the secret, shown this once.

    It works until the end of `last_day`, legal time in France; without one until it is revoked. Raises `bad_expiry`.
    """
    if unit.actor.user_id is None:
        raise Forbidden("An API key acts as a user: log in as one.", code="user_needed")
    if unit.actor.agency_id is not None:
        raise Forbidden(
            "You act for a client: go back to your agency first. Its keys act for a client by the header Courtier-For.",
            code="own_organisation_needed",
        )
    if not name.strip():
        raise InvalidInput("Name the key, so that you know later what it is for.", code="missing_name", field="name")
    secret = new_bearer()
    stem = new_code(MARK, PREFIX_LENGTH)
    prefix = stem.removeprefix(f"{MARK}_")
    key = store.add_api_key(
        unit, unit.actor.org, unit.actor.user_id, prefix, bearer_hash(secret), name.strip(), _end(unit, last_day)
    )
    record(unit, "api_key.created", "api_key", prefix)
    return key, f"{stem}_{secret}"


def _end(unit: UnitOfWork, last_day: date | None) -> datetime | None:
    if last_day is None:
        return None
    if not unit.today <= last_day <= unit.today + LONGEST:
        raise InvalidInput(
            f"Choose a last day between today and {(unit.today + LONGEST).isoformat()}, or none.",
            code="bad_expiry",
            field="expires",
        )
    return datetime.combine(last_day + timedelta(days=1), time(), PARIS)


def list_api_keys(unit: UnitOfWork) -> list[ApiKey]:
    """The organisation's keys, newest first."""
    return store.api_keys(unit, unit.actor.org)


def revoke_api_key(unit: UnitOfWork, prefix: str) -> None:
    """End a key at once."""
    unit.actor.require_itself()
    if not store.revoke_api_key(unit, unit.actor.org, prefix):
        raise NotFound("There is no such API key.", code="api_key_not_found")
    record(unit, "api_key.revoked", "api_key", prefix)


def actor_of_api_key(unit: UnitOfWork, secret: str, client_code: str = "") -> Actor:
    """Who a key acts as. Unknown, malformed, revoked and wrong keys get one reply.

    `client_code`: the advertiser for which an agency's program acts; `Forbidden` (`no_mandate`) without its mandate.
    """
    mark, _, rest = secret.partition("_")
    prefix, _, bearer = rest.partition("_")
    found = store.find_api_key(unit, prefix) if mark == MARK and bearer else None
    stored = bytes(found.secret_hash) if found is not None else b""
    if not bearer_matches(stored, bearer) or found is None:
        raise NotAuthenticated("The API key is unknown, revoked, expired or wrong.", code="bad_api_key")
    store.mark_api_key_used(unit, found.key_id)
    actor = Actor(found.role, found.org_id, found.user_id, found.name)
    return acting_for(unit, actor, client_code) if client_code else actor
