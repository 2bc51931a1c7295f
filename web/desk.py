"""The count desk: several cards with selects, counted together and quoted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.catalogue.count_card import DeskCount, count_on_desk
from broker.catalogue.search_store import cards_by_codes
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.rentals.quote_desk import quote_desk
from broker.suppression.receive_list import lists_in_use
from web.http.forms import day_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit
from web.order_terms_parts import asked_of

pages = Blueprint("desk", __name__)


@pages.get("/desk")
@for_roles("advertiser")
def index() -> str:
    """The cards that stand in the address, counted."""
    asked = [(code, "") for code in dict.fromkeys(request.args.getlist("card"))]
    with unit() as work:
        values = contents(work, asked)
    return render_template("desk/index.html", form=request.args, count=None, **values)


@pages.post("/desk/count")
@for_roles("advertiser")
def count() -> Response:
    """The figures of what is typed now: a piece of the page."""
    try:
        found = counted()
    except CourtierError as refusal:
        return page("desk/count.html", refusal, count=None)
    return Response(render_template("desk/count.html", count=found, refusal=None))


@pages.post("/desk/quote")
@for_roles("advertiser")
def quote() -> Reply:
    """One order a card, each for its share."""
    form, means = request.form, front()
    asked = parts()
    try:
        volume = whole_of(form.get("volume", ""), "volume")
        send_on = day_of(form.get("send_on", ""), "send_on")
        with unit() as work:
            orders = quote_desk(work, means.audience, means.settings, asked, volume, send_on, asked_of(form))
    except CourtierError as refusal:
        with unit() as work:
            values = contents(work, asked)
        return page("desk/index.html", refusal, form=form, count=None, **values)
    if len(orders) == 1:
        return redirect(url_for("orders.show", code=orders[0].code, done="quoted"), 303)
    return redirect(url_for("orders.index", done="quoted"), 303)


def counted() -> DeskCount:
    """What the form asks, answered."""
    send_on = day_of(request.form.get("send_on", ""), "send_on")
    with unit() as work:
        return count_on_desk(work, front().audience, parts(), send_on)


def parts() -> list[tuple[str, str]]:
    """The cards of the form with their selections, in its order."""
    return list(zip(request.form.getlist("card"), request.form.getlist("select_rule"), strict=False))


def contents(work: UnitOfWork, asked: list[tuple[str, str]]) -> dict[str, Any]:
    """What the page shows beside the figures."""
    found = {card.code: card for card in cards_by_codes(work, [code for code, _ in asked])}
    lines = [(found[code], text) for code, text in asked if code in found]
    return {"lines": lines, "gone": len(asked) - len(lines), "lists_in_use": lists_in_use(work)}
