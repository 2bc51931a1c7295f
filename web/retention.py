"""Who leaves a base because nothing was heard of them."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("retention", __name__)


@pages.get("/bases/<code>/retention")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """Who leaves a base because nothing was heard of them."""
    with unit() as work:
        return render_template("retention/show.html", base=find_base(work, code))
