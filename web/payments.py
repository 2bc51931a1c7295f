"""Payments: the gateway's webhooks, and the local fake's page where a demo pays with no money."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.collect import find_payment
from broker.billing.fake_gateway import FakeGateway
from broker.billing.webhook import receive_webhook
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import NotFound
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("payments", __name__)


@pages.get("/fake-gateway/<reference>")
@for_roles("advertiser")
def fake(reference: str) -> str:
    """The fake's page: it says what it is."""
    intent = fake_gateway().read_intent(reference)
    return render_template("payments/fake.html", intent=intent, order=request.args.get("order", ""))


@pages.post("/fake-gateway/<reference>")
@for_roles("advertiser")
def pay(reference: str) -> Response:
    """Press its button: the fake sends its signed webhook, as Stripe would."""
    means, gateway = front(), fake_gateway()
    payload, signature = gateway.pay(reference)
    with means.database.begin(PUBLIC) as work:
        receive_webhook(work, gateway, payload, signature)
    order = request.form.get("order", "")
    with unit() as work:
        known = find_payment(work, order) is not None
    return redirect(url_for("orders.show", code=order, done="paid") if known else url_for("orders.index"), 303)


@pages.post("/webhooks/stripe")
def stripe_webhook() -> tuple[str, int]:
    """A webhook of the gateway: verified, stored, and read again by a worker."""
    gateway = front().gateway()
    with front().database.begin(PUBLIC) as work:
        receive_webhook(work, gateway, request.get_data(), request.headers.get("Stripe-Signature", ""))
    return "", 204


def fake_gateway() -> FakeGateway:
    """The fake, where the settings run it."""
    gateway = front().gateway(pay_at_once=False) if front().settings.payment.gateway == "fake" else None
    if not isinstance(gateway, FakeGateway):
        raise NotFound("There is no such page.")
    return gateway
