"""Subscribed suppression files, and for the broker the hosts that an advertiser's files may come from."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.manage_users import list_people
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.suppression.subscribe import allow_host, allowed_hosts, forbid_host, read_again, subscribe, unsubscribe
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit
from web.suppression_lists import lists_page

pages = Blueprint("suppression_feeds", __name__)


@pages.post("/suppression-files/subscriptions")
@for_roles("advertiser")
def add() -> Response:
    """Subscribe a file by its address."""
    try:
        with unit() as work:
            subscribe(work, request.form.get("name", ""), request.form.get("url", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("suppression/index.html", refusal, feed_form=request.form, **lists_page(work))
    return redirect(url_for("suppression_lists.index", done="feed_added"), 303)


@pages.post("/suppression-files/subscriptions/<code>/read")
@for_roles("advertiser")
def read(code: str) -> Response:
    """Read it now."""
    with unit() as work:
        read_again(work, code)
    return redirect(url_for("suppression_lists.index", done="feed_asked"), 303)


@pages.post("/suppression-files/subscriptions/<code>/end")
@for_roles("advertiser")
def end(code: str) -> Response:
    """End it."""
    with unit() as work:
        unsubscribe(work, code)
    return redirect(url_for("suppression_lists.index", done="feed_ended"), 303)


@pages.get("/organisations/<code>/hosts")
@for_roles("broker")
def hosts(code: str) -> str:
    """Where an advertiser's files may come from."""
    with unit() as work:
        return render_template("suppression/hosts.html", form={}, refusal=None, **_hosts(work, code))


@pages.post("/organisations/<code>/hosts")
@for_roles("broker")
def change(code: str) -> Response:
    """Allow a host, or forbid one again."""
    host = request.form.get("host", "")
    try:
        with unit() as work:
            (forbid_host if request.form.get("wanted") == "forbid" else allow_host)(work, code, host)
    except CourtierError as refusal:
        with unit() as work:
            return page("suppression/hosts.html", refusal, form=request.form, **_hosts(work, code))
    return redirect(url_for("suppression_feeds.hosts", code=code), 303)


def _hosts(work: UnitOfWork, code: str) -> dict[str, Any]:
    organisation, _ = list_people(work, code)
    return {"organisation": organisation, "hosts": allowed_hosts(work, code)}
