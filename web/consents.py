"""The broker's sampling of consent proofs."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("consents", __name__)


@pages.get("/bases/<code>/consents")
@for_roles("broker")
def base(code: str) -> str:
    """The broker's sampling of consent proofs."""
    with unit() as work:
        return render_template("consents/base.html", base=find_base(work, code))
