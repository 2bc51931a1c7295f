"""What a base costs and earns."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.bases.find_base import find_base
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("balance", __name__)


@pages.get("/bases/<code>/balance")
@for_roles("owner")
def show(code: str) -> str:
    """What a base costs and earns."""
    with unit() as work:
        return render_template("balance/show.html", base=find_base(work, code))
