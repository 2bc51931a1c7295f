"""How mail leaves, for the broker: relays, pace, warm-up of sending domains."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.delivery.list_relays import list_relays
from broker.delivery.pace_model import SCOPES, shipped_providers
from broker.delivery.set_pace import list_paces, reset_pace, set_pace
from broker.delivery.warm_up import end_warm_up, list_warm_ups, set_warm_up, start_warm_up
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.forms import whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("delivery", __name__)


@pages.get("/delivery")
@for_roles("broker")
def index() -> str:
    """Relays, limits and plans."""
    return render_template("staff/delivery.html", **_contents(), form={}, part="", refusal=None)


@pages.post("/delivery/pace")
@for_roles("broker")
def pace() -> Response:
    """Set a limit, or forget it."""
    form = request.form
    try:
        with unit() as work:
            if form.get("wanted") == "reset":
                reset_pace(work, form.get("scope", ""), form.get("name", ""))
            else:
                set_pace(
                    work,
                    form.get("scope", ""),
                    form.get("name", ""),
                    _whole("per_minute"),
                    _whole("at_once"),
                )
    except CourtierError as refusal:
        return page("staff/delivery.html", refusal, **_contents(), form=form, part="pace")
    return redirect(url_for("delivery.index", done="pace_reset" if form.get("wanted") == "reset" else "pace_set"), 303)


@pages.post("/delivery/warm-up")
@for_roles("broker")
def warm_up() -> Response:
    """Begin a plan, or end one."""
    form = request.form
    domain = form.get("domain", "")
    try:
        with unit() as work:
            if form.get("wanted") == "end":
                end_warm_up(work, domain)
            elif form.get("caps", "").strip():
                caps = [whole_of(one, "caps") for one in form["caps"].split(",")]
                set_warm_up(work, domain, caps, work.today)
            else:
                first, growth, until = (_whole(key) for key in ("first", "growth", "until"))
                if first is None or until is None:
                    raise InvalidInput(
                        "Say how many mails on the first day and on the last, or each day's cap.",
                        code="bad_warm_up",
                        field="first",
                    )
                start_warm_up(work, domain, first=first, growth_bp=10_000 + 100 * (growth or 0), until=until)
    except CourtierError as refusal:
        return page("staff/delivery.html", refusal, **_contents(), form=form, part="warm_up")
    return redirect(
        url_for("delivery.index", done="warm_up_ended" if form.get("wanted") == "end" else "warm_up_set"), 303
    )


def _whole(field: str) -> int | None:
    """A field of the form; None when it is empty."""
    text = request.form.get(field, "").strip()
    return whole_of(text, field) if text else None


def _contents() -> dict[str, Any]:
    mail = front().settings.mail
    with unit() as work:
        relays, rules, plans = list_relays(work, mail), list_paces(work), list_warm_ups(work)
        return {
            "relays": relays,
            "whole_weight": sum(one.weight for one in relays),
            "rules": rules,
            "plans": [(plan, plan.cap(work.today)) for plan in plans],
            "scopes": SCOPES,
            "providers": sorted(shipped_providers()),
            "platform": mail.sending_domain,
        }
