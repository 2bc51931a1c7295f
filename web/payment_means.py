"""Saved cards and SEPA mandates of an advertiser, and how advertisers may pay."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.gateway.means import list_means, remove_means, save_means
from broker.billing.gateway.pay_with_means import pay_with_means
from broker.billing.gateway.payment_rules import find_rule, set_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.rentals.credit import list_credit
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit
from web.orders import shown_again

pages = Blueprint("payment_means", __name__)


def _contents(work: UnitOfWork) -> dict[str, Any]:
    return {"means": list_means(work), "rule": find_rule(work, front().settings)}


@pages.get("/payment-means")
@for_roles("advertiser")
def index() -> str:
    """What is saved."""
    with unit() as work:
        return render_template("payments/means.html", **_contents(work))


@pages.post("/payment-means")
@for_roles("advertiser")
def save() -> Response:
    """Go to the gateway's page and give a card or a mandate."""
    try:
        with unit() as work:
            address = save_means(work, front().settings, _gateway(), request.form.get("kind", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("payments/means.html", refusal, **_contents(work))
    return redirect(address, 303)


@pages.post("/payment-means/<code>/remove")
@for_roles("advertiser")
def remove(code: str) -> Response:
    """Forget it."""
    try:
        with unit() as work:
            remove_means(work, code)
    except CourtierError as refusal:
        with unit() as work:
            return page("payments/means.html", refusal, **_contents(work))
    return redirect(url_for("payment_means.index", done="means_removed"), 303)


@pages.post("/orders/<code>/pay-with")
@for_roles("advertiser")
def pay(code: str) -> Response:
    """Pay an order from a saved means."""
    try:
        with unit() as work:
            paid = pay_with_means(work, front().settings, _gateway(), code, request.form.get("means", ""))
    except CourtierError as refusal:
        return shown_again(code, refusal)
    news = "debit_announced" if paid.debit_on else "paid"
    return redirect(url_for("orders.show", code=code, done=news), 303)


@pages.get("/payment-rules")
@for_roles("broker", "accountant")
def rules() -> str:
    """How each advertiser may pay."""
    with unit() as work:
        return render_template("payments/rules.html", rules=_rules(work), refusal=None, asked="")


@pages.post("/payment-rules/<code>")
@for_roles("broker")
def change(code: str) -> Response:
    """Change one."""
    try:
        with unit() as work:
            methods = request.form.getlist("methods")
            set_rule(work, front().settings, code, methods, request.form.get("debit", "wait"))
    except CourtierError as refusal:
        with unit() as work:
            return page("payments/rules.html", refusal, rules=_rules(work), asked=code)
    return redirect(url_for("payment_means.rules", done="rule_set"), 303)


def _rules(work: UnitOfWork) -> list[tuple[str, str, Any]]:
    """(code, name, rule) of every advertiser."""
    return [(code, name, find_rule(work, front().settings, code)) for code, name, _ in list_credit(work)]


def _gateway() -> Any:
    return front().gateway(pay_at_once=False)
