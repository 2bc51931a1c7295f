"""Payments: the gateway's webhooks, and the local fake's pages where a demo pays, signs and onboards with no money."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.webhook import receive_webhook
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import InvalidInput, NotFound
from web.http.session import for_roles
from web.http.work import front

pages = Blueprint("payments", __name__)


@pages.get("/fake-gateway/<reference>")
@for_roles("advertiser", "owner")
def fake(reference: str) -> str:
    """The fake's page: it says what it is."""
    return render_template("payments/fake.html", found=fake_gateway().shown(reference))


@pages.post("/fake-gateway/<reference>")
@for_roles("advertiser", "owner")
def press(reference: str) -> Response:
    """Press its button: the fake sends its signed webhook, as Stripe would."""
    means, gateway, form = front(), fake_gateway(), request.form
    found = gateway.shown(reference)
    if found["object"] == "account":
        payload, signature = gateway.onboard(reference, *form.getlist("due"))
        back = url_for("connect.show", done="connect_back")
    else:
        payload, signature = gateway.pay(reference, form.get("kind", ""), form.get("plays", ""))
        if found["mode"] == "setup":
            back = url_for("payment_means.index", done="means_started")
        else:
            back = url_for("orders.show", code=found["client_reference_id"], done="paid")
    with means.database.begin(PUBLIC) as work:
        receive_webhook(work, gateway, payload, signature)
    return redirect(back, 303)


@pages.post("/webhooks/stripe")
def stripe_webhook() -> Response:
    """A webhook of the gateway: verified, stored, and read again by a worker. One that was here before is thanked."""
    gateway = front().gateway()
    try:
        with front().database.begin(PUBLIC) as work:
            receive_webhook(work, gateway, request.get_data(), request.headers.get("Stripe-Signature", ""))
    except InvalidInput as refusal:  # a program reads it, or whoever looks at the gateway's log of deliveries
        return Response(f"{refusal.sentence}\n", refusal.status, mimetype="text/plain")
    return Response(status=204)


def fake_gateway() -> FakeGateway:
    """The fake, where the settings run it."""
    gateway = front().gateway(pay_at_once=False) if front().settings.payment.gateway == "fake" else None
    if not isinstance(gateway, FakeGateway):
        raise NotFound("There is no such page.")
    return gateway
