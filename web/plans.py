"""What the columns of an upload are, how known contacts are renewed, and the dry run before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as Reply

from broker.bases.contract import contract_in_force
from broker.bases.fields import IGNORE, TRAIT, known_fields, trait_name
from broker.bases.find_base import find_base
from broker.bases.imports import import_of_upload
from broker.bases.merge_policy import POLICIES, default_policy
from broker.bases.plan import (
    Plan,
    accept_domains,
    ask_check,
    find_plan,
    plan_import,
    preview_as_read,
    read_anew,
    start_planned,
)
from broker.bases.preview import asked, find_upload, forget_mapping
from broker.bases.reading import AS_FOUND, ENCODINGS, SEPARATORS, TYPES
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("plans", __name__)
GROUPS = (
    ("identity", ("email", "first_name", "last_name", "full_name", "gender", "birth_date", "birth_year", "age")),
    ("reach", ("phone", "mobile", "street", "street_more", "postcode", "city", "country", "social")),
    ("life", ("reference", "relation", "family_status", "occupation", "income")),
)


@dataclass(frozen=True)
class Line:
    """One column of the file on the page: what the preview saw, and what stands in the form now."""

    number: int
    seen: dict[str, Any]
    field: str
    name: str
    type: str
    policy: str


@pages.get("/uploads/<code>")
@for_roles("owner")
def show(code: str) -> str | Reply:
    """The mapping page; an upload that was imported leads to its import."""
    with unit() as work:
        upload = find_upload(work, code)
        if upload.state != "received":
            run = import_of_upload(work, upload)
            if run is not None:
                return redirect(url_for("imports.show", code=run.code))
        return render_template("plans/show.html", **contents(work, code))


@pages.get("/uploads/<code>/preview")
@for_roles("owner")
def preview(code: str) -> str | Response:
    """The part of the page that asks again until a worker has looked."""
    with unit() as work:
        values = contents(work, code)
    if values["seen"] is None:
        return render_template("plans/looking.html", **values)
    return Response(headers={"HX-Refresh": "true"})


@pages.post("/uploads/<code>/reading")
@for_roles("owner")
def read_again(code: str) -> Reply:
    """Look again, with another encoding, separator or order of dates."""
    try:
        with unit() as work:
            read_anew(work, code, reading_of(request.form))
    except CourtierError as refusal:
        with unit() as work:
            return page("plans/show.html", refusal, **contents(work, code))
    return redirect(url_for("plans.show", code=code), 303)


@pages.post("/uploads/<code>/plan")
@for_roles("owner")
def decide(code: str) -> Reply:
    """Keep what was decided; then try it, or import at once."""
    form = request.form
    try:
        with unit() as work:
            seen = preview_as_read(work, code)
            mapping, policies, types = decisions(form, seen)
            old = find_plan(work, code)
            kept = asked(old.reading if old else AS_FOUND)
            plan_import(work, code, mapping, policies, {**kept, "types": types})
            if form.get("then") == "start":
                run = start_planned(work, code, contract_required=front().settings.trade.contract_required)
                return redirect(url_for("imports.show", code=run.code), 303)
            ask_check(work, code)
    except CourtierError as refusal:
        with unit() as work:
            return page("plans/show.html", refusal, **contents(work, code, form))
    return redirect(url_for("plans.check", code=code), 303)


@pages.get("/uploads/<code>/check")
@for_roles("owner")
def check(code: str) -> str | Reply:
    """The dry run: under way, then what the import would do."""
    with unit() as work:
        values = checked(work, code)
    if values["plan"] is None or values["plan"].check_state == "none":
        return redirect(url_for("plans.show", code=code))
    return render_template("plans/check.html", **values)


@pages.get("/uploads/<code>/check/progress")
@for_roles("owner")
def check_progress(code: str) -> str | Response:
    """The part of the page that asks again while the dry run goes on."""
    with unit() as work:
        values = checked(work, code)
    plan: Plan | None = values["plan"]
    if plan is None or plan.check_state not in ("waiting", "running"):
        return Response(headers={"HX-Refresh": "true"})
    return render_template("plans/check_progress.html", **values)


@pages.post("/uploads/<code>/start")
@for_roles("owner")
def start(code: str) -> Reply:
    """Start the import as planned, with the corrections of domains that were ticked."""
    try:
        with unit() as work:
            plan = find_plan(work, code)
            if plan is not None and plan.checked.get("typos"):
                accept_domains(work, code, request.form.getlist("domain"))
            run = start_planned(work, code, contract_required=front().settings.trade.contract_required)
    except CourtierError as refusal:
        with unit() as work:
            return page("plans/check.html", refusal, **checked(work, code))
    return redirect(url_for("imports.show", code=run.code), 303)


@pages.post("/bases/<code>/mapping/forget")
@for_roles("owner")
def forget(code: str) -> Reply:
    """Forget what was said of a base's columns."""
    kind: Any = request.form.get("kind", "contacts")
    with unit() as work:
        forget_mapping(work, code, kind)
    return redirect(url_for("imports.index", code=code, done="mapping_forgotten"), 303)


