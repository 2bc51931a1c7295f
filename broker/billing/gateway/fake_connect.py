"""The fake's owners' accounts, transfers, payouts and balance."""

from __future__ import annotations

from typing import Any

from broker.billing.gateway import fake_objects as objects
from broker.billing.gateway import fake_store as store
from broker.billing.gateway.fake_objects import DAY
from broker.billing.gateway.fake_store import Body
from broker.billing.gateway.fake_stripe import Refused, Route, missing, page
from broker.kernel.database import UnitOfWork

FIRST_DUE = ["business_profile.url", "external_account", "representative.dob.day", "tos_acceptance.date"]


def routes() -> dict[str, Route]:
    """What the fake answers about money out and the balance."""
    return {
        "POST accounts": _account,
        "GET accounts/:id": _read,
        "POST account_links": _link,
        "POST transfers": _transfer,
        "GET transfers": lambda unit, params, _: page(
            "/v1/transfers", store.having(unit, "transfer", transfer_group=params["transfer_group"]), params
        ),
        "POST transfers/:id/reversals": _reverse,
        "GET transfers/:id/reversals": lambda unit, params, reference: page(
            f"/v1/transfers/{reference}/reversals",
            store.having(unit, "transfer_reversal", transfer=reference),
            params,
        ),
        "POST payouts": _payout,
        "GET payouts": lambda unit, params, _: page("/v1/payouts", _since(unit, "payout", params), params),
        "GET payouts/:id": _read,
        "GET balance": _balance,
        "GET balance_transactions": _lines,
    }


def _read(unit: UnitOfWork, params: Body, reference: str) -> Body:
    found = store.read(unit, reference)
    if found is None:
        raise missing(reference)
    return found


def _account(unit: UnitOfWork, params: Body, _: str) -> Body:
    return store.insert(
        unit,
        {
            "id": objects.mark("acct"),
            "object": "account",
            "country": params.get("country"),
            "created": store.now(unit),
            "default_currency": "eur",
            "details_submitted": False,
            "charges_enabled": False,
            "payouts_enabled": False,
            "capabilities": {"transfers": "inactive"},
            "metadata": params.get("metadata", {}),
            "requirements": _requirements(FIRST_DUE, "requirements.past_due"),
            "type": "none",
        },
    )


def _requirements(due: list[str], reason: str | None) -> Body:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": reason,
        "errors": [],
        "eventually_due": due,
        "past_due": [],
        "pending_verification": [],
    }


def onboard(unit: UnitOfWork, reference: str, due: list[str]) -> Body:
    """What the owner's papers do: with nothing left due the account can be paid."""
    found = _read(unit, {}, reference)
    ready = not due
    return store.update(
        unit,
        {
            **found,
            "details_submitted": True,
            "payouts_enabled": ready,
            "capabilities": {"transfers": "active" if ready else "inactive"},
            "requirements": _requirements(due, None if ready else "requirements.past_due"),
        },
    )


def _link(unit: UnitOfWork, params: Body, _: str) -> Body:
    _read(unit, {}, params["account"])
    at = store.now(unit)
    address = f"/fake-gateway/{params['account']}"
    return {"object": "account_link", "created": at, "expires_at": at + 300, "url": address}


def _funds(unit: UnitOfWork) -> tuple[int, int]:
    """(available, pending) cents of the platform's balance; two that take from it wait for each other."""
    unit.run("SELECT pg_advisory_xact_lock(7203943)")
    at = store.now(unit)
    ready = later = 0
    for one in store.having(unit, "balance_transaction"):
        if one["available_on"] <= at:
            ready += one["net"]
        else:
            later += one["net"]
    return ready, later


PAID_ON_DAYS = 2  # after which an account pays what it holds on to its bank


