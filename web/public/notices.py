"""/n/<token>: no more mails like this one, for people who log in. GET changes nothing, POST acts (RFC 8058)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from broker.kernel.actor import PUBLIC
from broker.notifications.inbox import end_mails, mail_of_link
from broker.notifications.kinds import kinds
from web.public.page import LARGEST_FORM, Door, choose_language, show


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/n/<token>")
    def show_notice_mail(token: str) -> Response:
        with door.database.begin(PUBLIC) as unit:
            kind, language = mail_of_link(unit, door.front, token)
        return _show(kind, language, token, ended=False)

    @blueprint.post("/n/<token>", endpoint="end_notice_mails")
    def act(token: str) -> Response:
        request.max_content_length = LARGEST_FORM
        with door.database.begin(PUBLIC) as unit:
            kind, language = end_mails(unit, door.front, token)
        return _show(kind, language, token, ended=True)


def _show(kind: str, language: str, token: str, *, ended: bool) -> Response:
    known = kinds().get(kind)
    title = known.title(choose_language(language)) if known else kind
    return show("notice_mail.html", preferred=language, title=title, token=token, ended=ended)
