"""Own mailings: what an owner writes to its own people, in guided steps; what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.find_base import find_base, list_bases
from broker.catalogue.segment_life import segment_lines
from broker.insight.triggers import LONGEST_AHEAD
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.mailings.create_creative import list_creatives
from broker.mailings.own.effect import days_left, effect_of
from broker.mailings.own.events import LONGEST_AFTER, possible_events
from broker.mailings.own.find import find_own_mailing, list_own_mailings, parts_of, variants_of
from broker.mailings.own.model import OwnMailing
from broker.mailings.own.plan import (
    create_own_mailing,
    plan_own_mailing,
    revise_own_mailing,
    set_variants,
    what_lacks,
)
from broker.mailings.own.propose import propose_segments, segment_of_proposal
from broker.mailings.own.steps import cancel_own_mailing, pause_own_mailing, resume_own_mailing
from broker.mailings.own.totals import totals_of
from web.http.forms import cents_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("own_mailings", __name__)
STEPS = ("segments", "messages", "timing", "review")


@pages.get("/own-mailings")
@for_roles("owner")
def index() -> str:
    """The owner's own mailings."""
    with unit() as work:
        rows = [(own, totals_of(work, own)) for own in list_own_mailings(work)]
    return render_template("own/index.html", rows=rows)


@pages.get("/own-mailings/new")
@for_roles("owner")
def new() -> str:
    """The first step: base, goal, name. A finding hands over its people's rule, a trigger its event."""
    with unit() as work:
        return render_template("own/new.html", bases=list_bases(work), form=request.args)


@pages.post("/own-mailings")
@for_roles("owner")
def create() -> Response:
    """A draft; with a finding's rule, its segment too."""
    form = request.form
    try:
        with unit() as work:
            own = create_own_mailing(work, form.get("base", ""), form.get("name", ""), form.get("goal", ""))
            rule, event = form.get("rule", "").strip(), form.get("event", "")
            if form.get("segment"):
                set_variants(work, own.code, [{"segment": form["segment"]}])
            elif rule:
                segment = segment_of_proposal(work, own.base_code, own.name, rule)
                set_variants(work, own.code, [{"segment": segment}])
            if event:
                kind, _, field = event.partition(":")
                days = whole_of(form.get("days", "0") or "0", "event_days")
                revise_own_mailing(work, own.code, event_kind=kind, event_field=field, event_days=days)
                if not rule and not form.get("segment"):
                    set_variants(work, own.code, [{"segment": ""}])
            if form.get("category", "").strip():
                revise_own_mailing(work, own.code, category=form["category"])
    except CourtierError as refusal:
        with unit() as work:
            return page("own/new.html", refusal, bases=list_bases(work), form=form)
    return redirect(url_for("own_mailings.segments", code=own.code), 303)


@pages.get("/own-mailings/<code>")
@for_roles("owner")
def show(code: str) -> str | Response:
    """What became of it; a draft goes on where it lacks something."""
    with unit() as work:
        own = find_own_mailing(work, code)
        if own.state == "draft":
            return redirect(url_for("own_mailings.segments", code=code))
        return render_template("own/show.html", **_shown(work, own))


@pages.get("/own-mailings/<code>/segments")
@for_roles("owner")
def segments(code: str) -> str:
    """Whom to write to, and on what legal basis."""
    with unit() as work:
        return render_template("own/segments.html", **_segments(work, code))


@pages.post("/own-mailings/<code>/segments")
@for_roles("owner")
def choose_segments(code: str) -> Response:
    """Take a proposal, add, move or take away a segment, or set the legal basis."""
    form = request.form

    def step(work: UnitOfWork) -> None:
        own = find_own_mailing(work, code)
        rows = [
            {"segment": one.segment_code or "", "creative": one.creative_code or ""} for one in variants_of(work, own)
        ]
        if "rule" in form:
            found = segment_of_proposal(work, own.base_code, form.get("name", ""), form["rule"])
            _put_in(rows, found)
        elif "add" in form:
            _put_in(rows, form.get("segment", ""))
        elif "drop" in form:
            del rows[_place(form["drop"], rows)]
        elif "up" in form:
            at = _place(form["up"], rows)
            rows.insert(max(0, at - 1), rows.pop(at))
        else:
            basis = form.get("legal_basis", "")
            revise_own_mailing(work, code, legal_basis=basis, likeness=form.get("likeness", ""))
        set_variants(work, code, rows)

    then = "own_mailings.messages" if "next" in form else "own_mailings.segments"
    return _act(code, step, "own/segments.html", _segments, then)


