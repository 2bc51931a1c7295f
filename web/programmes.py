"""Programmes: advertisers open them, owners browse and join."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.join import join_programme
from broker.bases.find_base import list_bases
from broker.catalogue.programmes import browse_programmes, close_programme, create_programme, find_programme
from broker.kernel.errors import CourtierError
from broker.mailings.create_creative import list_creatives
from web.http.forms import cents_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("programmes", __name__)


@pages.get("/programmes")
@for_roles("owner", "advertiser", "broker")
def index() -> str:
    """Open programmes for owners, one's own for advertisers."""
    words, sector = request.args.get("q", ""), request.args.get("sector", "")
    number = request.args.get("page", 1, type=int)
    with unit() as work:
        programmes = browse_programmes(work, words, sector, number)
    return render_template("programmes/index.html", programmes=programmes, words=words, sector=sector)


@pages.get("/programmes/new")
@for_roles("advertiser")
def new() -> str:
    """The form of a new programme."""
    with unit() as work:
        creatives = list_creatives(work)
        today = work.today
    return render_template("programmes/new.html", form={"starts_on": today.isoformat()}, creatives=creatives)


@pages.post("/programmes")
@for_roles("advertiser")
def create() -> Response:
    """Open a programme."""
    form = request.form
    try:
        with unit() as work:
            programme = create_programme(
                work,
                form.get("title", ""),
                form.get("description", ""),
                form.get("sector", ""),
                cents_of(form.get("cpm", ""), "cpm"),
                cents_of(form.get("budget", ""), "budget"),
                form.get("creative", ""),
                required_day(form.get("starts_on", ""), "starts_on"),
                required_day(form.get("ends_on", ""), "ends_on"),
                commission_bp=front().settings.trade.commission_bp,
            )
    except CourtierError as refusal:
        with unit() as work:
            creatives = list_creatives(work)
        return page("programmes/new.html", refusal, form=form, creatives=creatives)
    return redirect(url_for("programmes.show", code=programme.code, done="programme_created"), 303)


@pages.get("/programmes/<code>")
@for_roles("owner", "advertiser", "broker")
def show(code: str) -> str:
    """One programme; an owner joins it here."""
    with unit() as work:
        programme = find_programme(work, code)
        bases = list_bases(work) if actor().role == "owner" else []
    return render_template("programmes/show.html", programme=programme, bases=bases)


@pages.post("/programmes/<code>/join")
@for_roles("owner")
def join(code: str) -> Response:
    """Join with a base; nothing is sent by joining."""
    try:
        with unit() as work:
            joined = join_programme(work, code, request.form.get("base", ""))
    except CourtierError as refusal:
        with unit() as work:
            programme, bases = find_programme(work, code), list_bases(work)
        return page("programmes/show.html", refusal, programme=programme, bases=bases)
    return redirect(url_for("participations.show", code=joined.code, done="joined"), 303)


@pages.post("/programmes/<code>/close")
@for_roles("advertiser")
def close(code: str) -> Response:
    """Take a programme off the page."""
    with unit() as work:
        close_programme(work, code)
    return redirect(url_for("programmes.show", code=code), 303)
