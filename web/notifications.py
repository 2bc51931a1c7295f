"""What one was told: the list behind the bell, and how one wants to be told."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from broker.kernel.errors import CourtierError
from broker.notifications.inbox import (
    MOST_COUNTED,
    choices_of,
    choose,
    count_unread,
    list_notifications,
    read_all,
    read_one,
)
from broker.notifications.kinds import Kind, path_of
from broker.notifications.model import Event
from broker.notifications.words import words_of
from web.http.language import current
from web.http.refusals import page
from web.http.tables import asked_page
from web.http.work import session_view, unit

pages = Blueprint("notifications", __name__)

CHANNEL_WORDS = (
    ("product", _("On this page")),
    ("mail", _("And by mail, at once")),
    ("digest", _("And in a daily summary")),
    ("off", _("Not at all")),
)
GROUPS = {
    "order": _("Orders"),
    "creative": _("Creatives"),
    "mailing": _("Mailings"),
    "import": _("Imports"),
    "card": _("Data cards"),
    "participation": _("Programmes"),
    "invoice": _("Invoices"),
    "payment": _("Payments"),
    "payout": _("Payouts"),
    "suppression_list": _("Suppression files"),
    "leak": _("Leaks"),
    "key": _("API keys"),
    "webhook": _("Webhooks"),
    "sending_domain": _("Sending domains"),
    "seed": _("Control addresses"),
    "reputation": _("Reputation"),
    "results": _("Results"),
    "programme": _("Programmes"),
    "private_offer": _("Private offers"),
    "conversion": _("Conversions"),
    "books": _("Books"),
}


@pages.get("/notifications")
def index() -> str:
    """One's notifications, newest first."""
    unread = request.args.get("only") == "unread"
    with unit() as work:
        found = list_notifications(work, asked_page(), unread=unread)
    return render_template("notifications/index.html", found=found, unread=unread)


@pages.post("/notifications/<code>/open")
def open_one(code: str) -> Response:
    """Mark one as read and go to what it is about."""
    with unit() as work:
        event = read_one(work, code).event
    return redirect(path_of(event.object_kind, event.object_code) or url_for("notifications.index"), 303)


@pages.post("/notifications/read")
def read() -> Response:
    """Mark all as read."""
    with unit() as work:
        read_all(work)
    return redirect(url_for("notifications.index"), 303)


@pages.get("/account/notifications")
def preferences() -> str:
    """How one wants to be told of each kind."""
    with unit() as work:
        return render_template("notifications/preferences.html", groups=_grouped(choices_of(work)))


@pages.post("/account/notifications")
def keep_preferences() -> Response:
    """Keep the choices."""
    wanted = {name.removeprefix("kind."): value for name, value in request.form.items() if name.startswith("kind.")}
    try:
        with unit() as work:
            choose(work, wanted)
    except CourtierError as refusal:
        with unit() as work:
            return page("notifications/preferences.html", refusal, groups=_grouped(choices_of(work)))
    return redirect(url_for("notifications.preferences", done="choices_kept"), 303)


def _grouped(choices: list[tuple[Kind, str]]) -> list[tuple[str, list[tuple[Kind, str]]]]:
    groups: dict[str, list[tuple[Kind, str]]] = {}
    for kind, channel in choices:
        groups.setdefault(kind.group, []).append((kind, channel))
    return [(group_word(group), rows) for group, rows in groups.items()]


def group_word(group: str) -> str:
    """What a group of kinds is called."""
    return str(GROUPS.get(group, group.replace("_", " ").capitalize()))


def unread_count() -> str:
    """What stands at the bell; empty without anything unread, or without a person."""
    view = session_view()
    if view is None or view.actor.user_id is None or view.must_enrol:
        return ""
    try:
        with unit() as work:
            count = count_unread(work)
    except CourtierError:
        return ""  # a page that says that the database is away says it without a bell
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count or "")


def install(app: Flask) -> None:
    """Give templates the bell's count and the words of events."""

    def told(event: Event) -> tuple[str, str]:
        return words_of(event, current())

    def kind_title(kind: Kind) -> str:
        return kind.title(current())

    globals_: dict[str, Any] = {
        "unread_count": unread_count,
        "told": told,
        "kind_title": kind_title,
        "channel_words": CHANNEL_WORDS,
    }
    app.jinja_env.globals.update(globals_)