@pages.get("/own-mailings/<code>/messages")
@for_roles("owner")
def messages(code: str) -> str:
    """One message for each segment."""
    with unit() as work:
        return render_template("own/messages.html", **_messages(work, code))


@pages.post("/own-mailings/<code>/messages")
@for_roles("owner")
def choose_messages(code: str) -> Response:
    """Say which segment gets which message, and what products it names."""

    def step(work: UnitOfWork) -> None:
        own = find_own_mailing(work, code)
        chosen = request.form.getlist("creative")
        rows = [
            {"segment": one.segment_code or "", "creative": creative}
            for one, creative in zip(variants_of(work, own), chosen, strict=False)
        ]
        set_variants(work, code, rows)
        revise_own_mailing(work, code, category=request.form.get("category", ""))

    return _act(code, step, "own/messages.html", _messages, "own_mailings.timing")


@pages.get("/own-mailings/<code>/timing")
@for_roles("owner")
def timing(code: str) -> str:
    """Once or each day, whom to hold out, what it costs."""
    with unit() as work:
        return render_template("own/timing.html", **_timing(work, code))


@pages.post("/own-mailings/<code>/timing")
@for_roles("owner")
def set_timing(code: str) -> Response:
    """Set day or event, the held-out share, the window and the costs."""
    form = request.form

    def step(work: UnitOfWork) -> None:
        values: dict[str, Any] = {
            "held_out_bp": whole_of(form.get("held_out", "0") or "0", "held_out") * 100,
            "window_days": whole_of(form.get("window_days", "30"), "window_days"),
            "cost_cents": cents_of(form.get("cost", "0") or "0", "cost"),
            "cost_micros": cents_of(form.get("cost_thousand", "0") or "0", "cost_thousand") * 10,
        }
        if form.get("schedule") == "daily":
            kind, _, field = form.get("event", "").partition(":")
            values |= {
                "event_kind": kind or "none",
                "event_field": field,
                "event_days": whole_of(form.get("event_days", "0") or "0", "event_days"),
                "send_hour": whole_of(form.get("send_hour", "9"), "send_hour"),
                "backlog": "backlog" in form,
            }
        else:
            values |= {"event_kind": "", "starts_at": _moment(form.get("starts_at", ""))}
        revise_own_mailing(work, code, **values)

    return _act(code, step, "own/timing.html", _timing, "own_mailings.review")


@pages.get("/own-mailings/<code>/review")
@for_roles("owner")
def review(code: str) -> str:
    """Everything at once, with whom it reaches, before it is put on its way."""
    return render_template("own/review.html", **_review(code))


@pages.post("/own-mailings/<code>/plan")
@for_roles("owner")
def plan(code: str) -> Response:
    """Put it on its way."""
    try:
        with unit() as work:
            plan_own_mailing(work, code, keep_the_day="keep_the_day" in request.form)
    except CourtierError as refusal:
        return page("own/review.html", refusal, **_review(code))
    return redirect(url_for("own_mailings.show", code=code, done="own_planned"), 303)


@pages.post("/own-mailings/<code>/<any(pause, resume, cancel):verb>")
@for_roles("owner")
def steer(code: str, verb: str) -> Response:
    """Stop for a while, go on, stop for good."""
    verbs = {"pause": pause_own_mailing, "resume": resume_own_mailing, "cancel": cancel_own_mailing}
    news = {"pause": "paused", "resume": "resumed", "cancel": "mailing_cancelled"}
    with unit() as work:
        verbs[verb](work, code)
    return redirect(url_for("own_mailings.show" if verb != "cancel" else "own_mailings.index", code=code,
                            done=news[verb]), 303)  # fmt: skip


