"""An owner's data cards: publish a segment, watch it, retire it."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.find_base import find_base
from broker.catalogue.find_card import find_card, list_cards
from broker.catalogue.list_columns import list_columns
from broker.catalogue.match_offers import Matched, browse_offers
from broker.catalogue.model import LANGUAGES, CardTerms
from broker.catalogue.offers_store import OfferSearch
from broker.catalogue.publish_card import publish_card
from broker.catalogue.retire_card import retire_card
from broker.catalogue.segments import find_segment
from broker.catalogue.sensitive_text import refuse_sensitive_text
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import cents_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import front, unit

pages = Blueprint("cards", __name__)
SELECTABLE = ("gender", "age", "department", "region", "postcode", "family_status", "occupation", "income", "relation")


@pages.get("/cards")
@for_roles("owner")
def index() -> str:
    """The owner's cards."""
    with unit() as work:
        cards = list_cards(work)
    return render_template("cards/index.html", cards=cards)


@pages.get("/segments/<segment_code>/publish")
@for_roles("owner")
def new(segment_code: str) -> str:
    """The sheet to fill in."""
    with unit() as work:
        return render_template("cards/new.html", form={}, **sheet(work, segment_code))


@pages.post("/segments/<segment_code>/publish")
@for_roles("owner")
def publish(segment_code: str) -> Response:
    """Publish; under the floor the page says what each exclusion cost, and which programmes fit instead."""
    form = request.form
    try:
        selects = read_selects(form.getlist("select"), form.get("surcharge", "0"))
        with unit() as work:
            card = publish_card(
                work,
                front().audience,
                segment_code,
                form.get("title", ""),
                form.get("description", ""),
                form.get("sector", ""),
                cents_of(form.get("cpm", ""), "cpm"),
                whole_of(form.get("minimum_order", ""), "minimum_order"),
                selects,
                read_terms(),
                front().settings.trade,
            )
    except CourtierError as refusal:
        with unit() as work:
            values = sheet(work, segment_code)
            offers = fitting_offers(work, values["segment"].base_code) if refusal.code == "under_floor" else []
        return page("cards/new.html", refusal, form=form, chosen=form.getlist("select"), offers=offers, **values)
    return redirect(url_for("cards.show", code=card.code, done="card_published"), 303)


@pages.post("/segments/<segment_code>/publish/check")
@for_roles("owner")
def check(segment_code: str) -> Response:
    """What would be refused of the sheet as it is typed now: a piece of the page."""
    try:
        with unit() as work:
            segment = find_segment(work, segment_code)
            contact_kind = find_base(work, segment.base_code).contact_kind
        for name in ("title", "description"):
            refuse_sensitive_text(request.form.get(name, ""), name)
        counted = front().audience.count_for_owner(segment.base_id, segment.rule)
        floor = front().settings.disclosure.floor(contact_kind)
    except CourtierError as refusal:
        return page("cards/check.html", refusal, counted=None)
    return make_response(render_template("cards/check.html", refusal=None, counted=counted, floor=floor))


@pages.get("/cards/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """One card as its owner sees it."""
    with unit() as work:
        card = find_card(work, code)
    return render_template("cards/show.html", card=card)


@pages.post("/cards/<code>/retire")
@for_roles("owner")
def retire(code: str) -> Response:
    """Take a card off the catalogue."""
    with unit() as work:
        retire_card(work, code)
    return redirect(url_for("cards.show", code=code, done="card_retired"), 303)


def sheet(work: UnitOfWork, segment_code: str) -> dict[str, Any]:
    """What the form needs: the segment, and the fields that may be offered as selects."""
    segment = find_segment(work, segment_code)
    names = [column.name for column in list_columns(work, segment.base_code)]
    selectable = [name for name in SELECTABLE if name in names]
    return {"segment": segment, "selectable": selectable, "languages": [(one, word(one)) for one in LANGUAGES]}


def fitting_offers(work: UnitOfWork, base_code: str) -> list[Matched]:
    """The offers without a floor that fit the base best."""
    return browse_offers(work, front().audience, OfferSearch(model="cpm"), base_code, size=3).items


def read_terms() -> CardTerms:
    """Languages, approval and exclusions of the form."""
    form = request.form
    return CardTerms(
        languages=tuple(form.getlist("languages")) or ("fr",),
        approval=cast("Any", form.get("approval", "each_piece")),
        approval_days=whole_of(form.get("approval_days") or "2", "approval_days"),
        approval_note=form.get("approval_note", ""),
        refused_sectors=tuple(form.getlist("refused_sectors")),
        refused_advertisers=tuple(form.get("refused_advertisers", "").replace(",", " ").split()),
    )


def read_selects(fields: list[str], surcharge: str) -> list[dict[str, Any]]:
    """Selects offered at one surcharge per thousand, from the form's `surcharge` in euros."""
    micros = cents_of(surcharge or "0", "surcharge") * 10  # euros a thousand sends are as many milli-euros a send
    return [{"field": name, "label": name, "surcharge_micros": micros} for name in fields if name in SELECTABLE]
