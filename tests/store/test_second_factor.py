"""Second factors, invitations, passwords and sessions, with the rights of the front."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyotp
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from broker.accounts import second_factor as factor
from broker.accounts.api_keys import actor_of_api_key, create_api_key
from broker.accounts.change_password import change_password
from broker.accounts.create_organisation import create_organisation
from broker.accounts.create_user import create_user
from broker.accounts.invite import accept_invitation, give_new_link, invite_user
from broker.accounts.log_in import log_in
from broker.accounts.manage_users import deactivate_user, list_users, reactivate_user
from broker.accounts.model import Organisation, User
from broker.accounts.sessions import close_session, find_session, list_sessions
from broker.kernel.actor import PUBLIC, SYSTEM, Actor
from broker.kernel.database import UnitOfWork, identify
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotAuthenticated, NotFound
from broker.vault.keyring import FrontKeys, WorkerKeys

PASSWORD = "correct horse battery staple"
ANNA = "anna@desk.test"
As = Callable[[Actor], UnitOfWork]


@pytest.fixture
def acting(admin_engine: Engine) -> Iterator[As]:
    """A unit of whoever is asked for, as the front (the system: as a worker), in one transaction that is undone."""
    with admin_engine.connect() as connection:
        transaction = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")

        def unit(actor: Actor) -> UnitOfWork:
            role = "courtier_worker" if actor.role == "system" else "courtier_web"
            session.execute(text(f"SET LOCAL ROLE {role}"))
            identify(session, actor)
            return UnitOfWork(session, actor)

        yield unit
        session.close()
        transaction.rollback()


@pytest.fixture
def desk(acting: As) -> Organisation:
    """The broker's organisation."""
    return create_organisation(acting(SYSTEM), "broker", "Desk")


@pytest.fixture
def anna(acting: As, desk: Organisation) -> User:
    """Somebody who works for the broker."""
    return create_user(acting(SYSTEM), desk.code, ANNA, "Anna", "broker", PASSWORD)


@pytest.fixture
def front(worker_keys: WorkerKeys) -> FrontKeys:
    """The front's ring."""
    return worker_keys.front


def actor_of(user: User) -> Actor:
    return Actor(user.role, user.org_id, user.id, user.name)


def enrolled(acting: As, front: FrontKeys, user: User) -> tuple[pyotp.TOTP, list[str]]:
    """A user's device and recovery codes, confirmed with the present code: the next one has not been used."""
    made = factor.start_second_factor(acting(actor_of(user)), front, user.email)
    device = pyotp.TOTP(made.secret)
    code = code_of(acting, device, 0)
    codes = factor.confirm_second_factor(acting(actor_of(user)), front, code)
    return device, codes


def code_of(acting: As, device: pyotp.TOTP, steps: int = 1) -> str:
    """What a device shows in the next half minute, which counts already: no test falls between two steps."""
    now = int(acting(PUBLIC).scalar("SELECT extract(epoch FROM clock_timestamp())"))
    return str(device.at(now + steps * factor.STEP_SECONDS))


def test_a_log_in_without_a_second_factor_asks_for_none(acting: As, anna: User) -> None:
    assert log_in(acting(PUBLIC), ANNA, PASSWORD).stage == "open"


def test_a_password_alone_opens_nothing_once_a_second_factor_is_set_up(
    acting: As, anna: User, front: FrontKeys
) -> None:
    device, _ = enrolled(acting, front, anna)
    half = log_in(acting(PUBLIC), ANNA, PASSWORD)
    assert half.stage == "code"
    assert find_session(acting(PUBLIC), half.token) is None
    whole = factor.pass_second_factor(acting(PUBLIC), front, half.token, code_of(acting, device))
    assert whole is not None
    session = find_session(acting(PUBLIC), whole.token)
    assert session is not None
    assert session.actor == actor_of(anna)
    assert whole.token != half.token
    assert factor.pass_second_factor(acting(PUBLIC), front, half.token, code_of(acting, device)) is None


def test_a_code_counts_once(acting: As, anna: User, front: FrontKeys) -> None:
    device, _ = enrolled(acting, front, anna)
    code = code_of(acting, device)
    tokens = [log_in(acting(PUBLIC), ANNA, PASSWORD).token for _ in range(2)]
    passed = [factor.pass_second_factor(acting(PUBLIC), front, token, code) for token in tokens]
    assert [answer is not None for answer in passed] == [True, False]


