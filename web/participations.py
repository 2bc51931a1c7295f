"""Participations: what an owner joined, and the sends it picks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.join import list_participations
from broker.affiliation.pick import list_sends, pick_send
from broker.affiliation.withdraw import find_participation, withdraw_send
from broker.catalogue.segments import list_segments
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import required_day, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("participations", __name__)


@pages.get("/participations")
@for_roles("owner")
def index() -> str:
    """What the owner joined."""
    number = request.args.get("page", 1, type=int)
    with unit() as work:
        participations = list_participations(work, number)
    return render_template("participations/index.html", participations=participations)


@pages.get("/participations/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """One participation with its sends, and the form for one more."""
    with unit() as work:
        return render_template("participations/show.html", form={}, **contents(work, code))


@pages.post("/participations/<code>/sends")
@for_roles("owner")
def pick(code: str) -> Response:
    """Say yes to one send."""
    form = request.form
    try:
        volume = whole_of(form.get("volume", ""), "volume")
        send_on = required_day(form.get("send_on", ""), "send_on")
        with unit() as work:
            pick_send(work, code, form.get("segment", ""), volume, send_on)
    except CourtierError as refusal:
        with unit() as work:
            return page("participations/show.html", refusal, form=form, **contents(work, code))
    return redirect(url_for("participations.show", code=code, done="send_picked"), 303)


@pages.post("/participation-sends/<code>/withdraw")
@for_roles("owner")
def withdraw(code: str) -> Response:
    """Take a yes back."""
    with unit() as work:
        send = withdraw_send(work, code)
    return redirect(url_for("participations.show", code=send.participation_code, done="send_withdrawn"), 303)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a participation shows."""
    participation = find_participation(work, code)
    segments = list_segments(work, participation.base_code) if participation.base_code else []
    first_day = max(participation.starts_on, work.today)
    return {
        "participation": participation,
        "sends": list_sends(work, code),
        "segments": segments,
        "first_day": first_day,
    }
