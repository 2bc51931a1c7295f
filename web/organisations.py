"""Who uses the platform, for the broker."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.accounts.list_organisations import list_organisations
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("organisations", __name__)


@pages.get("/organisations")
@for_roles("broker")
def index() -> str:
    """All organisations."""
    with unit() as work:
        organisations = list_organisations(work)
    return render_template("staff/organisations.html", organisations=organisations)
