"""An owner's bases: list, create, one base with its imports, segments and partner list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.contract import contract_in_force
from broker.bases.create_base import create_base
from broker.bases.find_base import find_base, list_bases
from broker.bases.imports import list_imports
from broker.bases.publish_partner_list import PartnerName, current_partners, publish_partner_list
from broker.bases.snapshot_size import snapshot_size
from broker.catalogue.segments import list_segments
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("bases", __name__)


@pages.get("/bases")
@for_roles("owner")
def index() -> str:
    """All bases of the owner."""
    with unit() as work:
        bases = list_bases(work)
    return render_template("bases/index.html", bases=bases)


@pages.get("/bases/new")
@for_roles("owner")
def new() -> str:
    """The form of a new base."""
    return render_template("bases/new.html", form={})


@pages.post("/bases")
@for_roles("owner")
def create() -> Response:
    """Create a base."""
    form = request.form
    try:
        with unit() as work:
            base = create_base(
                work,
                form.get("code", ""),
                form.get("name", ""),
                form.get("sector", ""),
                form.get("contact_kind", "b2c"),
            )
    except CourtierError as refusal:
        return page("bases/new.html", refusal, form=form)
    return redirect(url_for("bases.show", code=base.code, done="base_created"), 303)


@pages.get("/bases/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """One base and all that hangs on it."""
    with unit() as work:
        return render_template("bases/show.html", **contents(work, code))


@pages.post("/bases/<code>/partners")
@for_roles("owner")
def publish_partners(code: str) -> Response:
    """Publish a new version of the partner list."""
    try:
        with unit() as work:
            publish_partner_list(work, code, read_partners(request.form.get("partners", "")))
    except CourtierError as refusal:
        with unit() as work:
            return page("bases/show.html", refusal, form=request.form, **contents(work, code))
    return redirect(url_for("bases.show", code=code, done="partners_published"), 303)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a base shows."""
    base = find_base(work, code)
    version, partners = current_partners(work, code)
    return {
        "base": base,
        "snapshot": snapshot_size(work, base),
        "imports": list_imports(work, code),
        "segments": list_segments(work, code),
        "partner_version": version,
        "partners": partners,
        "contract": contract_in_force(work, code),
    }


def read_partners(text: str) -> list[PartnerName]:
    """Lines `name; organisation code; sector`, the last two optional."""
    partners = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, advertiser, sector = ([part.strip() for part in line.split(";")] + ["", ""])[:3]
        partners.append(PartnerName(name, advertiser or None, sector or None))
    return partners