def test_a_recovery_code_counts_once_and_is_not_kept(acting: As, anna: User, front: FrontKeys) -> None:
    _, codes = enrolled(acting, front, anna)
    assert len(set(codes)) == factor.RECOVERY_CODES
    for expected in (True, False):
        token = log_in(acting(PUBLIC), ANNA, PASSWORD).token
        entered = factor.pass_second_factor(acting(PUBLIC), front, token, f" {codes[3].upper()} ")
        assert (entered is not None) is expected
    assert factor.find_second_factor(acting(actor_of(anna))).codes_left == factor.RECOVERY_CODES - 1
    kept = str(acting(SYSTEM).all("SELECT code_hash::text FROM recovery_code"))
    assert all(code.encode().hex() not in kept for code in codes)


def test_guessing_ends_the_session_and_then_blocks_for_a_while(acting: As, anna: User, front: FrontKeys) -> None:
    device, _ = enrolled(acting, front, anna)
    for _ in range(2):
        token = log_in(acting(PUBLIC), ANNA, PASSWORD).token
        for _ in range(factor.MOST_WRONG_CODES):
            assert factor.pass_second_factor(acting(PUBLIC), front, token, "no code") is None
        assert factor.pass_second_factor(acting(PUBLIC), front, token, code_of(acting, device)) is None
    token = log_in(acting(PUBLIC), ANNA, PASSWORD).token
    assert factor.pass_second_factor(acting(PUBLIC), front, token, code_of(acting, device)) is None
    acting(SYSTEM).run("UPDATE second_factor SET blocked_until = now() - interval '1 second'")
    assert factor.pass_second_factor(acting(PUBLIC), front, token, code_of(acting, device)) is not None


def test_an_unconfirmed_secret_asks_for_nothing(acting: As, anna: User, front: FrontKeys) -> None:
    factor.start_second_factor(acting(actor_of(anna)), front, ANNA)
    with pytest.raises(InvalidInput) as refusal:
        factor.confirm_second_factor(acting(actor_of(anna)), front, "000000x")
    assert refusal.value.code == "wrong_code"
    assert log_in(acting(PUBLIC), ANNA, PASSWORD).stage == "open"


def test_a_confirmed_one_is_not_replaced(acting: As, anna: User, front: FrontKeys) -> None:
    enrolled(acting, front, anna)
    with pytest.raises(Conflict) as refusal:
        factor.start_second_factor(acting(actor_of(anna)), front, ANNA)
    assert refusal.value.code == "second_factor_there"


def test_a_role_that_must_have_one_may_only_set_it_up(acting: As, anna: User, front: FrontKeys) -> None:
    entered = log_in(acting(PUBLIC), ANNA, PASSWORD, second_factor_for=("broker",))
    assert entered.stage == "enrol"
    session = find_session(acting(PUBLIC), entered.token)
    assert session is not None
    assert session.must_enrol
    enrolled(acting, front, anna)
    session = find_session(acting(PUBLIC), entered.token)
    assert session is not None
    assert not session.must_enrol


def test_the_secret_is_sealed_and_bound_to_its_user(acting: As, anna: User, front: FrontKeys) -> None:
    made = factor.start_second_factor(acting(actor_of(anna)), front, ANNA)
    (row,) = acting(SYSTEM).all("SELECT sealed FROM second_factor WHERE user_id = :id", id=anna.id)
    assert made.secret.encode() not in bytes(row.sealed)
    bob = create_user(acting(SYSTEM), _code(acting, anna), "bob@desk.test", "Bob", "broker", PASSWORD)
    acting(SYSTEM).run(
        "INSERT INTO second_factor (user_id, sealed) VALUES (:id, :sealed)", id=bob.id, sealed=row.sealed
    )
    with pytest.raises(CourtierError) as refusal:
        factor.confirm_second_factor(acting(actor_of(bob)), front, "123456")
    assert refusal.value.code == "unknown_key"


def test_it_is_removed_with_a_code_or_by_the_broker(acting: As, anna: User, front: FrontKeys) -> None:
    bob = create_user(acting(SYSTEM), _code(acting, anna), "bob@desk.test", "Bob", "accountant", PASSWORD)
    _, codes = enrolled(acting, front, bob)
    with pytest.raises(InvalidInput):
        factor.remove_own_second_factor(acting(actor_of(bob)), front, "no code")
    factor.remove_own_second_factor(acting(actor_of(bob)), front, codes[0])
    enrolled(acting, front, bob)
    with pytest.raises(Forbidden):
        factor.remove_second_factor_of(acting(actor_of(bob)), ANNA)
    factor.remove_second_factor_of(acting(actor_of(anna)), bob.email)
    assert log_in(acting(PUBLIC), bob.email, PASSWORD).stage == "open"


