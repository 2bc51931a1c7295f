"""Who did what, when: the hash-chained record, for the broker."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.audit.list_entries import list_audit
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import unit

pages = Blueprint("audit", __name__)


@pages.get("/audit")
@for_roles("broker")
def index() -> str:
    """Entries, newest first."""
    number = asked_page()
    with unit() as work:
        entries = list_audit(work, number)
    return render_template("staff/audit.html", entries=entries)
