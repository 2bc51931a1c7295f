"""/rights/<token>: the link that a person got by mail. GET shows what it does and changes nothing, POST confirms it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.feedback.rights import confirm_request, read_rights_token
from broker.kernel.actor import PUBLIC
from web.public.page import LARGEST_FORM, Door, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/rights/<token>")
    def show_right(token: str) -> Response:
        _, kind = read_rights_token(door.front, token)
        return show("rights.html", kind=kind, token=token)

    @blueprint.post("/rights/<token>", endpoint="confirm_right")
    def act(token: str) -> Response:
        request.max_content_length = LARGEST_FORM
        number, kind = read_rights_token(door.front, token)
        with door.database.begin(PUBLIC) as unit:
            confirmed = confirm_request(unit, number, kind)
        return show("confirmed.html", 200 if confirmed else 410, kind=kind, confirmed=confirmed)
