"""One-time codes as a second factor (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds, as every authenticator reads them).

Setting up: `start_second_factor` gives the secret, `confirm_second_factor` proves that the person's device has it and
gives the recovery codes, shown once. Logging in: `pass_second_factor` turns a session of stage `code` into an open one.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

import pyotp

from broker.accounts import people_store, store
from broker.accounts.log_in import SESSION_SECONDS
from broker.accounts.model import LoggedIn
from broker.accounts.secrets import bearer_hash, new_bearer
from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.vault.front_box import open_for_front, seal_for_front
from broker.vault.keyring import FrontKeys

ISSUER = "Courtier"
STEP_SECONDS = 30
DRIFT_STEPS = 1  # a clock may be off by half a minute either way (RFC 6238 section 5.2)
MOST_WRONG_CODES = 5
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class NewSecret:
    """What an authenticator is given: the secret in base 32, and the same as an `otpauth:` address for a QR code."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Whether the acting user has one, and how many recovery codes are left."""

    confirmed: bool
    codes_left: int


def start_second_factor(unit: UnitOfWork, front: FrontKeys, label: str) -> NewSecret:
    """Make the acting user's secret; log-in asks for nothing until it is confirmed. `label` names the account."""
    secret = pyotp.random_base32()
    if not people_store.start_second_factor(unit, seal_for_front(front, secret.encode(), _info(_user(unit)))):
        raise Conflict(
            "You have a second factor already; remove it first to set up another.", code="second_factor_there"
        )
    return _shown(secret, label)


def pending_secret(unit: UnitOfWork, front: FrontKeys, label: str) -> NewSecret | None:
    """The secret that the acting user was given and has not confirmed yet; None where there is none such."""
    found = people_store.own_second_factor(unit)
    if found is None or found.confirmed:
        return None
    secret = open_for_front(front, bytes(found.sealed), _info(_user(unit))).decode()
    return _shown(secret, label)


def confirm_second_factor(unit: UnitOfWork, front: FrontKeys, code: str) -> list[str]:
    """Prove by a code that the device has the secret; returns the recovery codes, shown this once."""
    found = people_store.own_second_factor(unit)
    if found is None or found.confirmed:
        raise Conflict("There is no second factor to confirm: start again.", code="second_factor_not_started")
    step = _step_of(unit, front, bytes(found.sealed), _user(unit), code, found.last_step)
    if step is None:
        raise InvalidInput(
            "This code is not right. Look at the clock of your device, and type the code that it shows now.",
            code="wrong_code",
            field="code",
        )
    codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]
    people_store.confirm_second_factor(unit, step, [_code_hash(code) for code in codes])
    record(unit, "second_factor.confirmed", "app_user", _user(unit))
    return codes


def pass_second_factor(unit: UnitOfWork, front: FrontKeys, token: str, code: str) -> LoggedIn | None:
    """Open the session behind `token` with a one-time or recovery code; the opened one has a new token.

    None for a wrong code, a used one or a session that is over. It is an answer and no error, so that the caller
    commits the count of wrong codes: after `MOST_WRONG_CODES` the session is gone.
    """
    found = people_store.waiting_for_code(unit, bearer_hash(token))
    if found is None:
        return None
    step = _step_of(unit, front, bytes(found.sealed), found.user_id, code, found.last_step)
    if step is not None:
        passed = people_store.use_step(unit, found.user_id, step)
    else:
        passed = people_store.use_recovery_code(unit, found.user_id, _code_hash(code))
        if passed:
            record(unit, "second_factor.recovery_code_used", "app_user", found.user_id)
    if not passed:
        people_store.count_wrong_code(unit, bearer_hash(token), MOST_WRONG_CODES)
        return None
    store.close_session(unit, bearer_hash(token))
    fresh, csrf = new_bearer(), new_bearer()
    store.open_session(unit, found.user_id, bearer_hash(fresh), csrf, SESSION_SECONDS)
    return LoggedIn(fresh, csrf, Actor(found.role, found.org_id, found.user_id, found.name), found.language)


def passes_second_factor(unit: UnitOfWork, front: FrontKeys, code: str) -> bool:
    """Whether a code of the acting user's confirmed device is right; it counts once."""
    found = people_store.own_second_factor(unit)
    if found is None or not found.confirmed:
        return False
    step = _step_of(unit, front, bytes(found.sealed), _user(unit), code, found.last_step)
    return step is not None and people_store.use_step(unit, _user(unit), step)


def find_second_factor(unit: UnitOfWork) -> SecondFactor:
    """What the acting user has."""
    found = people_store.own_second_factor(unit)
    return SecondFactor(False, 0) if found is None else SecondFactor(found.confirmed, found.codes_left)


def remove_own_second_factor(unit: UnitOfWork, front: FrontKeys, code: str) -> None:
    """Take the acting user's second factor away, against a code of it or a recovery code."""
    found = people_store.own_second_factor(unit)
    if found is None:
        raise NotFound("You have no second factor.", code="second_factor_not_found")
    user_id = _user(unit)
    if (
        found.confirmed
        and _step_of(unit, front, bytes(found.sealed), user_id, code, found.last_step) is None
        and not people_store.use_recovery_code(unit, user_id, _code_hash(code))
    ):
        raise InvalidInput("This code is not right.", code="wrong_code", field="code")
    people_store.remove_second_factor(unit, user_id)
    record(unit, "second_factor.removed", "app_user", user_id)


def remove_second_factor_of(unit: UnitOfWork, email: str) -> None:
    """Take a person's second factor away, for whoever lost device and codes; the broker has seen who asks."""
    unit.actor.require("broker")
    user = people_store.user_by_email(unit, email.strip().lower())
    if user is None or not people_store.remove_second_factor(unit, user.id):
        raise NotFound("This person has no second factor.", code="second_factor_not_found", field="email")
    record(unit, "second_factor.removed", "app_user", user.id, by_broker=True)


def _shown(secret: str, label: str) -> NewSecret:
    return NewSecret(secret, pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER))


def _step_of(unit: UnitOfWork, front: FrontKeys, sealed: bytes, user_id: int, code: str, last_step: int) -> int | None:
    """The step of time that a code belongs to, later than the last one used; None when the code is wrong.

    By the server's real clock: a device knows nothing of a demo's.
    """
    digits = "".join(code.split())
    totp = pyotp.TOTP(open_for_front(front, sealed, _info(user_id)).decode(), interval=STEP_SECONDS)
    now = int(unit.scalar("SELECT extract(epoch FROM clock_timestamp())")) // STEP_SECONDS
    steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    found = [step for step in steps if pyotp.utils.strings_equal(totp.generate_otp(step), digits)]
    return next((step for step in found if step > last_step), None)


def _code_hash(code: str) -> bytes:
    """What is kept of a recovery code. It has 64 random bits, too many to be tried against a hash one by one."""
    return hashlib.sha256("".join(code.split()).lower().encode()).digest()


def _info(user_id: int) -> str:
    return f"second factor|{user_id}"


def _user(unit: UnitOfWork) -> int:
    if unit.actor.user_id is None:
        raise Forbidden("A second factor belongs to a user: log in as one.", code="user_needed")
    return unit.actor.user_id
