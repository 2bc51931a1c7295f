"""An owner's account at the gateway (Stripe Connect): opened by the owner, its papers given there, read again."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import connect_store as store
from broker.billing.gateway.connect_store import ConnectAccount
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_params import account_link_params, account_params
from broker.billing.invoices.parties import party
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings


def open_account(unit: UnitOfWork, settings: Settings) -> ConnectAccount:
    """The owner asks for an account at the gateway; a worker opens it. Raises `Conflict` (`connect_closed`)."""
    unit.actor.require("owner")
    if not settings.payment.connect:
        raise Conflict(
            "Owners are paid by bank transfer here: give your bank account.", code="connect_closed", field="connect"
        )
    code = new_code("conn")
    account_id = store.insert(unit, code, unit.actor.org)
    if account_id is not None:
        unit.enqueue("open_connect", account_id)
        record(unit, "connect.asked", "connect_account", code)
    found = store.of_org(unit, unit.actor.org)
    assert found is not None
    return found


def open_connect(database: Database, settings: Settings, gateway: Gateway, account_id: int) -> None:
    """Have the gateway open an account, once: the key is the row's code."""
    with database.begin() as unit:
        account = store.by_id(unit, account_id)
        if account is None or account.reference:
            return
        owner = party(unit, account.org_id)
    reference = gateway.create_account(account_params(owner.code, owner.country or "FR"), account.code)
    with database.begin() as unit:
        store.opened(unit, account.id, reference)
        unit.enqueue("read_connect", account.id)
        record(unit, "connect.opened", "connect_account", account.code)


def papers_address(unit: UnitOfWork, settings: Settings, gateway: Gateway) -> str:
    """The gateway's page where the owner gives its papers: good once, for some minutes."""
    unit.actor.require("owner")
    account = find_connect(unit)
    if account is None or not account.reference:
        raise Conflict("Your account is being opened: try again in a moment.", code="connect_opening")
    number = store.another_link(unit, account.id)
    params = account_link_params(account.reference, f"{settings.web.public_url}/payouts/connect")
    return gateway.create_account_link(params, f"{account.code}:{number}")


def ask_connect(unit: UnitOfWork, code: str = "") -> None:
    """Have an account read again: the owner its own, staff the one named."""
    account = find_connect(unit) if not code else by_code(unit, code)
    if account is None:
        raise NotFound(f"There is no account {code!r} at the gateway.")
    unit.enqueue("read_connect", account.id)


def read_connect(database: Database, gateway: Gateway, account_id: int) -> None:
    """Read an account at the gateway: papers due, whether it can be paid, what stands on it."""
    with database.begin() as unit:
        account = store.by_id(unit, account_id)
    if account is None or not account.reference:
        return
    found = gateway.read_account(account.reference)
    try:
        balance = gateway.read_account_balance(account.reference)
    except Conflict:  # a restricted key may not read it: the papers are told all the same
        balance = None
    with database.begin() as unit:
        before = store.by_id(unit, account_id)
        store.read(unit, account_id, found, balance)
        after = store.by_id(unit, account_id)
        assert before is not None
        assert after is not None
        if before.standing != after.standing:
            record(unit, f"connect.{after.standing}", "connect_account", after.code, due=len(after.due))


def find_connect(unit: UnitOfWork) -> ConnectAccount | None:
    """The acting owner's account."""
    unit.actor.require("owner")
    return store.of_org(unit, unit.actor.org)


def by_code(unit: UnitOfWork, code: str) -> ConnectAccount | None:
    """An account for staff."""
    return next((one for one in list_connect(unit) if one.code == code), None)


def list_connect(unit: UnitOfWork) -> list[ConnectAccount]:
    """All accounts, for staff."""
    unit.actor.require("broker", "accountant")
    return store.accounts(unit)


def ready_account(unit: UnitOfWork, settings: Settings, owner_id: int) -> ConnectAccount | None:
    """The account that an owner can be paid to now, if it has one and the settings allow it."""
    if not settings.payment.connect:
        return None
    found = store.of_org(unit, owner_id)
    return found if found is not None and found.standing == "ready" else None