def test_an_invited_person_chooses_a_password_once(acting: As, anna: User, desk: Organisation) -> None:
    user, token = invite_user(acting(actor_of(anna)), desk.code, " Carl@Desk.test", "Carl", "accountant")
    for password in ("", PASSWORD):
        with pytest.raises(NotAuthenticated):
            log_in(acting(PUBLIC), user.email, password)
    with pytest.raises(InvalidInput):
        accept_invitation(acting(PUBLIC), token, "short")
    accept_invitation(acting(PUBLIC), token, PASSWORD)
    assert log_in(acting(PUBLIC), "carl@desk.test", PASSWORD).actor == actor_of(user)
    with pytest.raises(NotFound):
        accept_invitation(acting(PUBLIC), token, PASSWORD + "!")


def test_a_new_link_takes_the_place_of_the_old_one(acting: As, anna: User, desk: Organisation) -> None:
    user, first = invite_user(acting(actor_of(anna)), desk.code, "carl@desk.test", "Carl", "accountant")
    second = give_new_link(acting(actor_of(anna)), user.email)
    with pytest.raises(NotFound):
        accept_invitation(acting(PUBLIC), first, PASSWORD)
    accept_invitation(acting(PUBLIC), second, PASSWORD)


def test_only_the_broker_invites(acting: As, anna: User, desk: Organisation) -> None:
    carl = create_user(acting(SYSTEM), desk.code, "carl@desk.test", "Carl", "accountant", PASSWORD)
    with pytest.raises(Forbidden):
        invite_user(acting(actor_of(carl)), desk.code, "eve@desk.test", "Eve", "broker")
    with pytest.raises(InvalidInput):
        invite_user(acting(actor_of(anna)), desk.code, "eve@desk.test", "Eve", "owner")


def test_who_is_deactivated_is_out_at_once_and_comes_back_without_keys(
    acting: As, anna: User, desk: Organisation
) -> None:
    carl = create_user(acting(SYSTEM), desk.code, "carl@desk.test", "Carl", "accountant", PASSWORD)
    token = log_in(acting(PUBLIC), carl.email, PASSWORD).token
    _, secret = create_api_key(acting(actor_of(carl)), "robot")
    deactivate_user(acting(actor_of(anna)), carl.email)
    assert find_session(acting(PUBLIC), token) is None
    with pytest.raises(NotAuthenticated):
        log_in(acting(PUBLIC), carl.email, PASSWORD)
    reactivate_user(acting(actor_of(anna)), carl.email)
    assert find_session(acting(PUBLIC), token) is None
    with pytest.raises(NotAuthenticated):
        actor_of_api_key(acting(PUBLIC), secret)
    assert log_in(acting(PUBLIC), carl.email, PASSWORD).stage == "open"
    people = {user.email: active for user, active in list_users(acting(actor_of(anna)), desk.code)}
    assert people == {ANNA: True, carl.email: True}


def test_nobody_deactivates_himself(acting: As, anna: User) -> None:
    with pytest.raises(Conflict) as refusal:
        deactivate_user(acting(actor_of(anna)), ANNA)
    assert refusal.value.code == "own_account"


def test_a_new_password_ends_the_other_sessions(acting: As, anna: User) -> None:
    here, there = (log_in(acting(PUBLIC), ANNA, PASSWORD).token for _ in range(2))
    session = find_session(acting(PUBLIC), here)
    assert session is not None
    with pytest.raises(InvalidInput):
        change_password(acting(actor_of(anna)), "not this one!", PASSWORD + "2", session.code)
    change_password(acting(actor_of(anna)), PASSWORD, PASSWORD + "2", session.code)
    assert find_session(acting(PUBLIC), here) is not None
    assert find_session(acting(PUBLIC), there) is None
    assert log_in(acting(PUBLIC), ANNA, PASSWORD + "2").stage == "open"


def test_sessions_are_listed_and_closed_by_their_own_user_only(acting: As, anna: User, desk: Organisation) -> None:
    carl = create_user(acting(SYSTEM), desk.code, "carl@desk.test", "Carl", "accountant", PASSWORD)
    token = log_in(acting(PUBLIC), ANNA, PASSWORD).token
    (listed,) = list_sessions(acting(actor_of(anna)))
    assert list_sessions(acting(actor_of(carl))) == []
    for code in (listed.code, "nonsense"):
        with pytest.raises(NotFound):
            close_session(acting(actor_of(carl)), code)
    close_session(acting(actor_of(anna)), listed.code)
    assert find_session(acting(PUBLIC), token) is None


def _code(acting: As, user: User) -> str:
    return str(acting(SYSTEM).scalar("SELECT code FROM organisation WHERE id = :id", id=user.org_id))
