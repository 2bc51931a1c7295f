"""The catalogue as advertisers see it: search with facets and a map, a card's sheet, comparison, a count, a quote."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.catalogue.count_card import count_card
from broker.catalogue.find_card import find_published_card
from broker.catalogue.search_cards import compare_cards, explore_cards
from broker.catalogue.search_model import SIZE_BANDS, SORTS, CardSearch
from broker.kernel.errors import CourtierError
from broker.rentals.quote import quote
from web.http.forms import day_of, whole_of
from web.http.refusals import page
from web.http.regions import map_of
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit
from web.order_terms_parts import asked_of

pages = Blueprint("catalogue", __name__)


@pages.get("/catalogue")
@for_roles("advertiser", "broker")
def index() -> str:
    """Search published cards: words, facets, an order, a map of the regions."""
    asked, number = search_asked(), asked_page()
    with unit() as work:
        found = explore_cards(work, asked, max(1, number))
    return render_template(
        "catalogue/index.html",
        cards=found.cards,
        found=found,
        asked=asked,
        words=asked.words,
        tiles=map_of(found.regions),
        sorts=SORTS,
        bands=SIZE_BANDS,
        link=search_link,
    )


@pages.get("/catalogue/compare")
@for_roles("advertiser", "broker")
def compare() -> str:
    """Cards side by side."""
    with unit() as work:
        cards = compare_cards(work, request.args.getlist("card"))
    return render_template("catalogue/compare.html", cards=cards)


@pages.get("/catalogue/<code>")
@for_roles("advertiser", "broker")
def show(code: str) -> str:
    """The sheet of a card, with the count desk and the quote form."""
    with unit() as work:
        return render_template("catalogue/show.html", form={}, **sheet(find_published_card(work, code)))


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
            order = quote(
                work, means.audience, means.settings, code, volume, form.get("select_rule", ""), send_on, asked_of(form)
            )
    except CourtierError as refusal:
        with unit() as work:
            card = find_published_card(work, code)
        return page("catalogue/show.html", refusal, form=form, **sheet(card))
    return redirect(url_for("orders.show", code=order.code, done="quoted"), 303)


def sheet(card: Any) -> dict[str, Any]:
    """What the sheet of a card shows: people by region, about, from its guarded shares."""
    shares = {one["value"]: one["share"] for one in card.profile.get("region", []) if one["share"]}
    return {"card": card, "tiles": map_of(shares)}


def search_asked() -> CardSearch:
    """The search in the address."""
    given = request.args
    return CardSearch(
        words=given.get("q", ""),
        sector=given.get("sector", ""),
        region=given.get("region", ""),
        kind=given.get("kind", ""),
        language=given.get("language", ""),
        size=given.get("size", type=int),
        most_cents=max(0, given.get("most", 0, type=int)) * 100,
        sort=given.get("sort", ""),
    )


def search_link(**changes: object) -> str:
    """The address of this search with some of it changed; None takes a part out. It starts at the first page."""
    kept = {name: value for name, value in request.args.items() if value and name not in ("page", "done")}
    values: dict[str, Any] = dict(kept)
    values |= {name: str(value) for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
    return url_for("catalogue.index", **values)
