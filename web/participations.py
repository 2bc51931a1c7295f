"""Participations: what an owner joined, and the sends it picks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.affiliation.join import accept_terms, leave_programme, list_participations
from broker.affiliation.newsletter import newsletter_block, newsletter_links
from broker.affiliation.pick import announce_newsletter, list_sends, pick_send
from broker.affiliation.pick_by_rule import drop_rule, write_rule
from broker.affiliation.result_store import results_of_sends
from broker.affiliation.withdraw import find_participation, find_send, withdraw_send
from broker.audience.pressure_caps import caps_of
from broker.bases.find_base import find_base
from broker.catalogue.segments import list_segments
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.pressure import planned_mail
from web.http.forms import required_day, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("participations", __name__)


@pages.get("/participations")
@for_roles("owner")
def index() -> str:
    """What the owner joined."""
    number = asked_page()
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


@pages.post("/participations/<code>/<any(leave, drop, accept, rule, announce):verb>")
@for_roles("owner")
def act(code: str, verb: str) -> Response:
    """Leave, accept changed terms, write or stop a rule, carry the offer in one's own newsletter."""
    form = request.form
    try:
        with unit() as work:
            if verb == "leave":
                leave_programme(work, code)
            elif verb == "accept":
                accept_terms(work, code, whole_of(form.get("version", ""), "version"))
            elif verb == "drop":
                drop_rule(work, code)
            elif verb == "rule":
                write_rule(
                    work, code, form.get("segment", ""), whole_of(form.get("volume", ""), "volume"),
                    whole_of(form.get("every_days", ""), "every_days"), required_day(form.get("until", ""), "until"),
                )  # fmt: skip
            else:
                copies, day = (
                    whole_of(form.get("copies", ""), "copies"),
                    required_day(form.get("send_on", ""), "send_on"),
                )
                send = announce_newsletter(work, code, copies, day)
                return redirect(url_for("participations.newsletter", code=send.code, done="newsletter_announced"), 303)
    except CourtierError as refusal:
        with unit() as work:
            return page("participations/show.html", refusal, form=form, **contents(work, code))
    return redirect(url_for("participations.show", code=code, done=f"participation_{verb}"), 303)


@pages.get("/participation-sends/<code>/newsletter")
@for_roles("owner")
def newsletter(code: str) -> str:
    """The links of an offer carried in the owner's newsletter."""
    means = front()
    with unit() as work:
        links = newsletter_links(work, means.keys, means.settings.web.public_url, code)
        block = newsletter_block(work, links, code)
        return render_template("participations/newsletter.html", send=find_send(work, code), links=links, block=block)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a participation shows."""
    participation = find_participation(work, code)
    segments = list_segments(work, participation.base_code) if participation.base_code else []
    first_day = max(participation.starts_on, work.today)
    pressure = None
    if participation.base_code:
        week = work.today + timedelta(days=7)
        planned = [one for one in planned_mail(work, find_base(work, participation.base_code)) if one.send_on <= week]
        pressure = {"caps": caps_of(work, front().settings.trade, participation.base_id), "planned": len(planned)}
    return {
        "pressure": pressure,
        "participation": participation,
        "sends": list_sends(work, code),
        "results": results_of_sends(work, code),
        "segments": segments,
        "first_day": first_day,
    }
