"""Accounts: log-in, sessions, API keys; what is stored of their secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from broker.accounts import secrets
from broker.accounts.api_keys import actor_of_api_key, create_api_key, list_api_keys, revoke_api_key
from broker.accounts.create_organisation import create_organisation
from broker.accounts.create_user import create_user
from broker.accounts.find_user import actor_of_user
from broker.accounts.log_in import log_in
from broker.accounts.model import User
from broker.accounts.secrets import password_matches
from broker.accounts.sessions import find_session, log_out
from broker.kernel.actor import PUBLIC, SYSTEM, Actor
from broker.kernel.database import UnitOfWork, identify
from broker.kernel.errors import CourtierError, Forbidden, InvalidInput, NotAuthenticated, NotFound

PASSWORD = "correct horse battery staple"
As = Callable[[Actor], UnitOfWork]


@pytest.fixture
def acting(connection: Connection) -> Iterator[As]:
    """A unit of whoever is asked for, in one transaction that is undone."""
    session = Session(connection, join_transaction_mode="create_savepoint")

    def unit(actor: Actor) -> UnitOfWork:
        identify(session, actor)
        return UnitOfWork(session, actor)

    yield unit
    session.close()


@pytest.fixture
def anna(acting: As) -> User:
    """A user of an owner."""
    unit = acting(SYSTEM)
    shop = create_organisation(unit, "owner", "Shop", siren="732829320", language="en")
    return create_user(unit, shop.code, " Anna@Shop.test ", "Anna", "owner", PASSWORD, "en")


def test_log_in_opens_a_session(acting: As, anna: User) -> None:
    logged_in = log_in(acting(PUBLIC), " ANNA@shop.test", PASSWORD)
    assert logged_in.actor == Actor("owner", anna.org_id, anna.id, "Anna")
    assert logged_in.language == "en"
    session = find_session(acting(PUBLIC), logged_in.token)
    assert session is not None
    assert (session.actor, session.csrf) == (logged_in.actor, logged_in.csrf)
    assert (session.name, session.org_name, session.language) == ("Anna", "Shop", "en")


def test_log_out_ends_it(acting: As, anna: User) -> None:
    token = log_in(acting(PUBLIC), "anna@shop.test", PASSWORD).token
    log_out(acting(PUBLIC), token)
    assert find_session(acting(PUBLIC), token) is None
    log_out(acting(PUBLIC), token)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@shop.test", "wrong password"),
        ("anna@shop.test", ""),
        ("anna@shop.test", PASSWORD + "x" * 2000),
        ("nobody@shop.test", PASSWORD),
        ("", ""),
        ("' OR true --", PASSWORD),
    ],
)
def test_every_wrong_log_in_gets_one_reply(acting: As, anna: User, email: str, password: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        log_in(acting(PUBLIC), email, password)
    assert (refusal.value.code, refusal.value.sentence, refusal.value.field) == (
        "bad_credentials",
        "E-mail or password is wrong.",
        None,
    )


def test_an_unknown_user_costs_the_same_hash(acting: As, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = secrets._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored.rpartition("$")[0].rpartition("$")[0])  # without salt and hash
            return real.verify(stored, password)

        hash = staticmethod(real.hash)

    monkeypatch.setattr(secrets, "_hasher", Counting())
    for email in ("anna@shop.test", "nobody@shop.test"):
        with pytest.raises(NotAuthenticated):
            log_in(acting(PUBLIC), email, "wrong password")
    assert len(verified) == 2
    assert verified[0] == verified[1]
    assert verified[0].startswith("$argon2id$")


def test_a_password_costs_what_rfc_9106_asks_for(product_hasher: PasswordHasher) -> None:
    stored = product_hasher.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert password_matches(stored, PASSWORD)
    assert not password_matches(stored, PASSWORD[:-1])


def test_a_user_who_left_is_out_at_once(acting: As, anna: User) -> None:
    unit = acting(PUBLIC)
    token = log_in(unit, "anna@shop.test", PASSWORD).token
    unit.run("UPDATE app_user SET active = false WHERE id = :id", id=anna.id)
    assert find_session(unit, token) is None
    with pytest.raises(NotAuthenticated):
        log_in(unit, "anna@shop.test", PASSWORD)


def test_a_session_ends_by_itself(acting: As, anna: User) -> None:
    unit = acting(PUBLIC)
    token = log_in(unit, "anna@shop.test", PASSWORD).token
    unit.run("UPDATE web_session SET expires_at = now()")
    assert find_session(unit, token) is None


def test_only_hashes_of_secrets_are_stored(acting: As, anna: User) -> None:
    unit = acting(Actor("owner", anna.org_id, anna.id))
    token = log_in(unit, "anna@shop.test", PASSWORD).token
    _, secret = create_api_key(unit, "robot")
    stored = "".join(
        str(row)
        for table in ("web_session", "api_key", "app_user", "audit_entry")
        for row in unit.all(f"SELECT to_jsonb(t)::text FROM {table} t")
    )
    bearer = secret.split("_", 2)[2]
    assert not [text for text in (token, bearer, PASSWORD) if text in stored]
    assert hashlib.sha256(token.encode()).hexdigest() in stored
    assert hashlib.sha256(bearer.encode()).hexdigest() in stored
    assert "$argon2id$" in stored


def test_an_api_key_acts_as_its_user(acting: As, anna: User) -> None:
    actor = Actor("owner", anna.org_id, anna.id, "Anna")
    key, secret = create_api_key(acting(actor), " nightly ")
    assert secret.startswith(f"ck_{key.prefix}_")
    assert key.name == "nightly"
    assert actor_of_api_key(acting(PUBLIC), secret) == actor
    (listed,) = list_api_keys(acting(actor))
    assert listed.prefix == key.prefix
    assert listed.last_used_at is not None


def test_a_revoked_key_is_out_at_once(acting: As, anna: User) -> None:
    actor = Actor("owner", anna.org_id, anna.id)
    key, secret = create_api_key(acting(actor), "robot")
    revoke_api_key(acting(actor), key.prefix)
    with pytest.raises(NotAuthenticated):
        actor_of_api_key(acting(PUBLIC), secret)
    with pytest.raises(NotFound):
        revoke_api_key(acting(actor), key.prefix)


def test_a_key_works_to_the_end_of_its_last_day(acting: As, anna: User) -> None:
    owner = Actor("owner", anna.org_id, anna.id)
    today = acting(owner).today
    key, secret = create_api_key(acting(owner), "robot", today)
    assert actor_of_api_key(acting(PUBLIC), secret).user_id == anna.id
    acting(SYSTEM).run("UPDATE api_key SET expires_at = app_now() WHERE prefix = :prefix", prefix=key.prefix)
    with pytest.raises(NotAuthenticated) as refusal:
        actor_of_api_key(acting(PUBLIC), secret)
    assert refusal.value.code == "bad_api_key"
    assert key.expires_at is not None
    assert key.expires_at > acting(owner).now
    for wrong in (today - timedelta(days=1), today + timedelta(days=4000)):
        with pytest.raises(InvalidInput) as bad:
            create_api_key(acting(owner), "robot", wrong)
        assert bad.value.code == "bad_expiry"


def test_nobody_revokes_anothers_key(acting: As, anna: User) -> None:
    key, _ = create_api_key(acting(Actor("owner", anna.org_id, anna.id)), "robot")
    with pytest.raises(NotFound):
        revoke_api_key(acting(Actor("owner", anna.org_id + 1, anna.id + 1)), key.prefix)


def test_every_wrong_key_gets_one_reply(acting: As, anna: User) -> None:
    key, secret = create_api_key(acting(Actor("owner", anna.org_id, anna.id)), "robot")
    wrong = ["", "ck_", "ck__", f"ck_{key.prefix}_", f"ck_{key.prefix}", secret[:-1], secret + "x", secret.upper()]
    wrong += [f"xx{secret[2:]}", "ck_0000000000_" + secret.split("_", 2)[2], "ck_\N{SNOWMAN}_x"]
    for attempt in wrong:
        with pytest.raises(NotAuthenticated) as refusal:
            actor_of_api_key(acting(PUBLIC), attempt)
        assert refusal.value.code == "bad_api_key"


def test_a_key_needs_a_user_and_a_name(acting: As, anna: User) -> None:
    with pytest.raises(Forbidden):
        create_api_key(acting(SYSTEM), "robot")
    with pytest.raises(InvalidInput):
        create_api_key(acting(Actor("owner", anna.org_id, anna.id)), " ")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "short"}, "bad_password"),
        ({"password": "x" * 1025}, "bad_password"),
        ({"email": "no address"}, "bad_email"),
        ({"email": "ANNA@shop.test"}, "email_taken"),
        ({"role": "broker"}, "bad_role"),
        ({"role": "accountant"}, "bad_role"),
        ({"org_code": "org_unknown"}, "organisation_not_found"),
    ],
)
def test_a_user_that_cannot_be_is_refused(acting: As, anna: User, change: dict[str, str], code: str) -> None:
    unit = acting(SYSTEM)
    shop = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=anna.org_id)
    wanted = {
        "org_code": shop,
        "email": "bob@shop.test",
        "name": "Bob",
        "role": "owner",
        "password": PASSWORD,
        **change,
    }
    with pytest.raises(CourtierError) as refusal:
        create_user(unit, **wanted)
    assert refusal.value.code == code
    assert refusal.value.field


@pytest.mark.parametrize(
    ("kind", "name", "legal", "code"),
    [
        ("bank", "x", {}, "bad_kind"),
        ("owner", " ", {}, "missing_name"),
        ("owner", "x", {"sirene": "1"}, "unknown_field"),
    ],
)
def test_an_organisation_that_cannot_be_is_refused(
    acting: As, kind: str, name: str, legal: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create_organisation(acting(SYSTEM), kind, name, **legal)
    assert refusal.value.code == code


def test_only_the_broker_creates_accounts(acting: As, anna: User) -> None:
    unit = acting(Actor("owner", anna.org_id, anna.id))
    with pytest.raises(Forbidden):
        create_organisation(unit, "owner", "Mine")
    with pytest.raises(Forbidden):
        create_user(unit, "org_x", "x@shop.test", "X", "owner", PASSWORD)
    with pytest.raises(Forbidden):
        actor_of_user(unit, "anna@shop.test")


def test_the_operator_finds_a_user_by_address(acting: As, anna: User) -> None:
    assert actor_of_user(acting(SYSTEM), " Anna@shop.test").user_id == anna.id
    with pytest.raises(NotFound):
        actor_of_user(acting(SYSTEM), "nobody@shop.test")


def test_the_front_does_all_this_with_its_own_rights(admin_engine: Engine) -> None:
    with admin_engine.connect() as connection, connection.begin() as transaction:
        session = Session(connection, join_transaction_mode="create_savepoint")
        identify(session, SYSTEM)
        system = UnitOfWork(session, SYSTEM)
        shop = create_organisation(system, "owner", "Shop")
        create_user(system, shop.code, "bob@shop.test", "Bob", "owner", PASSWORD)
        connection.execute(text("SET LOCAL ROLE courtier_web"))
        identify(session, PUBLIC)
        public = UnitOfWork(session, PUBLIC)
        logged_in = log_in(public, "bob@shop.test", PASSWORD)
        assert find_session(public, logged_in.token) is not None
        identify(session, logged_in.actor)
        bob = UnitOfWork(session, logged_in.actor)
        key, secret = create_api_key(bob, "robot")
        assert [listed.prefix for listed in list_api_keys(bob)] == [key.prefix]
        identify(session, PUBLIC)
        assert actor_of_api_key(public, secret) == logged_in.actor
        identify(session, logged_in.actor)
        revoke_api_key(bob, key.prefix)
        identify(session, PUBLIC)
        with pytest.raises(NotAuthenticated):
            actor_of_api_key(public, secret)
        log_out(public, logged_in.token)
        assert find_session(public, logged_in.token) is None
        session.close()
        transaction.rollback()
