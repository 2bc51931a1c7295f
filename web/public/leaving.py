"""/u/<token>: GET shows the choices and changes nothing, POST acts at once (RFC 8058).

The POST of a mail programme carries `List-Unsubscribe=One-Click`, urlencoded or multipart, without cookie or referrer,
and gets an answer without redirect. It leaves the base: the list that the mail came by. No form token is needed,
since the signed token in the address is the permission and all it can do is what its holder wants.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.feedback.leave import find_leaving_page, leave, parse_scope
from broker.feedback.model import ONE_CLICK_SCOPE
from broker.kernel.actor import PUBLIC
from broker.vault.tokens import read_token
from web.public.page import LARGEST_FORM, Door, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/u/<token>")
    def show_leaving(token: str) -> Response:
        ref = read_token(door.front, "leave", token)
        with door.database.begin(PUBLIC) as unit:
            page = find_leaving_page(unit, ref)
        return show("leave.html", preferred=page.language, page=page, token=token)

    @blueprint.post("/u/<token>", endpoint="leave")
    def act(token: str) -> Response:
        ref = read_token(door.front, "leave", token)
        request.max_content_length = LARGEST_FORM
        one_click = request.form.get("List-Unsubscribe", "") == "One-Click"
        scope = ONE_CLICK_SCOPE if one_click else parse_scope(request.form.get("scope", ""))
        with door.database.begin(PUBLIC) as unit:
            page = find_leaving_page(unit, ref)
            leave(unit, ref, scope)
        return show("left.html", preferred=page.language, page=page, token=token, scope=scope)
