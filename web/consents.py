"""The broker's sampling of consent proofs: sources, samples, verdicts, quarantine. No person is shown."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.audit_consents import MOST_DRAWN, draw_consents, find_audit, judge_consent, list_audits
from broker.bases.audit_consents_model import VERDICTS
from broker.bases.find_base import find_base, list_bases
from broker.bases.quarantine import list_sources, quarantine_source, release_source
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, NotFound
from web.http.forms import whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import unit

pages = Blueprint("consents", __name__)


@pages.get("/consents")
@for_roles("broker")
def index() -> str:
    """All bases, to choose one."""
    with unit() as work:
        return render_template("consents/index.html", bases=list_bases(work))


@pages.get("/bases/<code>/consents")
@for_roles("broker")
def base(code: str) -> str:
    """The sources of a base and the samples drawn from it."""
    with unit() as work:
        return render_template("consents/base.html", **contents(work, code))


@pages.post("/bases/<code>/consents/audits")
@for_roles("broker")
def draw(code: str) -> Response:
    """Draw a sample."""
    form = request.form
    try:
        size = whole_of(form.get("size", ""), "size")
        seed = whole_of(form["seed"], "seed") if form.get("seed", "").strip() else None
        with unit() as work:
            audit = draw_consents(work, code, size, source_code=form.get("source", ""), seed=seed)
    except CourtierError as refusal:
        with unit() as work:
            return page("consents/base.html", refusal, form=form, **contents(work, code))
    return redirect(url_for("consents.audit", code=audit.code), 303)


@pages.get("/consents/<code>")
@for_roles("broker")
def audit(code: str) -> str:
    """One sample: a form for each proof, and what the verdicts say so far."""
    with unit() as work:
        return render_template("consents/audit.html", audit=find_audit(work, code), verdicts=_verdicts())


@pages.post("/consents/<code>/<int:place>")
@for_roles("broker")
def judge(code: str, place: int) -> Response:
    """Record the verdict on one proof."""
    try:
        with unit() as work:
            judge_consent(work, code, place, request.form.get("verdict", ""), request.form.get("note", ""))
    except NotFound:
        raise
    except CourtierError as refusal:
        with unit() as work:
            found = find_audit(work, code)
        return page(
            "consents/audit.html", refusal, audit=found, verdicts=_verdicts(), form=request.form, refused_place=place
        )
    return redirect(url_for("consents.audit", code=code) + f"#proof-{place + 1}", 303)


@pages.post("/consent-sources/<code>/quarantine")
@for_roles("broker")
def quarantine(code: str) -> Response:
    """Shut a source out."""
    return _change(code, release=False)


@pages.post("/consent-sources/<code>/release")
@for_roles("broker")
def release(code: str) -> Response:
    """Let a source in again."""
    return _change(code, release=True)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a base's consents shows."""
    sources = list_sources(work, code)
    return {
        "base": find_base(work, code),
        "sources": sources,
        "held": sum(source.contacts for source in sources),
        "audits": list_audits(work, code),
        "most": MOST_DRAWN,
    }


def _change(code: str, *, release: bool) -> Response:
    base_code, reason = request.form.get("base", ""), request.form.get("reason", "")
    try:
        with unit() as work:
            (release_source if release else quarantine_source)(work, code, reason)
    except NotFound:
        raise
    except CourtierError as refusal:
        with unit() as work:
            return page("consents/base.html", refusal, refused_source=code, **contents(work, base_code))
    done = "source_released" if release else "source_quarantined"
    return redirect(url_for("consents.base", code=base_code, done=done), 303)


def _verdicts() -> list[tuple[str, str]]:
    return [(one, word(f"proof_{one}")) for one in VERDICTS]
