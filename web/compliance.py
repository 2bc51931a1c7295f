"""What the law asks to be written down: register of processing, requests of persons; for owner and broker."""

from __future__ import annotations

import io
import json
from typing import Any, get_args

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.audit.bulk_read import note_bulk_read
from broker.bases.compliance_model import LegalBasis, Outcome, RequestKind, months_after
from broker.bases.register import COLUMNS, end_activity, list_register, register_rows, write_activity
from broker.bases.request_log import answer_request, extend_request, list_requests, log_request
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.kernel.safe_csv import SafeWriter
from web.http.forms import required_day
from web.http.language import current
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("compliance", __name__)
TEXTS = ("name", "purpose", "people", "data", "recipients", "retention", "transfers", "security")


@pages.get("/register")
@for_roles("owner", "broker")
def register() -> str:
    """The register of processing, controller by controller; it prints as it stands."""
    with unit() as work:
        return render_template("compliance/register.html", **register_contents(work))


@pages.post("/register")
@for_roles("owner", "broker")
def write() -> Response:
    """Add a line."""
    form = request.form
    texts = {name: form.get(name, "") for name in TEXTS}
    try:
        with unit() as work:
            write_activity(work, legal_basis=form.get("legal_basis", ""), **texts)  # type: ignore[arg-type]
    except CourtierError as refusal:
        with unit() as work:
            return page("compliance/register.html", refusal, form=form, **register_contents(work))
    return redirect(url_for("compliance.register", done="register_written"), 303)


@pages.post("/register/<code>/end")
@for_roles("owner", "broker")
def end(code: str) -> Response:
    """Take a line out."""
    with unit() as work:
        end_activity(work, code)
    return redirect(url_for("compliance.register", done="register_ended"), 303)


@pages.get("/register.csv")
@for_roles("owner", "broker")
def register_csv() -> Response:
    """The register as CSV (semicolons), in the language of the page."""
    buffer = io.StringIO()
    writer = SafeWriter(buffer, delimiter=";")
    writer.writerow(COLUMNS)
    writer.writerows(_rows())
    return _file(buffer.getvalue(), "text/csv", "register.csv")


@pages.get("/register.json")
@for_roles("owner", "broker")
def register_json() -> Response:
    """The register as JSON, in the language of the page."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in _rows()]
    return _file(json.dumps(rows, ensure_ascii=False, indent=1), "application/json", "register.json")


@pages.get("/requests")
@for_roles("owner", "broker")
def requests() -> str:
    """The log of requests: open ones by deadline."""
    with unit() as work:
        return render_template("compliance/requests.html", **request_contents(work))


@pages.post("/requests")
@for_roles("owner", "broker")
def log() -> Response:
    """Write a request down."""
    form = request.form
    return _step(
        "request_logged",
        lambda work: log_request(
            work,
            form.get("kind", ""),  # type: ignore[arg-type]
            form.get("reference", ""),
            required_day(form.get("received_on", ""), "received_on"),
            form.get("note", ""),
        ),
    )


@pages.post("/requests/<code>/extend")
@for_roles("owner", "broker")
def extend(code: str) -> Response:
    """Put an answer off."""
    form = request.form
    return _step(
        "request_extended",
        lambda work: extend_request(work, code, required_day(form.get("until", ""), "until"), form.get("reason", "")),
        code,
    )


@pages.post("/requests/<code>/answer")
@for_roles("owner", "broker")
def answer(code: str) -> Response:
    """Note that the person was answered."""
    form = request.form
    return _step(
        "request_answered",
        lambda work: answer_request(work, code, form.get("outcome", ""), form.get("note", "")),  # type: ignore[arg-type]
        code,
    )


def register_contents(work: UnitOfWork) -> dict[str, Any]:
    """What the page of the register shows: lines grouped by controller."""
    groups: dict[str, list[Any]] = {}
    for line in list_register(work, front().settings.trade, current()):  # type: ignore[arg-type]
        groups.setdefault(line.controller, []).append(line)
    return {"groups": groups, "bases": get_args(LegalBasis), "today": work.today}


def request_contents(work: UnitOfWork) -> dict[str, Any]:
    """What the page of requests shows."""
    return {
        "requests": list_requests(work, asked_page()),
        "today": work.today,
        "kinds": get_args(RequestKind),
        "outcomes": get_args(Outcome),
        "months_after": months_after,
    }


def _step(done: str, act: Any, code: str = "") -> Response:
    try:
        with unit() as work:
            act(work)
    except CourtierError as refusal:
        if refusal.status == 404:
            raise
        with unit() as work:
            return page("compliance/requests.html", refusal, form=request.form, opened=code, **request_contents(work))
    return redirect(url_for("compliance.requests", done=done), 303)


def _rows() -> list[list[str]]:
    settings = front().settings
    with unit() as work:
        rows = register_rows(work, settings.trade, current())  # type: ignore[arg-type]
        note_bulk_read(work, "register", "register", len(rows), settings.trade.bulk_read_alert)
    return rows


def _file(content: str, kind: str, name: str) -> Response:
    return Response(content, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
