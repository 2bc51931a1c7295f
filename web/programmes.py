"""Programmes: advertisers open them, owners browse and join."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.base_results import base_results
from broker.affiliation.conversion_store import Wanted
from broker.affiliation.decide_conversions import sum_conversions
from broker.affiliation.join import answer_request, join_programme, list_participations
from broker.affiliation.withdraw import find_participation
from broker.bases.find_base import list_bases
from broker.catalogue import programme_store
from broker.catalogue.change_programme import ProgrammeChange, change_programme, own_programme
from broker.catalogue.match_offers import Matched, browse_offers, match_programme
from broker.catalogue.offer_model import CHANNELS, MODELS, JoinRules, Offer, Wishes, join_rules_of
from broker.catalogue.offers_store import OfferSearch
from broker.catalogue.programme_model import Programme
from broker.catalogue.programmes import browse_programmes, close_programme, create_programme, find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.kernel.paging import Page
from broker.mailings.create_creative import list_creatives
from web.http.forms import cents_of, required_day, whole_of
from web.http.refusals import page
from web.http.regions import REGIONS
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.words import word
from web.http.work import actor, front, unit

pages = Blueprint("programmes", __name__)


@pages.get("/programmes")
@for_roles("owner", "advertiser", "broker")
def index() -> str:
    """Open programmes for owners, the best for a base first; one's own for advertisers."""
    given = request.args
    asked = OfferSearch(given.get("q", ""), given.get("sector", ""), given.get("model", ""))
    number, base = asked_page(), given.get("base", "")
    with unit() as work:
        if actor().role == "owner":
            bases = list_bases(work)
            found = browse_offers(work, front().audience, asked, base, page=number, size=24)
        else:
            bases = []
            programmes = browse_programmes(work, asked.words, asked.sector, number)
            found = Page([Matched(one, None, None) for one in programmes.items], programmes.total, number, 25)
    return render_template(
        "programmes/index.html", programmes=found, words=asked.words, sector=asked.sector, asked=asked, base=base,
        bases=bases, models=MODELS,
    )  # fmt: skip


@pages.get("/programmes/new")
@for_roles("advertiser")
def new() -> str:
    """The form of a new programme."""
    with unit() as work:
        creatives = list_creatives(work)
        today = work.today
    return render_template("programmes/new.html", form={"starts_on": today.isoformat()}, **choices(creatives))


@pages.post("/programmes")
@for_roles("advertiser")
def create() -> Response:
    """Open a programme."""
    form = request.form
    try:
        offer = read_offer()
        with unit() as work:
            programme = create_programme(
                work,
                form.get("title", ""),
                form.get("description", ""),
                form.get("sector", ""),
                cents_of(form.get("cpm", ""), "cpm") if offer.model == "cpm" else 0,
                cents_of(form.get("budget", ""), "budget"),
                form.get("creative", ""),
                required_day(form.get("starts_on", ""), "starts_on"),
                required_day(form.get("ends_on", ""), "ends_on"),
                commission_bp=front().settings.trade.commission_bp,
                offer=offer,
                postback_key=front().keys.token_version,
            )
    except CourtierError as refusal:
        with unit() as work:
            creatives = list_creatives(work)
        return page("programmes/new.html", refusal, form=form, **choices(creatives))
    return redirect(url_for("programmes.show", code=programme.code, done="programme_created"), 303)


@pages.get("/programmes/<code>")
@for_roles("owner", "advertiser", "broker")
def show(code: str) -> str:
    """One programme; an owner joins it here."""
    with unit() as work:
        programme = find_programme(work, code)
        bases = list_bases(work) if actor().role == "owner" else []
        matches = [(base, match_programme(work, front().audience, programme, base.code)) for base in bases[:5]]
        return render_template(
            "programmes/show.html", programme=programme, bases=bases, matches=matches, **surroundings(work, programme)
        )


@pages.post("/programmes/<code>/join")
@for_roles("owner")
def join(code: str) -> Response:
    """Join with a base; nothing is sent by joining."""
    try:
        with unit() as work:
            version = whole_of(request.form.get("terms_version") or "1", "terms_version")
            joined = join_programme(work, code, request.form.get("base", ""), terms_version=version)
    except CourtierError as refusal:
        with unit() as work:
            programme, bases = find_programme(work, code), list_bases(work)
            around = surroundings(work, programme)
            return page("programmes/show.html", refusal, programme=programme, bases=bases, matches=[], **around)
    return redirect(url_for("participations.show", code=joined.code, done=f"join_{joined.state}"), 303)


@pages.post("/participations/<code>/answer")
@for_roles("advertiser")
def answer(code: str) -> Response:
    """Take a base into the programme, or refuse it."""
    form = request.form
    try:
        with unit() as work:
            found = answer_request(work, code, accept=form.get("accept") == "1", reason=form.get("reason", ""))
    except CourtierError as refusal:
        with unit() as work:
            programme = find_programme(work, find_participation(work, code).programme_code)
            around = surroundings(work, programme)
            return page("programmes/show.html", refusal, programme=programme, bases=[], matches=[], **around)
    return redirect(url_for("programmes.show", code=found.programme_code, done="asked_answered"), 303)