def checked(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a dry run shows."""
    upload = find_upload(work, code)
    return {
        "upload": upload,
        "base": find_base(work, upload.base_code),
        "plan": find_plan(work, code),
        "contract": contract_in_force(work, upload.base_code),
        "contract_required": front().settings.trade.contract_required,
    }


def contents(work: UnitOfWork, code: str, form: MultiDict[str, str] | None = None) -> dict[str, Any]:
    """What the mapping page shows; `seen` is None while a worker looks, or looks again with other settings."""
    upload = find_upload(work, code)
    seen, plan = preview_as_read(work, code), find_plan(work, code)
    kind: Any = upload.kind
    return {
        **checked(work, code),
        "seen": seen,
        "lines": lines(seen, plan, form) if seen else [],
        "groups": field_groups(kind),
        "fixed": {field for field in known_fields(kind) if default_policy(field) is None},
        "policies": POLICIES if kind == "contacts" else (),
        "types": TYPES if kind == "contacts" else (),
        "encodings": ENCODINGS,
        "separators": SEPARATORS,
        "retention_hours": front().settings.trade.upload_retention_hours,
    }


def lines(seen: dict[str, Any], plan: Plan | None, form: MultiDict[str, str] | None) -> list[Line]:
    """The columns with what stands in the form: as typed, else as decided before, else as proposed."""
    found = []
    for number, column in enumerate(seen.get("columns", ())):
        field = column["field"] or ""
        if plan is not None and plan.mapping:
            field = plan.mapping.get(column["header"], field)
        name = field.removeprefix(TRAIT) if field.startswith(TRAIT) else ""
        type_ = (plan.reading.types.get(name) if plan else None) or column["type"] or ""
        policy = (plan.policies.get(field) if plan and plan.mapping else None) or column["policy"] or "non_empty"
        shown = "trait" if name else field
        if form is not None:
            shown, name = form.get(f"field-{number}", shown), form.get(f"name-{number}", name)
            type_, policy = form.get(f"type-{number}", type_), form.get(f"policy-{number}", policy)
        found.append(Line(number, column, shown, name, type_, policy))
    return found


def decisions(
    form: MultiDict[str, str], seen: dict[str, Any] | None
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """(header → field, field → policy, trait → type) of the form."""
    mapping: dict[str, str] = {}
    policies: dict[str, str] = {}
    types: dict[str, str] = {}
    for number, column in enumerate((seen or {}).get("columns", ())):
        field = form.get(f"field-{number}")
        if field is None or column["refused"]:
            continue
        if field == "trait":
            field = TRAIT + trait_name(form.get(f"name-{number}", "").strip() or column["header"])
            if type_ := form.get(f"type-{number}"):
                types[field.removeprefix(TRAIT)] = type_
        mapping[column["header"]] = field
        if (policy := form.get(f"policy-{number}")) and field != IGNORE and default_policy(field) is not None:
            policies[field] = policy
    return mapping, policies, types


def reading_of(form: MultiDict[str, str]) -> dict[str, Any]:
    """How the file shall be read; empty choices stay as found."""
    order = {"month": True, "day": False}.get(form.get("dates", ""))
    delimiter = {"tab": "\t"}.get(form.get("delimiter", ""), form.get("delimiter", ""))
    return {"encoding": form.get("encoding", ""), "delimiter": delimiter, "month_first": order}


def field_groups(kind: Any) -> list[tuple[str, list[str]]]:
    """The choices of a column, in groups."""
    fields = known_fields(kind)
    groups = [(name, [field for field in members if field in fields]) for name, members in GROUPS]
    grouped = {field for _, members in groups for field in members}
    rest = [field for field in fields if field not in grouped]
    return [
        (name, members) for name, members in (*groups, ("consent" if kind == "contacts" else "line", rest)) if members
    ]
