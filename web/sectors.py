"""Closed and regulated sectors, for everybody who sells or approves: the dated rules, as they are applied."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.catalogue.sectors import sector_rules
from web.http.work import unit

pages = Blueprint("sectors", __name__)


@pages.get("/sectors")
def index() -> str:
    """The rules with their law; those of other days as well."""
    with unit() as work:
        return render_template("sectors/index.html", rules=sector_rules(), today=work.today)
