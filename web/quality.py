"""A base over time."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("quality", __name__)


@pages.get("/bases/<code>/quality")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """A base over time."""
    with unit() as work:
        return render_template("quality/show.html", base=find_base(work, code))