@pages.get("/programmes/<code>/change")
@for_roles("advertiser")
def change(code: str) -> str:
    """The form of what may change."""
    with unit() as work:
        return render_template("programmes/change.html", programme=own_programme(work, code), form={})


@pages.post("/programmes/<code>/change")
@for_roles("advertiser")
def save_change(code: str) -> Response:
    """Change terms, budget, caps, joining or last day."""
    form = request.form
    try:
        wanted = ProgrammeChange(
            terms=form.get("terms", "").replace("\r\n", "\n"),
            joining=cast("Any", form.get("joining", "open")),
            join_rules=read_join_rules(),
            budget_cents=cents_of(form.get("budget", ""), "budget_cents"),
            day_cap_cents=_cents("day_cap") or 0,
            owner_cap_cents=_cents("owner_cap") or 0,
            ends_on=required_day(form.get("ends_on", ""), "ends_on"),
        )
        with unit() as work:
            change_programme(work, code, wanted)
    except CourtierError as refusal:
        with unit() as work:
            programme = own_programme(work, code)
        return page("programmes/change.html", refusal, programme=programme, form=form)
    return redirect(url_for("programmes.show", code=code, done="programme_changed"), 303)


def surroundings(work: UnitOfWork, programme: Programme) -> dict[str, Any]:
    """What stands around a programme: who takes part and what is used, for its advertiser; for an owner its own."""
    if actor().role == "owner":
        mine = list_participations(work, programme=programme.code)
        return {"mine": mine.items, "rules": join_rules_of(programme.join_rules)}
    return {
        "participants": list_participations(work, programme=programme.code, size=100),
        "use": programme_store.use_of(work, programme.id),
        "sums": sum_conversions(work, Wanted(programme=programme.code)),
        "standing": base_results(work, programme.code),
    }


@pages.post("/programmes/<code>/close")
@for_roles("advertiser")
def close(code: str) -> Response:
    """Take a programme off the page."""
    with unit() as work:
        close_programme(work, code)
    return redirect(url_for("programmes.show", code=code), 303)


def choices(creatives: list[Any]) -> dict[str, Any]:
    """What the form of a programme lets one choose."""
    return {
        "creatives": creatives,
        "models": [(model, word(model)) for model in MODELS],
        "channels": [(channel, word(channel)) for channel in CHANNELS],
        "regions": [name for name, *_ in REGIONS],
    }


def read_offer() -> Offer:
    """The form's model, rate, caps, wishes and terms."""
    form = request.form
    ages = (form.get("age_from", ""), form.get("age_to", ""))
    share = form.get("rate_share", "").strip()
    if share and not share.replace(",", ".").replace(".", "", 1).isdigit():
        raise InvalidInput("Write a share as 7.5.", code="bad_rate", field="rate_share")
    more = form.get("plus_share", "").strip()
    if more and not more.replace(",", ".").replace(".", "", 1).isdigit():
        raise InvalidInput("Write a share as 7.5.", code="bad_rate", field="sale_bp")
    return Offer(
        model=cast("Any", form.get("model", "cpm")),
        channel=cast("Any", form.get("channel", "email")),
        rate_cents=_cents("rate"),
        rate_bp=round(float(share.replace(",", ".")) * 100) if share else None,
        most_names=whole_of(form["most_names"], "most_names") if form.get("most_names") else None,
        owner_cap_cents=_cents("owner_cap"),
        validation_days=whole_of(form.get("validation_days") or "30", "validation_days"),
        terms=form.get("terms", ""),
        wishes=Wishes(
            tuple(form.getlist("genders")),
            None if not any(ages) else (whole_of(ages[0] or "0", "age_from"), whole_of(ages[1] or "130", "age_to")),
            tuple(form.getlist("regions")),
            tuple(form.getlist("sectors")),
        ),
        joining=cast("Any", form.get("joining", "open")),
        join_rules=read_join_rules(),
        day_cap_cents=_cents("day_cap"),
        attribution_days=whole_of(form.get("attribution_days") or "30", "attribution_days"),
        report_days=whole_of(form.get("report_days") or "7", "report_days"),
        click_cents=_cents("plus_click"),
        lead_cents=_cents("plus_lead"),
        sale_cents=_cents("plus_sale"),
        sale_bp=round(float(more.replace(",", ".")) * 100) if more else None,
    )


def read_join_rules() -> JoinRules:
    """The form's rules of joining."""
    least = request.form.get("least_contacts", "")
    return JoinRules(
        whole_of(least, "least_contacts") if least else None,
        refused_owners=tuple(request.form.get("refused_owners", "").replace(",", " ").split()),
    )


def _cents(name: str) -> int | None:
    value = request.form.get(name, "")
    return cents_of(value, name) if value else None
