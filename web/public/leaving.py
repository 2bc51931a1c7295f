"""/u/<token>: GET shows the choices and changes nothing, POST acts at once (RFC 8058).

The POST of a mail programme carries `List-Unsubscribe=One-Click`, urlencoded or multipart, without cookie or referrer,
and gets an answer without redirect. It leaves the base: the list that the mail came by. No form token is needed,
since the signed token in the address is the permission and all it can do is what its holder wants.

Both answer without the database too. The wish is then kept in the journal and takes effect when it is back; the page
names nobody.
"""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, Response, request

from broker.feedback.leave import find_leaving_page, leave, parse_scope
from broker.feedback.model import ONE_CLICK_SCOPE, LeavingPage, Scope
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Unavailable
from broker.vault.tokens import TokenRef, read_token
from web.public.page import LARGEST_FORM, Door, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/u/<token>")
    def show_leaving(token: str) -> Response:
        ref = read_token(door.front, "leave", token)
        page: LeavingPage | None = None
        with suppress(Unavailable):
            page = door.questions.ask(lambda unit: find_leaving_page(unit, ref))
        return show("leave.html", preferred=page.language if page else "fr", page=page, token=token)

    @blueprint.post("/u/<token>", endpoint="leave")
    def act(token: str) -> Response:
        ref = read_token(door.front, "leave", token)
        request.max_content_length = LARGEST_FORM
        one_click = request.form.get("List-Unsubscribe", "") == "One-Click"
        scope = ONE_CLICK_SCOPE if one_click else parse_scope(request.form.get("scope", ""))
        page = _leave(door, ref, scope)
        return show("left.html", preferred=page.language if page else "fr", page=page, token=token, scope=scope)


def _leave(door: Door, ref: TokenRef, scope: Scope) -> LeavingPage | None:
    """Leave now, or by the journal where the database does not answer; what the page may name."""

    def now(unit: UnitOfWork) -> LeavingPage:
        page = find_leaving_page(unit, ref)
        leave(unit, ref, scope)
        return page

    try:
        return door.questions.ask(now)
    except Unavailable:
        try:
            door.journal.keep_leaving(ref, scope)
        except OSError as error:
            raise Unavailable("Neither the database nor the disk takes this now. Try again in a moment.") from error
        return None
