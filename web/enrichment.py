"""Enrichment of known contacts, and fields that grow stale."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("enrichment", __name__)


@pages.get("/bases/<code>/enrichment")
@for_roles("owner")
def show(code: str) -> str:
    """Enrichment of known contacts, and fields that grow stale."""
    with unit() as work:
        return render_template("enrichment/show.html", base=find_base(work, code))
