"""The keys that mails are signed with, for the broker: records to publish, their live state, renewal by turns."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.delivery.dkim_keys import OVERLAP_DAYS
from broker.delivery.dkim_rotation import ask_for_key, ask_new_key, list_kept_keys
from broker.delivery.sending_domain import selectors
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("signing_keys", __name__)


@pages.get("/delivery/keys")
@for_roles("broker")
def index() -> str:
    """The keys with their records."""
    return render_template("staff/signing_keys.html", **_contents(), refusal=None)


@pages.post("/delivery/keys")
@for_roles("broker")
def make() -> Response:
    """Have a key made under the selector that is free."""
    try:
        with unit() as work:
            ask_new_key(work, front().settings.mail)
    except CourtierError as refusal:
        return page("staff/signing_keys.html", refusal, **_contents())
    return redirect(url_for("signing_keys.index", done="dkim_asked"), 303)


@pages.post("/delivery/keys/<code>")
@for_roles("broker")
def ask(code: str) -> Response:
    """Have a key looked up, sign, or retire."""
    wish = request.form.get("wish", "")
    try:
        with unit() as work:
            ask_for_key(work, code, wish)
    except CourtierError as refusal:
        return page("staff/signing_keys.html", refusal, **_contents())
    return redirect(url_for("signing_keys.index", done=f"dkim_{wish}"), 303)


def _contents() -> dict[str, Any]:
    mail = front().settings.mail
    with unit() as work:
        keys, now = list_kept_keys(work, mail), work.now
    taken = {key.selector for key in keys}
    return {
        "keys": keys,
        "now": now,
        "platform": mail.sending_domain,
        "free": [selector for selector in selectors(mail) if selector not in taken],
        "overlap_days": OVERLAP_DAYS,
    }
