"""An owner's rules: whom it always refuses, whom it trusts; what it asks of every order."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.find_base import list_bases
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.rentals.approval_model import Effect
from broker.rentals.approval_rules import find_policy, list_rules, sender_of, set_policy, stop_rule, write_rule
from web.http.forms import cents_of, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import unit

pages = Blueprint("approval_rules", __name__)


@pages.get("/approval-rules")
@for_roles("owner")
def index() -> str:
    """The rules, and the form of a new one; `?order=` starts it with the advertiser of an order."""
    with unit() as work:
        form: dict[str, Any] = {"effect": request.args.get("effect", "refuse")}
        if request.args.get("order"):
            form["advertisers"], form["title"] = sender_of(work, request.args["order"])
        return render_template("approval_rules/index.html", form=form, refusal=None, **_contents(work))


@pages.post("/approval-rules")
@for_roles("owner")
def write() -> Response:
    """Write a rule."""
    form = request.form
    try:
        with unit() as work:
            write_rule(
                work,
                cast("Effect", form.get("effect", "")),
                form.get("title", ""),
                advertisers=_words(form.get("advertisers", "")),
                sectors=form.getlist("sectors"),
                domains=_words(form.get("domains", "")),
                least_cpm_cents=cents_of(form["least_cpm"], "least_cpm") if form.get("least_cpm", "").strip() else None,
                most_volume=whole_of(form["most_volume"], "most_volume")
                if form.get("most_volume", "").strip()
                else None,
                reason=form.get("reason", ""),
                base_code=form.get("base", ""),
            )
    except CourtierError as refusal:
        with unit() as work:
            shown = {**form.to_dict(), "sectors": form.getlist("sectors")}
            return page("approval_rules/index.html", refusal, form=shown, **_contents(work))
    return redirect(url_for("approval_rules.index", done="rule_written"), 303)


@pages.post("/approval-rules/<code>/stop")
@for_roles("owner")
def stop(code: str) -> Response:
    """Stop a rule."""
    with unit() as work:
        stop_rule(work, code)
    return redirect(url_for("approval_rules.index", done="rule_stopped"), 303)


@pages.post("/approval-policy")
@for_roles("owner")
def policy() -> Response:
    """What is asked of every order."""
    try:
        with unit() as work:
            days = whole_of(request.form.get("grace_days", ""), "grace_days")
            set_policy(work, signed_orders=request.form.get("signed_orders") == "yes", grace_days=days)
    except InvalidInput as refusal:
        with unit() as work:
            return page("approval_rules/index.html", refusal, form={"effect": "refuse"}, **_contents(work))
    return redirect(url_for("approval_rules.index", done="policy_set"), 303)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").replace(";", " ").split()


def _contents(work: UnitOfWork) -> dict[str, Any]:
    return {
        "rules": list_rules(work, asked_page()),
        "policy": find_policy(work),
        "bases": list_bases(work),
    }
