"""A base over time: size, completeness, freshness, rates, what can be rented, and the score explained."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from broker.bases.find_base import find_base
from broker.bases.quality import AGED, FRESH_MONTHS, RELATIONS, quality_of
from broker.bases.quality_advice import advice_on
from broker.bases.quality_model import Quality
from broker.kernel.safe_csv import SafeWriter
from web.http.charts import Chart, Line
from web.http.quality_words import advice_sentence
from web.http.session import for_roles
from web.http.words import word
from web.http.work import unit

pages = Blueprint("quality", __name__)
_WITHIN_A_YEAR = ("3", "6", "12")


@pages.get("/bases/<code>/quality")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """How the base stands and how it got there; `?relation=` splits customers and prospects."""
    relation = request.args.get("relation", "")
    relation = relation if relation in RELATIONS else ""
    with unit() as work:
        base, measured = find_base(work, code), quality_of(work, code)
    now = measured[0] if measured else None
    return render_template(
        "quality/show.html",
        base=base,
        measured=measured,
        now=now,
        facts=now.of(relation) if now else {},
        before=measured[1] if len(measured) > 1 else None,
        relation=relation,
        relations=RELATIONS,
        aged=AGED,
        advice={
            part: [(advice_sentence(row), row.points) for row in rows]
            for part, rows in (advice_on(now) if now else {}).items()
        },
        charts=charts(list(reversed(measured)), relation) if measured else [],
    )


@pages.get("/bases/<code>/quality.csv")
@for_roles("owner", "broker")
def download(code: str) -> Response:
    """Every snapshot's figures as CSV, newest first; one line for all, one for customers, one for prospects."""
    buffer = io.StringIO()
    writer = SafeWriter(buffer, delimiter=";")
    with unit() as work:
        measured = quality_of(work, code)
    fields = sorted({name for one in measured for name in one.facts.get("completeness", {})})
    reasons = sorted({name for one in measured for name in one.facts.get("not_rentable", {})})
    sizes = ("contacts", "arrivals", "departures", "rentable", "fresh", "sent", "bounce_rate", "complaint_rate")
    writer.writerow(
        ["snapshot", "measured_at", "relation", "score", *sizes, *(f"filled_{name}" for name in fields),
         *(f"not_rentable_{name}" for name in reasons)]
    )  # fmt: skip
    for one in measured:
        for relation in ("", *RELATIONS):
            facts = one.of(relation)
            if not facts:
                continue
            full, why = facts.get("completeness", {}), facts.get("not_rentable", {})
            writer.writerow(
                [one.number, one.measured_at.isoformat(), relation or "all", "" if relation else one.score,
                 *(facts.get(name, "") for name in sizes), *(full.get(name, "") for name in fields),
                 *(why.get(name, "") for name in reasons)]
            )  # fmt: skip
    return Response(buffer.getvalue(), mimetype="text/csv")


def charts(measured: Sequence[Quality], relation: str) -> list[Chart]:
    """The charts of a base, snapshots oldest first."""
    moments = [one.measured_at for one in measured]
    names = [_("No. %(number)s", number=one.number) for one in measured]
    facts = [one.of(relation) for one in measured]

    def chart(title: str, lines: list[Line], form: Any = "number", lead: str = "") -> Chart:
        return Chart(title, lines, moments, names, form, lead)

    size = [Line(_("Contacts"), _each(facts, "contacts"))]
    if not relation:
        size += [
            Line(label, _each([quality.of(one) for quality in measured], "contacts"))
            for one, label in zip(RELATIONS, (_("Customers"), _("Prospects")), strict=True)
        ]
    made = [
        chart(_("Size"), size),
        chart(
            _("Arrivals and departures"),
            [Line(_("Arrivals"), _each(facts, "arrivals")), Line(_("Departures"), _each(facts, "departures"))],
            lead=_("Since the snapshot before."),
        ),
        chart(_("Rentable"), [Line(_("Rentable"), _shares(facts, "rentable"))], "percent", _("Share of the contacts.")),
        chart(
            _("Why the rest is not rentable"),
            _lines(facts, "not_rentable", whole="contacts"),
            "percent",
            _("Each contact counts once, under the first reason that holds."),
        ),
        chart(_("Completeness"), _lines(facts, "completeness"), "percent", _("Contacts with a value, field by field.")),
        chart(
            _("Freshness"),
            [Line(word(f"aged_{name}"), [_fresh(one, name) for one in facts]) for name in AGED],
            "percent",
            _("Share heard of within %(months)s months.", months=FRESH_MONTHS),
        ),
        chart(
            _("Bounces and complaints"),
            [
                Line(_("Bounces"), [one.get("bounce_rate") for one in facts]),
                Line(_("Complaints"), [one.get("complaint_rate") for one in facts]),
            ],
            "percent",
            _("Share of the mails of the last twelve months."),
        ),
    ]
    if not relation:
        made.insert(0, chart(_("Quality score"), [Line(_("Quality score"), [float(one.score) for one in measured])]))
    return made


def _each(facts: Sequence[dict[str, Any]], name: str) -> list[float | None]:
    return [one.get(name) for one in facts]


def _shares(facts: Sequence[dict[str, Any]], name: str) -> list[float | None]:
    return [one[name] / one["contacts"] if one.get("contacts") else None for one in facts]


def _lines(facts: Sequence[dict[str, Any]], name: str, whole: str = "") -> list[Line]:
    """A line for each key that any snapshot has under `name`; with `whole`, as shares of it."""
    keys = dict.fromkeys(key for one in facts for key, value in one.get(name, {}).items() if value)
    return [Line(word(key).capitalize(), [_value(one, name, key, whole) for one in facts]) for key in keys]


def _value(facts: dict[str, Any], name: str, key: str, whole: str) -> float | None:
    found = facts.get(name, {}).get(key)
    if found is None or not whole:
        return None if found is None else float(found)
    return float(found) / facts[whole] if facts.get(whole) else None


def _fresh(facts: dict[str, Any], name: str) -> float | None:
    ages = facts.get("ages", {}).get(name)
    if not ages or not facts.get("contacts"):
        return None
    return float(sum(ages.get(age, 0) for age in _WITHIN_A_YEAR)) / float(facts["contacts"])
