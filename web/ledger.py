"""The ledger's entries, for accountant and broker."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.ledger.list_accounts import account_names
from broker.ledger.read import list_entries
from web.http.language import current
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import unit

pages = Blueprint("ledger", __name__)


@pages.get("/ledger")
@for_roles("accountant", "broker")
def index() -> str:
    """Entries with their postings, newest first."""
    number = asked_page()
    with unit() as work:
        entries = list_entries(work, number)
        accounts = account_names(work, current())
    return render_template("reports/ledger.html", entries=entries, accounts=accounts)
