"""What an owner sets on the pages of insight."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.audience.parse import parse_rule
from broker.bases.find_base import find_base
from broker.catalogue.segments import create_segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.insight.lookup import ask_about_customer, customer_answer
from broker.insight.set_rules import set_horizon, set_rfm, set_scorecard, set_shop_places, set_tiers
from broker.insight.settings_model import MEASURES, RfmClass
from broker.insight.triggers import create_trigger, end_trigger, list_triggers
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput, NotFound
from web.http.display import number
from web.http.forms import cents_of
from web.http.refusals import page, sentence
from web.http.session import for_roles
from web.http.work import front, unit
from web.insight import contents, event_contents, score_contents

pages = Blueprint("insight_forms", __name__)
Contents = Callable[[UnitOfWork, str], dict[str, Any]]


@pages.post("/bases/<code>/insight/classes")
@for_roles("owner")
def classes(code: str) -> Response:
    """Bins, thresholds and classes; an emptied name takes a class away."""
    form = request.form

    def verb(work: UnitOfWork) -> None:
        columns = [form.getlist(name) for name in RfmClass.__slots__]
        rows = [[name, *map(_whole, limits)] for name, *limits in zip(*columns, strict=True) if name.strip()]
        thresholds = {measure: _numbers(form.get(measure, ""), measure) for measure in MEASURES}
        set_rfm(work, code, {"bins": _whole(form.get("bins", "")), "thresholds": thresholds, "classes": rows})

    return _set(code, verb, "insight.show", "insight/classes.html", contents)


@pages.post("/bases/<code>/insight/value")
@for_roles("owner")
def value(code: str) -> Response:
    """Borders of the tiers."""
    form = request.form

    def verb(work: UnitOfWork) -> None:
        raw: dict[str, Any] = {"method": form.get("method", "share")}
        for name in ("large_bp", "medium_bp"):
            if form.get(name):
                raw[name] = _whole(form[name]) * 100
        for name in ("revenue_large", "revenue_medium", "margin_large", "margin_medium"):
            if form.get(name):
                raw[f"{name}_cents"] = cents_of(form[name], name)
        set_tiers(work, code, raw)

    return _set(code, verb, "insight.value", "insight/value.html", contents)


@pages.post("/bases/<code>/insight/score")
@for_roles("owner")
def score(code: str) -> Response:
    """The scorecard; a row without a rule is left out."""
    names, rules, points = (request.form.getlist(name) for name in ("name", "rule", "points"))
    rows = [
        {"name": name, "rule": rule, "points": worth}
        for name, rule, worth in zip(names, rules, points, strict=True)
        if rule.strip() or name.strip()
    ]

    def verb(work: UnitOfWork) -> None:
        read = [{**row, "points": _whole(row["points"])} for row in rows]
        set_scorecard(work, code, read, refuse_sensitive_rule)

    def again(work: UnitOfWork, code: str) -> dict[str, Any]:
        return {**score_contents(work, code), "rows": [*rows, {"name": "", "rule": "", "points": ""}]}

    return _set(code, verb, "insight.score", "insight/score.html", again)


@pages.post("/bases/<code>/insight/potential")
@for_roles("owner")
def potential(code: str) -> Response:
    """For how many days ahead."""
    return _set(
        code,
        lambda work: set_horizon(work, code, _whole(request.form.get("horizon_days", ""))),
        "insight.potential",
        "insight/potential.html",
        contents,
    )


@pages.post("/bases/<code>/insight/shops")
@for_roles("owner")
def shop(code: str) -> Response:
    """Where a shop is."""
    form = request.form
    return _set(
        code,
        lambda work: set_shop_places(work, code, {form.get("shop", ""): form.get("postcode", "")}),
        "insight.shops",
        "insight/shops.html",
        contents,
    )


@pages.get("/bases/<code>/insight/around")
@for_roles("owner")
def around(code: str) -> Response:
    """A radius around a competitor's post code becomes a rule."""
    postcode, km = request.args.get("postcode", "").strip(), request.args.get("km", "10").strip()
    rule = f"within({km} km of {postcode})"
    return redirect(url_for("segments.new", base_code=code, rule=rule, name=request.args.get("name", "")), 303)