def _funds_of(unit: UnitOfWork, account: str) -> int:
    """Cents on a connected account: transfers less reversals, less what it has paid on to its bank by itself."""
    transfers = store.having(unit, "transfer", destination=account)
    taken = [one for each in transfers for one in store.having(unit, "transfer_reversal", transfer=each["id"])]
    moves = [(one["created"], 0, one["amount"]) for one in transfers]
    moves += [(one["created"], 1, -one["amount"]) for one in taken]
    moves += [(one["created"] + PAID_ON_DAYS * DAY, 2, 0) for one in transfers]
    held, at = 0, store.now(unit)
    for when, kind, cents in sorted(moves):
        if when <= at:
            held = min(held, 0) if kind == 2 else held + cents
    return held


def _balance(unit: UnitOfWork, params: Body, _: str) -> Body:
    account = params.get("stripe_account")
    ready, later = _funds(unit) if account is None else (_funds_of(unit, str(account)), 0)
    return {
        "object": "balance",
        "livemode": False,
        "available": [{"amount": ready, "currency": "eur", "source_types": {"card": ready}}],
        "pending": [{"amount": later, "currency": "eur", "source_types": {"card": later}}],
    }


def _enough(unit: UnitOfWork, cents: int) -> None:
    if cents > _funds(unit)[0]:
        raise Refused(400, "invalid_request_error", "balance_insufficient", "You have insufficient available funds.")


def _transfer(unit: UnitOfWork, params: Body, _: str) -> Body:
    cents, account = int(params["amount"]), _read(unit, {}, params["destination"])
    if account["capabilities"]["transfers"] != "active":
        raise Refused(
            400, "invalid_request_error", "insufficient_capabilities_for_transfer", "The account has no transfers."
        )
    _enough(unit, cents)
    reference = objects.mark("tr")
    moved = objects.line(unit, "transfer", -cents, reference)
    return objects.moved(
        unit, "transfer", "tr", cents, moved, reference=reference, amount_reversed=0, reversed=False, livemode=False,
        destination=account["id"], transfer_group=params.get("transfer_group"), source_type="card",
        source_transaction=None, description=params.get("description"), metadata=params.get("metadata", {}),
    )  # fmt: skip


def _reverse(unit: UnitOfWork, params: Body, transfer: str) -> Body:
    made = store.read(unit, transfer, lock=True)
    if made is None:
        raise missing(transfer)
    cents, left = int(params["amount"]), made["amount"] - made["amount_reversed"]
    if not 0 < cents <= left:
        raise Refused(400, "invalid_request_error", "amount_too_large", "Reversal amount is greater than unreversed.")
    reference = objects.mark("trr")
    moved = objects.line(unit, "transfer_refund", cents, reference)
    taken = made["amount_reversed"] + cents
    store.update(unit, {**made, "amount_reversed": taken, "reversed": taken == made["amount"]})
    return objects.moved(
        unit, "transfer_reversal", "trr", cents, moved, reference=reference, transfer=transfer,
        metadata=params.get("metadata", {}), source_refund=None, destination_payment_refund=None,
    )  # fmt: skip


def _payout(unit: UnitOfWork, params: Body, _: str) -> Body:
    cents = int(params["amount"])
    _enough(unit, cents)
    reference, at = objects.mark("po"), store.now(unit)
    moved = objects.line(unit, "payout", -cents, reference)
    return objects.moved(
        unit, "payout", "po", cents, moved, reference=reference, arrival_date=at + DAY, automatic=False,
        livemode=False, method="standard", status="in_transit", type="bank_account", source_type="card",
        metadata=params.get("metadata", {}), statement_descriptor=params.get("statement_descriptor"),
        failure_balance_transaction=None, failure_code=None,
    )  # fmt: skip


def _since(unit: UnitOfWork, kind: str, params: Body) -> list[Body]:
    start: Any = params.get("created", {}).get("gte", 0)
    return [one for one in store.having(unit, kind) if one["created"] >= int(start)]


def _lines(unit: UnitOfWork, params: Body, _: str) -> Body:
    at = store.now(unit)
    found = [objects.shown_line(one, at) for one in _since(unit, "balance_transaction", params)]
    return page("/v1/balance_transactions", found, params)
