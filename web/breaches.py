"""Breach dossiers: what happened to which rows, the 72 hours, who did what, and what is told; for owner and broker."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.breach import breach_dossier, list_breaches, note_breach, open_breach
from broker.bases.breach_texts import breach_texts
from broker.bases.compliance_model import BreachNature, BreachRisk
from broker.bases.find_base import list_bases
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.forms import whole_of
from web.http.language import current
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("breaches", __name__)
FRANCE = ZoneInfo("Europe/Paris")
TEXTS = ("consequences", "measures", "which_rows", "late_reason", "authority_text", "people_text")


@pages.get("/breaches")
@for_roles("owner", "broker")
def index() -> str:
    """All dossiers, and the form of a new one."""
    with unit() as work:
        return render_template("breaches/index.html", **contents(work))


@pages.post("/breaches")
@for_roles("owner", "broker")
def create() -> Response:
    """Open a dossier."""
    form = request.form
    try:
        people = whole_of(form["people_affected"], "people_affected") if form.get("people_affected") else None
        discovered = moment_of(form.get("discovered_at", ""), "discovered_at")
        with unit() as work:
            breach = open_breach(
                work,
                form.get("base", ""),
                form.get("nature", ""),  # type: ignore[arg-type]
                _needed(form.get("facts", ""), "facts"),
                _needed(form.get("data", ""), "data"),
                required_moment(form.get("began_at", ""), "began_at"),
                required_moment(form.get("ended_at", ""), "ended_at"),
                whole_of(form.get("rows_affected", "") or "0", "rows_affected"),
                discovered_at=discovered,
                which_rows=form.get("which_rows", ""),
                people_affected=people,
                risk=form.get("risk", "unknown"),  # type: ignore[arg-type]
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("breaches/index.html", refusal, form=form, **contents(work))
    return redirect(url_for("breaches.show", code=breach.code, done="breach_opened"), 303)


@pages.get("/breaches/<code>")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """One dossier; it prints as it stands."""
    with unit() as work:
        return render_template("breaches/show.html", **dossier_contents(work, code))


@pages.post("/breaches/<code>")
@for_roles("owner", "broker")
def note(code: str) -> Response:
    """Add to a dossier: only the fields that the form holds."""
    form = request.form
    try:
        values: dict[str, Any] = {name: form[name] for name in (*TEXTS, "risk") if name in form}
        for name in ("rows_affected", "people_affected"):
            if form.get(name, "").strip():
                values[name] = whole_of(form[name], name)
        with unit() as work:
            for name in ("authority_told_at", "people_told_at", "closed_at"):
                if form.get("now") == name:
                    values[name] = work.now
                elif form.get(name):
                    values[name] = moment_of(form[name], name)
            note_breach(work, code, **values)
    except CourtierError as refusal:
        if refusal.status == 404:
            raise
        with unit() as work:
            return page("breaches/show.html", refusal, form=form, **dossier_contents(work, code))
    return redirect(url_for("breaches.show", code=code, done="breach_noted"), 303)


def contents(work: UnitOfWork) -> dict[str, Any]:
    """What the list shows."""
    return {
        "breaches": list_breaches(work),
        "bases": [(base.code, base.name) for base in list_bases(work)],
        "natures": get_args(BreachNature),
        "risks": get_args(BreachRisk),
        "now": work.now,
        "local_now": work.now.astimezone(FRANCE).strftime("%Y-%m-%dT%H:%M"),
    }


def dossier_contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What a dossier shows, its texts in the language of the page."""
    dossier = breach_dossier(work, code)
    return {
        "dossier": dossier,
        "breach": dossier.breach,
        "texts": breach_texts(dossier, current()),  # type: ignore[arg-type]
        "risks": get_args(BreachRisk),
        "now": work.now,
    }


def moment_of(written: str, field: str) -> datetime | None:
    """A moment as browsers send it (2026-11-21T09:30), in French time; nothing for an empty field."""
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise InvalidInput("Choose a day and an hour.", code="bad_moment", field=field) from None
    return found if found.tzinfo else found.replace(tzinfo=FRANCE)


def required_moment(written: str, field: str) -> datetime:
    """A moment that must be there."""
    found = moment_of(written, field)
    if found is None:
        raise InvalidInput("Choose a day and an hour.", code="bad_moment", field=field)
    return found


def _needed(text: str, field: str) -> str:
    if not text.strip():
        raise InvalidInput("Say what happened, and to which data.", code="missing_text", field=field)
    return text
