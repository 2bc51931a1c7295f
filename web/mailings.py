"""Mailings: what is being sent and what became of it, down to the single send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_datetime
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from broker.billing.drill import lines_of_send
from broker.kernel.clock import PARIS
from broker.kernel.errors import CourtierError, InvalidInput
from broker.mailings.cancel import cancel_mailing
from broker.mailings.choose_variant import choose_variant, may_choose
from broker.mailings.find_mailing import find_mailing, list_mailings, titles_of
from broker.mailings.flow import set_flow
from broker.mailings.list_sends import find_send, list_sends
from broker.mailings.model import freeze_moment
from broker.mailings.pause import pause_mailing
from broker.mailings.report_sheet import live_report
from broker.mailings.resume import resume_mailing
from broker.mailings.watch import thresholds
from broker.mailings.waves import read_shares
from web.http.charts import Chart, Line
from web.http.forms import whole_of
from web.http.refusals import page
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("mailings", __name__)
SOON = timedelta(minutes=10)  # so near to its next step the page of a mailing that waits asks again


@pages.get("/mailings")
def index() -> str:
    """The viewer's mailings."""
    with unit() as work:
        mailings = list_mailings(work, page=asked_page())
        titles = titles_of(work, mailings.items)
    return render_template("mailings/index.html", mailings=mailings, titles=titles)


@pages.get("/mailings/<code>")
def show(code: str) -> str:
    """The live figures of a mailing; while it is sent the page asks again."""
    return render_template("mailings/show.html", **_shown(code))


@pages.get("/mailings/<code>/report")
def report(code: str) -> str:
    """The figures alone, for the page that asks again."""
    return render_template("mailings/report.html", **_shown(code))


@pages.post("/mailings/<code>/waves")
def waves(code: str) -> Response:
    """Set waves and start window."""
    form = request.form
    try:
        with unit() as work:
            until = form.get("start_by", "").strip()
            start_by = _moment_of(until) if until else None
            gap = whole_of(form.get("gap_minutes", "") or "60", "gap_minutes")
            set_flow(work, code, read_shares(form.get("shares", "")), gap, start_by)
    except CourtierError as refusal:
        return page("mailings/show.html", refusal, form=form, **_shown(code))
    return redirect(url_for("mailings.show", code=code, done="waves_set"), 303)


@pages.post("/mailings/<code>/variant")
def choose(code: str) -> Response:
    """End a subject test by hand."""
    try:
        with unit() as work:
            choose_variant(work, code, request.form.get("variant", ""), request.form.get("reason", ""))
    except CourtierError as refusal:
        return page("mailings/show.html", refusal, form=request.form, **_shown(code))
    return redirect(url_for("mailings.show", code=code, done="variant_chosen"), 303)


@pages.get("/mailings/<code>/sends")
def sends(code: str) -> str:
    """The single sends by position: state and price, never a person."""
    number = asked_page()
    with unit() as work:
        mailing = find_mailing(work, code)
        page = list_sends(work, code, number)
    return render_template("mailings/sends.html", mailing=mailing, sends=page)


@pages.get("/mailings/<code>/sends/<int:position>")
def one_send(code: str, position: int) -> str:
    """One send, and the documents that bill it: the way up."""
    with unit() as work:
        send = find_send(work, code, position)
        lines = lines_of_send(work, code, position)
    return render_template("mailings/send.html", code=code, send=send, lines=lines)


@pages.post("/mailings/<code>/pause")
def pause(code: str) -> Response:
    """Stop for now."""
    with unit() as work:
        pause_mailing(work, code)
    return redirect(url_for("mailings.show", code=code, done="paused"), 303)


@pages.post("/mailings/<code>/resume")
def resume(code: str) -> Response:
    """Go on."""
    try:
        with unit() as work:
            resume_mailing(work, code, request.form.get("reason", ""))
    except CourtierError as refusal:
        return page("mailings/show.html", refusal, form=request.form, **_shown(code))
    return redirect(url_for("mailings.show", code=code, done="resumed"), 303)


@pages.post("/mailings/<code>/cancel")
def cancel(code: str) -> Response:
    """Stop for good."""
    with unit() as work:
        cancel_mailing(work, code)
    return redirect(url_for("mailings.show", code=code, done="mailing_cancelled"), 303)


def _shown(code: str) -> dict[str, Any]:
    with unit() as work:
        live = live_report(work, code)
        now = work.now
    report, flow = live.report, live.flow
    drawn_at = freeze_moment(report.starts_at, front().settings.trade.freeze_hours)
    next_step = {"planned": drawn_at or now, "frozen": report.starts_at or now, "sending": now}.get(report.state)
    alarms = flow.get("alarms") or []
    hours = Chart(
        _("Clicks of people, by hour"),
        [Line(_("Clicks"), [clicks for _at, clicks in live.hours])],
        [at for at, _clicks in live.hours],
        [format_datetime(at, "short") for at, _clicks in live.hours],
    )
    return {
        "live": live,
        "report": report,
        "running": next_step is not None and next_step <= now + SOON,
        "drawn_at": drawn_at,
        "held": [alarm for alarm in alarms if alarm["kind"] == "stop" and not alarm["released_at"]],
        "alarms": alarms,
        "hours": hours,
        "flow": flow.get("flow") or {},
        "progress": flow.get("progress") or {},
        "waves": flow.get("waves") or [],
        "choosing": may_choose(live),
        "watched": thresholds(front().settings.watch, report.frozen) if report.frozen else [],
        "few": report.frozen < front().settings.watch.least_sends,
    }


def _moment_of(text: str) -> datetime:
    """A moment of Paris as a form's field writes it."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=PARIS)
    except ValueError:
        raise InvalidInput("Write a day and an hour.", code="bad_moment", field="start_by") from None
