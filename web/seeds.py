"""Control addresses: put into each mailing that concerns the organisation, each mailing its own."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.feedback.seed_store import mailboxes_of_org
from broker.feedback.watch_seeds import drop_mailbox, list_arrivals, set_mailbox
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.seeds import add_seed_address, end_seed_address, list_seed_addresses, seed_domain
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("seeds", __name__)


@pages.get("/control-addresses")
@for_roles("owner", "advertiser", "broker")
def index() -> str:
    """Those of the organisation; nobody can read them again."""
    with unit() as work:
        return render_template("seeds/index.html", **_contents(work))


@pages.post("/control-addresses")
@for_roles("owner", "advertiser", "broker")
def add() -> Response:
    """Add one."""
    form = request.form
    try:
        with unit() as work:
            add_seed_address(work, front().keys, form.get("address", ""), form.get("style", "plus"))
    except CourtierError as refusal:
        with unit() as work:
            return page("seeds/index.html", refusal, **_contents(work))
    return redirect(url_for("seeds.index", done="seed_added"), 303)


@pages.post("/control-addresses/mailbox")
@for_roles("owner", "advertiser", "broker")
def give_mailbox() -> Response:
    """Let workers look into the mailbox of one."""
    form = request.form
    try:
        with unit() as work:
            set_mailbox(
                work, front().keys, form.get("seed", ""), host=form.get("host", ""),
                port=form.get("port", 993, type=int) or 0, tls=True, user=form.get("user", ""),
                password=form.get("password", ""),
            )  # fmt: skip
    except CourtierError as refusal:
        with unit() as work:
            return page("seeds/index.html", refusal, **_contents(work))
    return redirect(url_for("seeds.index", done="mailbox_given"), 303)


@pages.post("/control-addresses/<code>/mailbox/forget")
@for_roles("owner", "advertiser", "broker")
def forget_mailbox(code: str) -> Response:
    """Forget its log-in."""
    with unit() as work:
        drop_mailbox(work, code)
    return redirect(url_for("seeds.index", done="mailbox_forgotten"), 303)


@pages.post("/control-addresses/<code>/end")
@for_roles("owner", "advertiser", "broker")
def end(code: str) -> Response:
    """Use one no more."""
    with unit() as work:
        end_seed_address(work, code)
    return redirect(url_for("seeds.index", done="seed_ended"), 303)


def _contents(work: UnitOfWork) -> dict[str, object]:
    mail = front().settings.mail
    boxes: dict[str, object] = {"mailboxes": mailboxes_of_org(work), "arrivals": list_arrivals(work)}
    return boxes | {
        "seeds": list_seed_addresses(work),
        "desk": f"seeds@{mail.bounce_domain}",
        "domain": seed_domain(mail),
    }
