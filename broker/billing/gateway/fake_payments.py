"""The fake's payers: checkout, saved means, payments, refunds.

A test means named by its kind plays a part, as Stripe's test cards do: a means saved on a page whose button said
`declined` or `action` does so whenever it is used.
"""

from __future__ import annotations

from typing import Any

from broker.billing.gateway import fake_objects as objects
from broker.billing.gateway import fake_store as store
from broker.billing.gateway.fake_store import Body
from broker.billing.gateway.fake_stripe import Refused, Route, listed, missing, page
from broker.kernel.database import UnitOfWork

SESSION_HOURS = 24


def routes(pay_at_once: bool) -> dict[str, Route]:
    """What the fake answers about payments. `pay_at_once`: a page is paid on as it is made."""

    def create_session(unit: UnitOfWork, params: Body, _: str) -> Body:
        session = _session(unit, params)
        return complete(unit, session["id"]) if pay_at_once and session["mode"] == "payment" else session

    return {
        "POST customers": _customer,
        "POST checkout/sessions": create_session,
        "GET checkout/sessions/:id": _read_session,
        "POST checkout/sessions/:id/expire": _expire,
        "POST payment_intents": _off_session,
        "GET payment_intents": lambda unit, params, _: page(
            "/v1/payment_intents", store.having(unit, "payment_intent", customer=params["customer"]), params
        ),
        "GET payment_intents/:id": _read,
        "POST payment_intents/:id/cancel": _cancel,
        "GET setup_intents/:id": _read,
        "POST payment_methods/:id/detach": _detach,
        "POST refunds": _refund,
        "GET refunds": lambda unit, params, _: _of_payment(unit, "refund", "/v1/refunds", params),
        "GET disputes": lambda unit, params, _: _of_payment(unit, "dispute", "/v1/disputes", params),
    }


def _read(unit: UnitOfWork, params: Body, reference: str) -> Body:
    found = store.read(unit, reference)
    if found is None:
        raise missing(reference)
    return found


def _customer(unit: UnitOfWork, params: Body, _: str) -> Body:
    made = {
        "id": objects.mark("cus"), "object": "customer", "name": params.get("name"), "livemode": False,
        "created": store.now(unit), "metadata": params.get("metadata", {}), "delinquent": False,
    }  # fmt: skip
    return store.insert(unit, made)


