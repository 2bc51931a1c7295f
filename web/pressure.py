"""Pressure on a base: caps, what is planned close together, and the next free window for a segment."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.find_base import find_base
from broker.catalogue.segment_life import segment_lines
from broker.catalogue.segments import find_segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.pressure import day_offers, next_window, own_caps, planned_mail, set_pressure
from web.http.forms import day_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("pressure", __name__)
CAPS = ("per_week", "per_month", "advertiser_week", "advertiser_month")


@pages.get("/bases/<code>/pressure")
@for_roles("owner")
def show(code: str) -> Response:
    """The caps, what is planned, and the days that a chosen segment or planned mailing may take."""
    try:
        asked = _asked(code)
    except CourtierError as refusal:
        with unit() as work:
            return page("pressure/show.html", refusal, asked=None, **_contents(work, code))
    with unit() as work:
        return make_response(render_template("pressure/show.html", asked=asked, **_contents(work, code)))


@pages.post("/bases/<code>/pressure")
@for_roles("owner")
def change(code: str) -> Response:
    """Set the caps; an empty field is the platform's."""
    form = request.form
    try:
        caps = {name: whole_of(form[name], name) if form.get(name, "").strip() else None for name in CAPS}
        with unit() as work:
            set_pressure(
                work,
                front().settings.trade,
                code,
                own_counts="own_counts" in form,
                caps_own="caps_own" in form,
                **caps,
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("pressure/show.html", refusal, asked=None, **_contents(work, code))
    return redirect(url_for("pressure.show", code=code, done="pressure_set"), 303)


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    base, caps, (week, month) = own_caps(work, code)
    entered: dict[str, Any] = dict(request.form) if request.method == "POST" else {}
    return {
        "base": base,
        "trade": front().settings.trade,
        "caps": caps,
        "values": {
            "per_week": entered.get("per_week", week),
            "per_month": entered.get("per_month", month),
            "advertiser_week": entered.get("advertiser_week", caps.advertiser_week if caps else None),
            "advertiser_month": entered.get("advertiser_month", caps.advertiser_month if caps else None),
        },
        "planned": planned_mail(work, base),
        "lines": segment_lines(work, code),
        "today": work.today,
    }


def _asked(code: str) -> dict[str, Any] | None:
    """The days around what the address names: `segment` from a `day`, or a planned mailing (`mail`)."""
    mail, segment = request.args.get("mail", ""), request.args.get("segment", "")
    if not mail and not segment:
        return None
    with unit() as work:
        base = find_base(work, code)
        planned = next((one for one in planned_mail(work, base) if one.kept_as == mail), None) if mail else None
        if mail and planned is None:
            return None
        rule = {"op": "all"} if planned is not None else find_segment(work, segment).rule
        start: date = work.today
        if planned is not None:
            rule, start = planned.rule or rule, planned.send_on
        else:
            start = max(day_of(request.args.get("day", ""), "day") or start, start)
    counted = front().audience.pressure_days(
        base.id, rule, start, advertiser_id=planned.advertiser_id if planned else None, but=mail
    )
    with unit() as work:
        own = planned is not None and planned.kind == "own"
        offers = day_offers(work, base.id, counted["people"], counted["days"], own=own)
    after = planned.send_on if planned is not None else None
    return {
        "planned": planned,
        "segment": segment,
        "people": counted["people"],
        "offers": offers,
        "next": next_window(offers) if after is None else next_window(offers, after),
    }
