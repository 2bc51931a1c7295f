"""What an owner knows of a base's customers: classes, value, score, potential, affinity, events, shops."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from broker.catalogue.list_columns import list_columns
from broker.insight.base_insight import insight_of, insight_progress
from broker.insight.set_rules import base_rules, rule_history
from broker.insight.triggers import LONGEST_AHEAD, list_triggers, possible_triggers
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from web.http.flows import flow
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("insight", __name__)
EMPTY_ROWS = 3  # of a scorecard's form


@pages.get("/bases/<code>/insight")
@for_roles("owner")
def show(code: str) -> str:
    """Classes by recency, frequency and monetary value, habits, and who moved."""
    with unit() as work:
        return render_template("insight/classes.html", **contents(work, code))


@pages.get("/bases/<code>/insight/value")
@for_roles("owner")
def value(code: str) -> str:
    """Small, medium and large customers, by revenue and by margin, over time."""
    with unit() as work:
        return render_template("insight/value.html", **contents(work, code))


@pages.get("/bases/<code>/insight/score")
@for_roles("owner")
def score(code: str) -> str:
    """The scorecard, its distribution, and how it did on purchases it had not seen."""
    with unit() as work:
        return render_template("insight/score.html", **score_contents(work, code))


@pages.get("/bases/<code>/insight/potential")
@for_roles("owner")
def potential(code: str) -> str:
    """What customers will probably buy."""
    with unit() as work:
        return render_template("insight/potential.html", **contents(work, code))


@pages.get("/bases/<code>/insight/affinity")
@for_roles("owner")
def affinity(code: str) -> str:
    """What a group buys more or less than chance says; which sectors to invite."""
    with unit() as work:
        return render_template("insight/affinity.html", **contents(work, code))


@pages.get("/bases/<code>/insight/events")
@for_roles("owner")
def events(code: str) -> str:
    """Anniversaries and other events as segments that renew each day."""
    with unit() as work:
        return render_template("insight/events.html", **event_contents(work, code))


@pages.get("/bases/<code>/insight/shops")
@for_roles("owner")
def shops(code: str) -> str:
    """Shops against their own trend; around a competitor."""
    with unit() as work:
        return render_template("insight/shops.html", **contents(work, code))


@pages.get("/bases/<code>/insight/progress")
@for_roles("owner")
def progress(code: str) -> str:
    """How far the findings are: a piece of the page."""
    with unit() as work:
        return render_template(
            "insight/progress.html", base=find_base(work, code), progress=insight_progress(work, code)
        )


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What every page of insight shows of: the base, the findings (or None), how far new ones are, what is set."""
    base = find_base(work, code)
    try:
        history = insight_of(work, code)
    except Conflict:
        history = None
    found = None if history is None else history.latest.found
    rules = base_rules(work, code)
    moved = (found or {}).get("moves")
    return {
        "base": base,
        "history": history,
        "found": found,
        "progress": insight_progress(work, code),
        "rules": rules,
        "flow": None if moved is None else flow(moved["classes"], rules.rfm.names),
        "tier_flow": None if moved is None else flow(moved["tiers"], ("large", "medium", "small")),
        "timeline": [] if history is None else [history.latest, *history.before][::-1],
    }


def score_contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """And the card as a form, its versions, and the fields that a criterion may name."""
    shown = contents(work, code)
    rows = [{"name": one.name, "rule": one.rule, "points": one.points} for one in shown["rules"].scorecard]
    check = ((shown["found"] or {}).get("score") or {}).get("check")
    return {
        **shown,
        "cut": None if check is None else date.fromisoformat(check["cut"]),
        "rows": rows + [{"name": "", "rule": "", "points": ""}] * EMPTY_ROWS,
        "versions": rule_history(work, code, "scorecard"),
        "columns": list_columns(work, code),
    }


def event_contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """And the triggers that are on and those there could be."""
    return {
        **contents(work, code),
        "triggers": list_triggers(work, code),
        "possible": possible_triggers(work, code),
        "longest_ahead": LONGEST_AHEAD,
    }