def _session(unit: UnitOfWork, params: Body) -> Body:
    items = listed(params.get("line_items"))
    total = sum(int(one["price_data"]["unit_amount"]) * int(one["quantity"]) for one in items)
    reference, at = objects.mark("cs"), store.now(unit)
    return store.insert(
        unit,
        {
            "id": reference,
            "object": "checkout.session",
            "mode": params["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": total or None,
            "currency": items[0]["price_data"]["currency"] if items else params.get("currency"),
            "client_reference_id": params.get("client_reference_id"),
            "customer": params.get("customer"),
            "created": at,
            "expires_at": at + SESSION_HOURS * 3600,
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "payment_intent": None,
            "setup_intent": None,
            "allowed_payment_method_types": listed(params.get("allowed_payment_method_types")) or ["card"],
            "success_url": params.get("success_url"),
            "cancel_url": params.get("cancel_url"),
            "url": f"/fake-gateway/{reference}",
        },
    )


def _read_session(unit: UnitOfWork, params: Body, reference: str) -> Body:
    session = store.read(unit, reference, lock=True)
    if session is None:
        raise missing(reference)
    if session["status"] == "open" and session["expires_at"] <= store.now(unit):
        session = store.update(unit, {**session, "status": "expired", "url": None})
    return session


def _expire(unit: UnitOfWork, params: Body, reference: str) -> Body:
    session = _read_session(unit, {}, reference)
    if session["status"] != "open":
        raise Refused(400, "invalid_request_error", "", "Only open Checkout Sessions can be expired.")
    return store.update(unit, {**session, "status": "expired", "url": None})


def complete(unit: UnitOfWork, reference: str, kind: str = "", plays: str = "") -> Body:
    """What pressing the page's button does: the payment is made, or the means saved. A debit takes days."""
    session = _read_session(unit, {}, reference)
    if session["status"] != "open":
        return session
    kind = kind or session["allowed_payment_method_types"][0]
    done: Body = {"status": "complete", "url": None}
    if session["mode"] == "setup":
        done["setup_intent"] = _setup(unit, session, kind, plays)["id"]
    else:
        paid = objects.intent(
            unit, session["amount_total"], session["currency"], session["metadata"], payment_method_types=[kind]
        )
        paid = settle(unit, paid, kind)
        done["payment_intent"] = paid["id"]
        done["payment_status"] = "paid" if paid["status"] == "succeeded" else "unpaid"
    return store.update(unit, {**session, **done})


def settle(unit: UnitOfWork, paid: Body, kind: str) -> Body:
    """A card pays at once; a debit is under way."""
    if kind == "sepa_debit":
        return store.update(unit, {**paid, "status": "processing"})
    return succeed(unit, paid, kind)


def succeed(unit: UnitOfWork, paid: Body, kind: str, fee: int = 0) -> Body:
    """The money is there."""
    taken = objects.charge(unit, paid, kind, fee)
    done = {"status": "succeeded", "amount_received": paid["amount"], "latest_charge": taken["id"], "next_action": None}
    return store.update(unit, {**paid, **done})


def _setup(unit: UnitOfWork, session: Body, kind: str, plays: str) -> Body:
    about: Body = (
        {"sepa_debit": {"bank_code": "20041", "branch_code": "01005", "country": "FR", "fingerprint": None,
                        "last4": "2606"}}
        if kind == "sepa_debit"
        else {"card": {"brand": "visa", "country": "FR", "exp_month": 12, "exp_year": 2031, "fingerprint": None,
                       "funding": "credit", "last4": "4242"}}
    )  # fmt: skip
    method = store.insert(
        unit,
        {
            "id": objects.mark("pm"),
            "object": "payment_method",
            "type": kind,
            "created": store.now(unit),
            "customer": session["customer"],
            "livemode": False,
            "metadata": {"plays": plays} if plays else {},
            **about,
        },
    )
    mandate = None
    if kind == "sepa_debit":
        reference = objects.mark("mandate")
        mandate = store.insert(
            unit,
            {
                "id": reference,
                "object": "mandate",
                "type": "multi_use",
                "status": "active",
                "livemode": False,
                "payment_method": method["id"],
                "payment_method_details": {
                    "type": "sepa_debit",
                    "sepa_debit": {
                        "reference": "COURTIER" + reference[-12:].upper(),
                        "url": f"/fake-gateway/{reference}",
                    },
                },
            },
        )
    made = {
        "id": objects.mark("seti"), "object": "setup_intent", "status": "succeeded", "created": store.now(unit),
        "customer": session["customer"], "livemode": False, "metadata": session["metadata"], "usage": "off_session",
        "payment_method": method["id"], "payment_method_types": [kind], "mandate": mandate and mandate["id"],
        "client_secret": None,
    }  # fmt: skip
    return store.insert(unit, made)


def _off_session(unit: UnitOfWork, params: Body, _: str) -> Body:
    method = store.read(unit, params["payment_method"], lock=True)
    if method is None or method["customer"] != params.get("customer"):
        raise missing(params["payment_method"])
    paid = objects.intent(
        unit,
        int(params["amount"]),
        params["currency"],
        params.get("metadata", {}),
        customer=method["customer"],
        payment_method=method["id"],
        payment_method_types=[method["type"]],
        description=params.get("description"),
        transfer_group=params.get("transfer_group"),
    )
    plays = method["metadata"].get("plays", "")
    if plays in ("declined", "action"):
        code = "card_declined" if plays == "declined" else "authentication_required"
        failure: Body = {"type": "card_error", "code": code, "message": "Your card was declined."}
        body = {**paid, "last_payment_error": failure}
        raise Refused(402, "card_error", code, "Your card was declined.", made=body)
    return settle(unit, paid, method["type"])


def _cancel(unit: UnitOfWork, params: Body, reference: str) -> Body:
    paid = store.read(unit, reference, lock=True)
    if paid is None:
        raise missing(reference)
    if paid["status"] in ("succeeded", "processing", "canceled"):
        raise Refused(400, "invalid_request_error", "payment_intent_unexpected_state", "It cannot be cancelled.")
    return store.update(unit, {**paid, "status": "canceled", "canceled_at": store.now(unit)})


def _detach(unit: UnitOfWork, params: Body, reference: str) -> Body:
    method = store.read(unit, reference, lock=True)
    if method is None or method["customer"] is None:
        raise Refused(400, "invalid_request_error", "payment_method_unexpected_state", "It is not attached.")
    return store.update(unit, {**method, "customer": None})


def _refund(unit: UnitOfWork, params: Body, _: str) -> Body:
    paid = store.read(unit, params["payment_intent"], lock=True)
    if paid is None or paid["latest_charge"] is None:
        raise missing(params["payment_intent"])
    taken: Any = store.read(unit, paid["latest_charge"], lock=True)
    cents, left = int(params["amount"]), taken["amount"] - taken["amount_refunded"]
    if taken["disputed"]:
        raise Refused(400, "invalid_request_error", "charge_disputed", "The charge has been charged back.")
    if not 0 < cents <= left:
        code = "charge_already_refunded" if not left else "amount_too_large"
        raise Refused(400, "invalid_request_error", code, "Refund amount is greater than unrefunded amount.")
    reference = objects.mark("re")
    moved = objects.line(unit, "refund", -cents, reference)
    given = taken["amount_refunded"] + cents
    store.update(unit, {**taken, "amount_refunded": given, "refunded": given == taken["amount"]})
    return objects.moved(
        unit, "refund", "re", cents, moved, reference=reference, charge=taken["id"], payment_intent=paid["id"],
        status="succeeded", reason=None, metadata=params.get("metadata", {}), failure_balance_transaction=None,
    )  # fmt: skip


def _of_payment(unit: UnitOfWork, kind: str, url: str, params: Body) -> Body:
    found = store.having(unit, kind, payment_intent=params["payment_intent"])
    if kind == "dispute":
        for one in found:
            one["balance_transactions"] = [store.read(unit, line) for line in one["balance_transactions"]]
    return page(url, found, params)
