"""/objection: a person types an address, and no base writes to it any more; or asks what is held, or to change it.

The address is sealed before anything else is done with it. The answer is the same, and takes the same work, whether
anybody knows the address or not: it is looked for later, by a worker. `?base=` (from a base's public page) lets the
person object to that base, or to one of its partners, alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

from broker.feedback.model import PublicPartnerLists
from broker.feedback.object_by_address import object_by_address
from broker.feedback.show_partners import show_partners
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import InvalidInput, NotFound
from web.public.page import LARGEST_FORM, Door, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/objection")
    def show_objection() -> Response:
        kind = request.args.get("kind", "objection")
        return show("objection.html", problem="", kind=kind, **_about(door, request.args.get("base", "")))

    @blueprint.post("/objection", endpoint="object")
    def act() -> Response:
        request.max_content_length = LARGEST_FORM
        form = request.form
        kind, base = form.get("kind", "") or "objection", form.get("base", "")
        try:
            with door.database.begin(PUBLIC) as unit:
                object_by_address(
                    unit,
                    door.front,
                    form.get("address", ""),
                    kind,
                    scope=form.get("scope", "") or "everywhere",
                    base_code=base,
                    partner=form.get("partner", ""),
                )
        except InvalidInput as refusal:
            problem = "partner" if refusal.code == "bad_scope" else "address"
            return show("objection.html", 422, problem=problem, kind=kind, **_about(door, base))
        return show("objected.html" if kind == "objection" else "requested.html")


def _about(door: Door, base_code: str) -> dict[str, Any]:
    """The base that the page is about, where it names one."""
    lists: PublicPartnerLists | None = None
    if base_code:
        with suppress(NotFound), door.database.begin(PUBLIC) as unit:
            lists = show_partners(unit, base_code)
    return {"base_code": base_code if lists else "", "lists": lists}
