"""Webhooks of an organisation: where its programs are told, and what became of each delivery."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.notifications import webhooks as verbs
from broker.notifications.deliver_webhooks import payload
from broker.notifications.kinds import ALL, kinds
from broker.notifications.model import DISABLE_AFTER, WEBHOOK_DAYS
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit
from web.notifications import group_word

pages = Blueprint("webhooks", __name__)


@pages.get("/account/webhooks")
@for_roles("owner", "advertiser", "broker")
def index() -> str:
    """The endpoints, and the form for another one."""
    with unit() as work:
        return render_template("webhooks/index.html", **_list(work), form={}, chosen=[ALL])


@pages.post("/account/webhooks")
@for_roles("owner", "advertiser", "broker")
def create() -> Response | str:
    """Register an endpoint; its secret is shown this once."""
    form, chosen = request.form, _chosen()
    try:
        with unit() as work:
            endpoint, secret = verbs.register_endpoint(
                work, front().keys, front().settings, form.get("url", ""), form.get("label", ""), chosen
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("webhooks/index.html", refusal, **_list(work), form=form, chosen=chosen)
    with unit() as work:
        return render_template("webhooks/show.html", **_contents(work, endpoint.code), secret=secret)


@pages.get("/account/webhooks/<code>")
@for_roles("owner", "advertiser", "broker")
def show(code: str) -> str:
    """One endpoint and its deliveries."""
    with unit() as work:
        return render_template("webhooks/show.html", **_contents(work, code), secret="")


@pages.post("/account/webhooks/<code>")
@for_roles("owner", "advertiser", "broker")
def change(code: str) -> Response:
    """Change address, name, events."""
    form = request.form
    try:
        with unit() as work:
            verbs.change_endpoint(
                work,
                front().settings,
                code,
                url=form.get("url", ""),
                label=form.get("label", ""),
                wanted=_chosen(),
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("webhooks/show.html", refusal, **_contents(work, code), secret="")
    return redirect(url_for("webhooks.show", code=code, done="webhook_changed"), 303)


@pages.post("/account/webhooks/<code>/switch")
@for_roles("owner", "advertiser", "broker")
def switch(code: str) -> Response:
    """Switch on or off."""
    with unit() as work:
        verbs.change_endpoint(work, front().settings, code, on=request.form.get("on") == "yes")
    return redirect(url_for("webhooks.show", code=code, done="webhook_changed"), 303)


@pages.post("/account/webhooks/<code>/test")
@for_roles("owner", "advertiser", "broker")
def test(code: str) -> Response:
    """Send a test event."""
    with unit() as work:
        verbs.send_test(work, code)
    return redirect(url_for("webhooks.show", code=code, done="webhook_tested"), 303)


@pages.post("/account/webhooks/<code>/secret")
@for_roles("owner", "advertiser", "broker")
def rotate(code: str) -> str:
    """A new secret, shown this once."""
    with unit() as work:
        secret = verbs.rotate_secret(work, front().keys, code, at_once=request.form.get("at_once") == "yes")
    with unit() as work:
        return render_template("webhooks/show.html", **_contents(work, code), secret=secret)


@pages.post("/account/webhooks/<code>/replay")
@for_roles("owner", "advertiser", "broker")
def replay(code: str) -> Response:
    """Send again: one delivery, or all that failed."""
    delivery = request.form.get("delivery", "")
    with unit() as work:
        verbs.replay(work, code, delivery)
    if delivery:
        return redirect(url_for("webhooks.delivery", code=code, sent=delivery, done="webhook_replayed"), 303)
    return redirect(url_for("webhooks.show", code=code, done="webhook_replayed"), 303)


@pages.post("/account/webhooks/<code>/delete")
@for_roles("owner", "advertiser", "broker")
def delete(code: str) -> Response:
    """Delete an endpoint."""
    with unit() as work:
        verbs.delete_endpoint(work, code)
    return redirect(url_for("webhooks.index", done="webhook_deleted"), 303)


@pages.get("/account/webhooks/<code>/deliveries/<sent>")
@for_roles("owner", "advertiser", "broker")
def delivery(code: str, sent: str) -> str:
    """One delivery: its body and its attempts."""
    with unit() as work:
        endpoint = verbs.find_endpoint(work, code)
        found, attempts = verbs.find_delivery(work, code, sent)
        body = payload(found.event, verbs.organisation_code(work)).decode()
    return render_template("webhooks/delivery.html", endpoint=endpoint, found=found, attempts=attempts, body=body)


def _chosen() -> list[str]:
    return [ALL] if request.form.get("all") == "yes" else request.form.getlist("event")


def _list(work: UnitOfWork) -> dict[str, Any]:
    return {"endpoints": verbs.list_endpoints(work), "groups": _groups()}


def _groups() -> list[tuple[str, list[Any]]]:
    groups: dict[str, list[Any]] = {}
    for kind in kinds().values():
        groups.setdefault(kind.group, []).append(kind)
    return [(group_word(group), rows) for group, rows in groups.items()]


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    state = request.args.get("state", "")
    return {
        "endpoint": verbs.find_endpoint(work, code),
        "secrets": verbs.secrets_of(work, code),
        "deliveries": verbs.list_deliveries(work, code, state, asked_page()),
        "state_filter": state,
        "groups": _groups(),
        "give_up_days": WEBHOOK_DAYS,
        "disable_days": DISABLE_AFTER.days,
    }
