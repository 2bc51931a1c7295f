"""GET /partners/<base code>: who a base's contacts may hear from, in every version ever published."""

from __future__ import annotations

from flask import Blueprint, Response

from broker.feedback.show_partners import show_partners
from broker.kernel.actor import PUBLIC
from web.public.page import Door, day, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the route."""

    @blueprint.get("/partners/<base_code>")
    def partners(base_code: str) -> Response:
        with door.database.begin(PUBLIC) as unit:
            lists = show_partners(unit, base_code)
        return show("partners.html", lists=lists, base_code=base_code, day=day)
