"""Agencies: an advertiser gives mandates, an agency chooses for which client it acts, the broker sees and records."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.act_for import act_for, act_for_nobody
from broker.accounts.give_mandate import end_mandate, give_mandate, page_of_mandates
from broker.accounts.mandate_model import BillTo
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import actor, session_view, unit

pages = Blueprint("agencies", __name__)


@pages.get("/agencies")
@for_roles("advertiser", "agency", "broker")
def index() -> str:
    """The mandates that the viewer is a party of."""
    with unit() as work:
        return render_template("agencies/index.html", form={}, refusal=None, **_contents(work))


@pages.post("/agencies")
@for_roles("advertiser", "broker")
def give() -> Response:
    """Give a mandate."""
    form = request.form
    try:
        with unit() as work:
            give_mandate(
                work,
                form.get("agency", ""),
                cast("BillTo", form.get("bill_to", "")),
                starts_on=day_of(form.get("starts_on", ""), "starts_on"),
                ends_on=day_of(form.get("ends_on", ""), "ends_on"),
                reference=form.get("reference", ""),
                advertiser_code=form.get("advertiser", ""),
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("agencies/index.html", refusal, form=form, **_contents(work))
    return redirect(url_for("agencies.index", done="mandate_given"), 303)


@pages.post("/agencies/<code>/end")
@for_roles("advertiser", "agency", "broker")
def end(code: str) -> Response:
    """End a mandate at once."""
    with unit() as work:
        end_mandate(work, code)
    return redirect(url_for("agencies.index", done="mandate_ended"), 303)


@pages.post("/clients/act")
def act() -> Response:
    """Act for a client from now on, or for nobody."""
    client, view = request.form.get("client", ""), session_view()
    assert view is not None
    with unit() as work:
        if client:
            act_for(work, view.code, client)
        else:
            act_for_nobody(work, view.code)
    return redirect(url_for("home.show"), 303)


def _contents(work: UnitOfWork) -> dict[str, Any]:
    return {
        "mandates": page_of_mandates(work, asked_page()),
        "today": work.today,
        "acting": actor().agency_id is not None,
        "own_code": work.scalar("SELECT code FROM organisation WHERE id = :id", id=actor().org_id),
    }
