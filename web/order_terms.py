"""Commercial terms of orders: options, credit, further uses, re-mails; what is free and likely, as pieces of a page."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.rentals.availability import find_availability, take_option
from broker.rentals.credit import list_credit, order_on_credit, set_credit_limit
from broker.rentals.find import find_order
from broker.rentals.forecast import forecast_order
from broker.rentals.remail import find_reached, quote_remail
from broker.rentals.uses import give_up_use, plan_use
from web.http.forms import cents_of, day_of, required_day, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit
from web.orders import act

pages = Blueprint("order_terms", __name__)


@pages.get("/orders/<code>/free")
@for_roles("advertiser")
def free(code: str) -> Response:
    """What is free on the order's day: a piece of its page."""
    try:
        with unit() as work:
            found = find_availability(work, front().audience, code)
    except CourtierError as refusal:
        return page("orders/free.html", refusal, free=None)
    return Response(render_template("orders/free.html", free=found, refusal=None))


@pages.get("/orders/<code>/forecast")
def forecast(code: str) -> str:
    """The clicks to expect: a piece of its page."""
    with unit() as work:
        found = forecast_order(work, find_order(work, code))
    return render_template("orders/forecast.html", forecast=found)


@pages.post("/orders/<code>/option")
@for_roles("advertiser")
def option(code: str) -> Reply:
    """Hold the contacts of a quote."""
    means = front()
    return act(code, "option_taken", lambda work: take_option(work, means.audience, means.settings, code))


@pages.post("/orders/<code>/credit")
@for_roles("advertiser")
def on_credit(code: str) -> Reply:
    """Order on account."""
    return act(code, "on_credit", lambda work: order_on_credit(work, code))


@pages.post("/orders/<code>/uses")
@for_roles("advertiser")
def next_use(code: str) -> Reply:
    """Choose the day of the next use."""

    def plan(work: UnitOfWork) -> None:
        plan_use(work, code, required_day(request.form.get("use_on", ""), "use_on"))

    return act(code, "use_planned", plan)


@pages.post("/orders/<code>/uses/give-up")
@for_roles("advertiser")
def drop_use(code: str) -> Reply:
    """Give up the next use."""
    return act(code, "use_given_up", lambda work: give_up_use(work, code))


@pages.get("/mailings/<code>/again")
@for_roles("advertiser")
def again(code: str) -> str:
    """Whom a mailing reached, and the form of a re-mail."""
    with unit() as work:
        reached = find_reached(work, front().settings.disclosure, code)
    return render_template("orders/again.html", code=code, reached=reached, form={}, refusal=None)


@pages.post("/mailings/<code>/again")
@for_roles("advertiser")
def ask_again(code: str) -> Reply:
    """Ask for the quote of a re-mail."""
    form, settings = request.form, front().settings
    try:
        volume = whole_of(form["volume"], "volume") if form.get("volume", "").strip() else None
        with unit() as work:
            order = quote_remail(
                work, settings, code, form.get("who", ""), volume, day_of(form.get("send_on", ""), "send_on")
            )
    except CourtierError as refusal:
        with unit() as work:
            reached = find_reached(work, settings.disclosure, code)
        return page("orders/again.html", refusal, code=code, reached=reached, form=form)
    return redirect(url_for("orders.show", code=order.code, done="quoted"), 303)


@pages.get("/credit")
@for_roles("broker", "accountant")
def credit() -> str:
    """Every advertiser's terms."""
    with unit() as work:
        found = list_credit(work)
    return render_template("orders/credit.html", terms=found, refusal=None, asked="")


@pages.post("/credit/<code>")
@for_roles("broker")
def set_credit(code: str) -> Reply:
    """Set an advertiser's limit."""
    try:
        with unit() as work:
            set_credit_limit(work, code, cents_of(request.form.get("limit", ""), "limit"))
    except CourtierError as refusal:
        with unit() as work:
            found = list_credit(work)
        return page("orders/credit.html", refusal, terms=found, asked=code)
    return redirect(url_for("order_terms.credit", done="credit_set"), 303)
