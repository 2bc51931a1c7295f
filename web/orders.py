"""Orders, for both parties: the advertiser places and pays, the owner reads the creative and answers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.gateway.collect import start_payment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.create_creative import find_creative, list_creatives
from broker.mailings.list_sends import mailings_of_order
from broker.mailings.plan_order import plan_order
from broker.mailings.retroplan import as_calendar
from broker.mailings.withdraw import withdraw_order
from broker.rentals.approve import approve_order, refuse_order
from broker.rentals.find import find_order, list_orders
from broker.rentals.model import Order, transition
from broker.rentals.place import place_order
from broker.rentals.thread import unread_threads
from web.http.refusals import page
from web.http.tables import asked_page
from web.http.words import word
from web.http.work import actor, front, unit
from web.order_parts import around
from web.order_payment import payment_around
from web.order_terms_parts import terms_around

pages = Blueprint("orders", __name__)
WAY = ("quote", "ordered", "approved", "paid", "scheduled", "sending", "sent", "settled")


@pages.get("/orders")
def index() -> str:
    """The viewer's orders."""
    number = asked_page()
    with unit() as work:
        orders = list_orders(work, page=number)
        unread = {thread.order_code: thread.unread for thread in unread_threads(work)}
    return render_template("orders/index.html", orders=orders, unread=unread)


@pages.get("/orders/<code>")
def show(code: str) -> str:
    """One order, with what may be done with it now."""
    with unit() as work:
        return render_template("orders/show.html", **contents(work, code))


@pages.get("/orders/<code>/plan.ics")
def plan_calendar(code: str) -> Response:
    """The retroplanning for the viewer's own calendar."""
    with unit() as work:
        order, steps = plan_order(work, code)
    names = {step.code: word(f"step_{step.code}") for step in steps}
    whose = {step.who: word(f"who_{step.who}") for step in steps}
    raw = as_calendar(order.code, order.card_title, steps, names, whose)
    file = {"Content-Disposition": f'attachment; filename="{order.code}.ics"'}
    return Response(raw, mimetype="text/calendar", headers=file)


@pages.post("/orders/<code>/order")
def place(code: str) -> Response:
    """Place a quote with a signed creative."""
    form = request.form
    return act(code, "ordered", lambda work: place_order(work, code, form.get("creative", ""), front().audience))


@pages.post("/orders/<code>/approve")
def approve(code: str) -> Response:
    """The owner says yes."""
    return act(code, "approved", lambda work: approve_order(work, code, request.form.get("creative", "")))


@pages.post("/orders/<code>/refuse")
def refuse(code: str) -> Response:
    """The owner says no, and why."""
    return act(code, "refused", lambda work: refuse_order(work, code, request.form.get("reason", "")))


@pages.post("/orders/<code>/cancel")
def cancel(code: str) -> Response:
    """Withdraw, with its mailing where it has one; the other side reads the reason."""
    news = "cancelled"
    try:
        with unit() as work:
            if withdraw_order(work, code, request.form.get("reason", "")).state != "cancelled":
                news = "use_stopped"
    except CourtierError as refusal:
        return shown_again(code, refusal)
    return redirect(url_for("orders.show", code=code, done=news), 303)


@pages.post("/orders/<code>/pay")
def pay(code: str) -> Response:
    """Start the prepayment and go to the gateway's page."""
    try:
        with unit() as work:
            payment = start_payment(work, front().settings, front().gateway(pay_at_once=False), code)
    except CourtierError as refusal:
        return shown_again(code, refusal)
    return redirect(payment.checkout or url_for("orders.show", code=code, done="paid"), 303)


def act(code: str, news: str, step: Any) -> Response:
    """Take one step and show the order again."""
    try:
        with unit() as work:
            step(work)
    except CourtierError as refusal:
        return shown_again(code, refusal)
    return redirect(url_for("orders.show", code=code, done=news), 303)


def shown_again(code: str, refusal: CourtierError) -> Response:
    """The order's page with what was wrong."""
    with unit() as work:
        return page("orders/show.html", refusal, **contents(work, code))


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of an order shows."""
    order = find_order(work, code)
    buying = actor().org_id == order.advertiser_id
    return {
        "order": order,
        "way": way(order),
        "buying": buying,
        "owning": actor().org_id == order.owner_id,
        "creative": find_creative(work, order.creative_code) if order.creative_code else None,
        "creatives": list_creatives(work) if buying and order.state == "quote" else [],
        "mailings": mailings_of_order(work, order.id),
        "plan": plan_order(work, code)[1],
        "ending": ending(work, order),
        "today": work.today,
        **terms_around(work, order),
        **payment_around(work, order),
        **around(work, order),
    }


def ending(work: UnitOfWork, order: Order) -> str:
    """What the viewer may end: the order, a further `use` of it, or nothing."""
    step = transition(order.state, "cancelled")
    sides = {"advertiser": order.advertiser_id, "owner": order.owner_id}
    if step is None or actor().org_id not in [sides[party] for party in step.parties]:
        return ""
    return "use" if any(how == "sent" for _, how in mailings_of_order(work, order.id)) else "order"


def way(order: Order) -> list[tuple[str, str]]:
    """The steps of an order: (state, past | now | ahead); nothing for one that ended early."""
    state = "paid" if order.state == "on_credit" else order.state
    if state not in WAY:
        return []
    here = WAY.index(state)
    return [(step, "past" if place < here else "now" if place == here else "") for place, step in enumerate(WAY)]
