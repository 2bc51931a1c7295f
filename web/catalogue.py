"""The catalogue as advertisers see it: search, a card's sheet, the count desk, a quote."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.catalogue.count_card import count_card
from broker.catalogue.find_card import find_published_card
from broker.catalogue.search_cards import search_cards
from broker.kernel.errors import CourtierError
from broker.rentals.quote import quote
from web.http.forms import day_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("catalogue", __name__)


@pages.get("/catalogue")
@for_roles("advertiser", "broker")
def index() -> str:
    """Search published cards."""
    words, number = request.args.get("q", ""), request.args.get("page", 1, type=int)
    with unit() as work:
        cards = search_cards(work, words, number)
    return render_template("catalogue/index.html", cards=cards, words=words)


@pages.get("/catalogue/<code>")
@for_roles("advertiser", "broker")
def show(code: str) -> str:
    """The sheet of a card, with the count desk and the quote form."""
    with unit() as work:
        card = find_published_card(work, code)
    return render_template("catalogue/show.html", card=card, form={})


@pages.post("/catalogue/<code>/count")
@for_roles("advertiser")
def count(code: str) -> Response:
    """The guarded figure of a selection: a piece of the page."""
    try:
        with unit() as work:
            shown = count_card(work, front().audience, code, request.form.get("select_rule", ""))
    except CourtierError as refusal:
        return page("catalogue/count.html", refusal, shown=None)
    return Response(render_template("catalogue/count.html", shown=shown, refusal=None))


@pages.post("/catalogue/<code>/quote")
@for_roles("advertiser")
def ask(code: str) -> Reply:
    """Ask for a quote, which is an order that still has to be placed."""
    form, means = request.form, front()
    try:
        volume = whole_of(form.get("volume", ""), "volume")
        send_on = day_of(form.get("send_on", ""), "send_on")
        with unit() as work:
            order = quote(work, means.audience, means.settings, code, volume, form.get("select_rule", ""), send_on)
    except CourtierError as refusal:
        with unit() as work:
            card = find_published_card(work, code)
        return page("catalogue/show.html", refusal, card=card, form=form)
    return redirect(url_for("orders.show", code=order.code, done="quoted"), 303)