@pages.post("/bases/<code>/insight/events")
@for_roles("owner")
def event(code: str) -> Response:
    """A trigger, and the segment that renews each day by its rule."""
    form = request.form

    def verb(work: UnitOfWork) -> None:
        days = _whole(form.get("days_before", ""))
        create_trigger(
            work, code, form.get("name", ""), form.get("field", ""), days, lambda *asked: create_segment(*asked).code
        )

    return _set(code, verb, "insight.events", "insight/events.html", event_contents, "trigger_created")


@pages.get("/bases/<code>/insight/events/<trigger>/count")
@for_roles("owner")
def count_event(code: str, trigger: str) -> str:
    """How many a trigger takes today, and how many of them may be rented: a piece of the page."""
    with unit() as work:
        base = find_base(work, code)
        rule = next((one.rule_text for one in list_triggers(work, code) if one.code == trigger), None)
    if rule is None:
        raise NotFound(f"There is no trigger {trigger!r} on this base.", field="trigger")
    try:
        answer = front().audience.count_for_owner(base.id, parse_rule(rule))
    except CourtierError as refusal:
        return sentence(refusal)
    return number(answer["count"])


@pages.post("/bases/<code>/insight/events/<trigger>/end")
@for_roles("owner")
def end_event(code: str, trigger: str) -> Response:
    """Turn a trigger off."""
    return _set(
        code,
        lambda work: end_trigger(work, code, trigger),
        "insight.events",
        "insight/events.html",
        event_contents,
        "trigger_ended",
    )


@pages.get("/bases/<code>/insight/customer")
@for_roles("owner")
def customer(code: str) -> str:
    """The form: one customer by its reference."""
    with unit() as work:
        return render_template("insight/customer.html", answer=None, **contents(work, code))


@pages.post("/bases/<code>/insight/customer")
@for_roles("owner")
def look_up(code: str) -> Response:
    """Ask about one customer; a worker answers."""
    try:
        with unit() as work:
            asked = ask_about_customer(work, front().keys, code, request.form.get("reference", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("insight/customer.html", refusal, answer=None, **contents(work, code))
    return redirect(url_for("insight_forms.answer", asked=asked), 303)


@pages.get("/customers/<asked>")
@for_roles("owner")
def answer(asked: str) -> Response:
    """What is known of the customer; while a worker looks, the page asks again for a piece of itself."""
    with unit() as work:
        found = customer_answer(work, asked)
        shown = contents(work, found.base_code)
    if not request.headers.get("HX-Request"):
        return make_response(render_template("insight/customer.html", answer=found, iso=date.fromisoformat, **shown))
    if found.state == "waiting":
        return make_response(render_template("insight/waiting.html", answer=found))
    reply = make_response("")
    reply.headers["HX-Refresh"] = "true"  # the whole page, now that there is something to show
    return reply


def _set(
    code: str,
    verb: Callable[[UnitOfWork], object],
    target: str,
    template: str,
    shown: Contents,
    done: str = "insight_set",
) -> Response:
    try:
        with unit() as work:
            verb(work)
    except CourtierError as refusal:
        with unit() as work:
            return page(template, refusal, form=request.form, **shown(work, code))
    return redirect(url_for(target, code=code, done=done), 303)


def _whole(text: str) -> int:
    try:
        return int(text.strip().replace("\u202f", "").replace("\xa0", ""))
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is no whole number.", code="bad_number", field="number") from None


def _numbers(text: str, measure: str) -> list[float]:
    """`30; 90; 180` (amounts in euros become cents); nothing is no threshold."""
    try:
        found = [float(part.replace(",", ".").replace(" ", "")) for part in text.split(";") if part.strip()]
    except ValueError:
        raise InvalidInput(
            f"Thresholds are numbers with semicolons between them: 30; 90; 180. {text[:40]!r} is not.",
            code="bad_thresholds",
            field=measure,
        ) from None
    return [cut * 100 for cut in found] if measure == "monetary_cents" else found
