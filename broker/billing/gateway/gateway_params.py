"""The requests that a gateway gets. Nothing personal is in them: public codes, names of companies, amounts.

`metadata.row` is the code of our row: what was made before a crash is found again by it when a key is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

from stripe.params import (
    AccountCreateParams,
    AccountLinkCreateParams,
    CustomerCreateParams,
    PaymentIntentCreateParams,
    PayoutCreateParams,
    RefundCreateParams,
    TransferCreateParams,
    TransferReversalCreateParams,
)
from stripe.params.checkout import SessionCreateParams

MANDATE_PREFIX = "COURTIER"


def checkout_params(
    amount_cents: int, currency: str, order_code: str, methods: Sequence[str], back: str
) -> SessionCreateParams:
    """A page where an order is paid; `back` is the order's own page."""
    params: SessionCreateParams = {
        "mode": "payment",
        "allowed_payment_method_types": list(methods),
        "client_reference_id": order_code,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": currency.lower(),
                    "unit_amount": amount_cents,
                    "product_data": {"name": f"Courtier {order_code}"},
                },
            }
        ],
        "payment_intent_data": {
            "description": f"Courtier {order_code}",
            "metadata": {"order": order_code},
            "transfer_group": order_code,
        },
        "metadata": {"order": order_code},
        "success_url": f"{back}?done=pay_started",
        "cancel_url": back,
    }
    if "sepa_debit" in methods:
        params["payment_method_options"] = {"sepa_debit": {"mandate_options": {"reference_prefix": MANDATE_PREFIX}}}
    return params


def setup_params(customer: str, kind: str, code: str, back: str) -> SessionCreateParams:
    """A page where a card or a SEPA mandate is given for later payments."""
    params: SessionCreateParams = {
        "mode": "setup",
        "currency": "eur",
        "customer": customer,
        "allowed_payment_method_types": [kind],
        "client_reference_id": code,
        "metadata": {"row": code},
        "success_url": f"{back}?done=means_started",
        "cancel_url": back,
    }
    if kind == "sepa_debit":
        params["payment_method_options"] = {"sepa_debit": {"mandate_options": {"reference_prefix": MANDATE_PREFIX}}}
    return params


def off_session_params(
    amount_cents: int, currency: str, order_code: str, customer: str, means: str, kind: str, row: str
) -> PaymentIntentCreateParams:
    """A payment with a saved means, the payer not being there."""
    return {
        "amount": amount_cents,
        "currency": currency.lower(),
        "customer": customer,
        "payment_method": means,
        "allowed_payment_method_types": [kind],
        "capture_method": "automatic",
        "confirm": True,
        "off_session": True,
        "description": f"Courtier {order_code}",
        "metadata": {"order": order_code, "row": row},
        "transfer_group": order_code,
    }


def customer_params(org_code: str, name: str) -> CustomerCreateParams:
    """An advertiser as payer."""
    return {"name": name, "metadata": {"organisation": org_code}}


def refund_params(intent: str, cents: int, code: str) -> RefundCreateParams:
    """Money back of a payment, for the row `code`."""
    return {
        "payment_intent": intent,
        "amount": cents,
        "reason": "requested_by_customer",
        "metadata": {"row": code},
    }


def account_params(org_code: str, country: str) -> AccountCreateParams:
    """An owner's account that only receives transfers: we bear fees and losses, the gateway collects the papers."""
    return {
        "country": country,
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": "express"},
        },
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"organisation": org_code},
    }


def account_link_params(account: str, back: str) -> AccountLinkCreateParams:
    """Where the owner gives its papers; a link that lapsed comes back to `back`, which gives another."""
    return {
        "account": account,
        "type": "account_onboarding",
        "collection_options": {"fields": "eventually_due"},
        "refresh_url": f"{back}?done=connect_lapsed",
        "return_url": f"{back}?done=connect_back",
    }


def transfer_params(cents: int, account: str, payout_code: str) -> TransferCreateParams:
    """A payout's money to its owner's account; the group is the payout."""
    return {
        "amount": cents,
        "currency": "eur",
        "destination": account,
        "transfer_group": payout_code,
        "description": f"Courtier {payout_code}",
        "metadata": {"row": payout_code},
    }


def reversal_params(cents: int, code: str) -> TransferReversalCreateParams:
    """Money of a transfer back."""
    return {"amount": cents, "metadata": {"row": code}}


def payout_params(cents: int, code: str) -> PayoutCreateParams:
    """Money of the balance to our bank."""
    return {"amount": cents, "currency": "eur", "statement_descriptor": "COURTIER", "metadata": {"row": code}}