@pages.post("/own-mailings/<code>/costs")
@for_roles("owner")
def costs(code: str) -> Response:
    """Enter what it cost once the bills are there, and for how long purchases are looked at."""
    form = request.form
    try:
        with unit() as work:
            revise_own_mailing(
                work,
                code,
                window_days=whole_of(form.get("window_days", "30"), "window_days"),
                cost_cents=cents_of(form.get("cost", "0") or "0", "cost"),
                cost_micros=cents_of(form.get("cost_thousand", "0") or "0", "cost_thousand") * 10,
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("own/show.html", refusal, **_shown(work, find_own_mailing(work, code)))
    return redirect(url_for("own_mailings.show", code=code, done="cost_entered"), 303)


def _act(
    code: str,
    step: Callable[[UnitOfWork], None],
    template: str,
    contents: Callable[[UnitOfWork, str], dict[str, Any]],
    then: str,
) -> Response:
    try:
        with unit() as work:
            step(work)
    except CourtierError as refusal:
        with unit() as work:
            return page(template, refusal, **contents(work, code))
    return redirect(url_for(then, code=code), 303)


def _draft(work: UnitOfWork, code: str, step: str) -> dict[str, Any]:
    own = find_own_mailing(work, code)
    if own.state != "draft":
        raise InvalidInput("A planned mailing does not change. Cancel it and plan another.", code="own_planned")
    return {
        "own": own,
        "step": step,
        "steps": STEPS,
        "variants": variants_of(work, own),
        "lacking": what_lacks(work, own),
    }


def _segments(work: UnitOfWork, code: str) -> dict[str, Any]:
    shown = _draft(work, code, "segments")
    own: OwnMailing = shown["own"]
    chosen = {one.segment_code for one in shown["variants"]}
    known = {one.rule_text for one in shown["variants"]}
    return {
        **shown,
        "proposals": [one for one in propose_segments(work, own.base_code, own.goal) if one.rule_text not in known],
        "lines": [one for one in segment_lines(work, own.base_code) if one.code not in chosen],
        "everybody": None in chosen,
    }


def _messages(work: UnitOfWork, code: str) -> dict[str, Any]:
    return {**_draft(work, code, "messages"), "creatives": list_creatives(work)}


def _timing(work: UnitOfWork, code: str) -> dict[str, Any]:
    shown = _draft(work, code, "timing")
    own: OwnMailing = shown["own"]
    return {
        **shown,
        "form": request.form if request.method == "POST" else None,
        "events": possible_events(work, own.base_code),
        "starts": own.starts_at.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M") if own.starts_at else "",
        "longest_ahead": LONGEST_AHEAD,
        "longest_after": LONGEST_AFTER,
    }


def _review(code: str) -> dict[str, Any]:
    with unit() as work:
        shown = _draft(work, code, "review")
        own: OwnMailing = shown["own"]
        rules = [{"op": "all"} if one.rule is None else one.rule for one in shown["variants"]]
        today = work.today
    counted, problem = None, None
    if rules:
        day = max(own.starts_at.astimezone(PARIS).date(), today) if own.starts_at else today
        try:
            counted = front().audience.count_own(own.base_id, actor().org, own.legal_basis, rules, day)
        except CourtierError as error:
            problem = error
    return {**shown, "counted": counted, "problem": problem}


def _shown(work: UnitOfWork, own: OwnMailing) -> dict[str, Any]:
    effect = effect_of(work, own.code)
    return {
        "own": own,
        "base": find_base(work, own.base_code),
        "variants": variants_of(work, own),
        "parts": parts_of(work, own),
        "totals": totals_of(work, own),
        "effect": effect,
        "days_left": days_left(effect, work.today),
    }


def _put_in(rows: list[dict[str, str]], segment: str) -> None:
    """A segment comes before everybody else, who stand last."""
    at = len(rows) - 1 if rows and not rows[-1]["segment"] and segment else len(rows)
    rows.insert(at, {"segment": segment, "creative": ""})


def _place(text: str, rows: list[dict[str, str]]) -> int:
    place = whole_of(text, "variants")
    if not 1 <= place <= len(rows):
        raise InvalidInput("This segment does not stand here any more.", code="unknown_segment", field="variants")
    return place - 1


def _moment(text: str) -> datetime | None:
    """A day and hour as browsers send it, of Paris; nothing for an empty field."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=PARIS)
    except ValueError:
        raise InvalidInput("Choose a day and an hour.", code="bad_day", field="starts_at") from None
