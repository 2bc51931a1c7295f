"""/objection: a person types an address, and no base writes to it any more; or asks what is held, or to be erased.

The address is sealed before anything else is done with it. The answer is the same, and takes the same time, whether
anybody knows the address or not: it is looked for later, by a worker.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.feedback.object_by_address import object_by_address
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import InvalidInput
from web.public.page import LARGEST_FORM, Door, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/objection")
    def show_objection() -> Response:
        return show("objection.html", problem=False)

    @blueprint.post("/objection", endpoint="object")
    def act() -> Response:
        request.max_content_length = LARGEST_FORM
        kind = request.form.get("kind", "") or "objection"
        try:
            with door.database.begin(PUBLIC) as unit:
                object_by_address(unit, door.front, request.form.get("address", ""), kind)
        except InvalidInput:
            return show("objection.html", 422, problem=True)
        return show("objected.html" if kind == "objection" else "requested.html")
