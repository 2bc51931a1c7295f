"""An owner's account at the gateway: opened, its papers given there, what is paid to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.bank.owner_balances import owner_balances
from broker.billing.bank.payouts import list_payouts
from broker.billing.gateway.connect import ask_connect, find_connect, list_connect, open_account, papers_address
from broker.billing.gateway.reversals import approve_reversal, drop_reversal, list_reversals, propose_reversals
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.companies import companies
from web.http.gateway_words import closed, needs
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("connect", __name__)


def _contents(work: UnitOfWork) -> dict[str, Any]:
    account = find_connect(work)
    return {
        "account": account,
        "needs": needs(account.due) if account else [],
        "closed": closed(account.disabled_reason) if account else "",
        "balances": owner_balances(work, front().settings),
        "transfers": [one for one in reversed(list_payouts(work)) if one.via == "connect"],
        "reversals": list_reversals(work),
    }


@pages.get("/payouts/connect")
@for_roles("owner")
def show() -> str:
    """The owner's account, what is missing, what was paid to it."""
    with unit() as work:
        return render_template("connect/show.html", **_contents(work))


@pages.post("/payouts/connect")
@for_roles("owner")
def start() -> Response:
    """Open the account; once it is there, go and give the papers; or have it read again."""
    step = request.form.get("step", "")
    try:
        with unit() as work:
            if step == "papers":
                address = papers_address(work, front().settings, front().gateway())
                return redirect(address, 303)
            if step == "read":
                ask_connect(work)
            else:
                open_account(work, front().settings)
    except CourtierError as refusal:
        with unit() as work:
            return page("connect/show.html", refusal, **_contents(work))
    return redirect(url_for("connect.show", done="connect_read" if step == "read" else "connect_opened"), 303)


@pages.get("/accounting/connect")
@for_roles("accountant", "broker")
def accounts() -> str:
    """All owners' accounts, and what is taken back."""
    with unit() as work:
        return render_template("connect/accounts.html", **_all(work))


@pages.post("/accounting/connect/<step>")
@for_roles("accountant", "broker")
def act(step: str) -> Response:
    """Propose, approve or drop a reversal; have an account read again."""
    form = request.form
    try:
        with unit() as work:
            if step == "propose":
                propose_reversals(work, form.get("owner", "").strip(), form.get("reason", ""))
            elif step == "approve":
                approve_reversal(work, form.get("code", ""))
            elif step == "drop":
                drop_reversal(work, form.get("code", ""))
            else:
                ask_connect(work, form.get("code", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("connect/accounts.html", refusal, **_all(work))
    done = step if step in ("propose", "approve", "drop") else "read"
    return redirect(url_for("connect.accounts", done=f"reversal_{done}" if done != "read" else "connect_read"), 303)


def _all(work: UnitOfWork) -> dict[str, Any]:
    return {
        "accounts": [
            (one, needs(one.due, staff=True), closed(one.disabled_reason, staff=True)) for one in list_connect(work)
        ],
        "reversals": list_reversals(work),
        "owners": companies(work, "owner"),
        "me": work.actor.user_id,
        "picked": request.form,
    }
