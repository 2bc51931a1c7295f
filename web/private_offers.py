"""Private offers: an owner invites one advertiser; the advertiser accepts with a creative and a budget, or refuses."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.private_offers import accept_offer, list_offers, make_offer, refuse_offer, withdraw_offer
from broker.bases.find_base import list_bases
from broker.catalogue.offer_model import MODELS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.mailings.create_creative import list_creatives
from web.http.forms import cents_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.words import word
from web.http.work import actor, front, unit

pages = Blueprint("private_offers", __name__)


@pages.get("/private-offers")
@for_roles("owner", "advertiser")
def index() -> str:
    """Offers made or received; for an owner the form of a new one."""
    with unit() as work:
        return render_template("offers/index.html", form={}, **contents(work))


@pages.post("/private-offers")
@for_roles("owner")
def make() -> Response:
    """Invite an advertiser."""
    form = request.form
    try:
        rates = read_rates()
        with unit() as work:
            make_offer(
                work, form.get("advertiser", ""), form.get("base", ""), form.get("title", ""), form.get("message", ""),
                form.get("sector", ""), rates, required_day(form.get("starts_on", ""), "starts_on"),
                required_day(form.get("ends_on", ""), "ends_on"),
            )  # fmt: skip
    except CourtierError as refusal:
        with unit() as work:
            return page("offers/index.html", refusal, form=form, **contents(work))
    return redirect(url_for("private_offers.index", done="offer_made"), 303)


@pages.post("/private-offers/<code>/<any(accept, refuse, withdraw):verb>")
@for_roles("owner", "advertiser")
def answer(code: str, verb: str) -> Response:
    """Accept with a creative and a budget, refuse with a reason, or take back."""
    form = request.form
    try:
        with unit() as work:
            if verb == "accept":
                programme = accept_offer(
                    work, code, form.get("creative", ""), cents_of(form.get("budget", ""), "budget_cents"),
                    commission_bp=front().settings.trade.commission_bp, postback_key=front().keys.token_version,
                )  # fmt: skip
                return redirect(url_for("programmes.show", code=programme.code, done="offer_accepted"), 303)
            if verb == "refuse":
                refuse_offer(work, code, form.get("reason", ""))
            else:
                withdraw_offer(work, code)
    except CourtierError as refusal:
        with unit() as work:
            return page("offers/index.html", refusal, form=form, **contents(work))
    return redirect(url_for("private_offers.index", done="offer_answered"), 303)


def read_rates() -> dict[str, Any]:
    """What the owner asks, as the offer keeps it."""
    form = request.form
    model, price = form.get("model", "cpm"), form.get("price", "").strip()
    if model == "cpa" and price.endswith("%"):
        share = price.rstrip("% ").replace(",", ".")
        if not share.replace(".", "", 1).isdigit():
            raise InvalidInput("Write a share as 7.5 %.", code="bad_rate", field="price")
        return {"model": model, "rate_bp": round(float(share) * 100)}
    cents = cents_of(price, "price")
    return {"model": model, "cpm_cents": cents} if model == "cpm" else {"model": model, "rate_cents": cents}


def contents(work: UnitOfWork) -> dict[str, Any]:
    """What the page shows."""
    owner = actor().role == "owner"
    creatives = [] if owner else [one for one in list_creatives(work) if one.state == "signed"]
    return {
        "offers": list_offers(work, asked_page()),
        "bases": list_bases(work) if owner else [],
        "creatives": creatives,
        "models": [(model, word(model)) for model in MODELS],
        "today": work.today,
    }
