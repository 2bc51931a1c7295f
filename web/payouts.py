"""Payouts: owed, proposed, approved by a second person, in the bank's file, paid, come back; accounts and holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.bank.bank_accounts import approve_bank_account, propose_bank_account
from broker.billing.bank.export_sepa import list_sepa_files, make_sepa_file, sepa_file
from broker.billing.bank.left_out import left_out
from broker.billing.bank.owner_balances import owner_balances
from broker.billing.bank.payout_holds import clear_hold, hold_payouts, list_holds, release_hold
from broker.billing.bank.payout_thresholds import list_thresholds, set_threshold, threshold_on
from broker.billing.bank.payouts import approve_payout, fail_payout, propose_payouts
from broker.billing.bank.return_payout import return_payout
from broker.billing.bank.take_status import take_status
from broker.billing.bank.velocity import list_alerts
from broker.billing.gateway.transfer_store import accounts_page, payouts_page
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.kernel.money import CURRENCIES
from web.http.companies import PARTIES, companies
from web.http.forms import cents_of, day_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("payouts", __name__)
LONG_AGO = date(2000, 1, 1)
SHOWN = 200


def _contents(work: UnitOfWork) -> dict[str, object]:
    staff = work.actor.role != "owner"
    rows = payouts_page(work, (), SHOWN)
    return {
        "payouts": rows,
        "accounts": accounts_page(work),
        "today": work.today,
        "holds": list_holds(work) if staff else [],
        "alerts": list_alerts(work) if staff else [],
        "files": list_sepa_files(work) if staff else [],
        "approved": [row for row in rows if row.state == "approved"],
        "names": {row.code: row.owner for row in rows},
        "balances": owner_balances(work, front().settings),
        "thresholds": list_thresholds(work, front().settings),
        "threshold": threshold_on(work, front().settings),
        "currencies": [(code, code) for code in sorted(CURRENCIES)],
        "parties": companies(work, *PARTIES) if staff else [],
        "owners": companies(work, "owner") if staff else [],
        "picked": request.form,
    }


@pages.get("/payouts")
@for_roles("accountant", "broker", "owner")
def index() -> str:
    """Payouts, and the accounts they go to; after a proposal (`until`), who was left out of it."""
    with unit() as work:
        until = day_of(request.args.get("until", ""), "until") if work.actor.role != "owner" else None
        left = left_out(work, front().settings, until) if until else []
        return render_template("payouts/index.html", **_contents(work), left=left)


@pages.post("/payouts")
@for_roles("accountant", "broker")
def propose() -> Response:
    """Propose what is owed until a day."""
    try:
        with unit() as work:
            until = _day("until")
            made = propose_payouts(work, front().settings, until)
    except CourtierError as refusal:
        with unit() as work:
            return page("payouts/index.html", refusal, **_contents(work))
    done = "payouts_proposed" if made else "payouts_none"
    return redirect(url_for("payouts.index", until=until.isoformat(), done=done), 303)


@pages.post("/payouts/threshold")
@for_roles("accountant", "broker")
def threshold() -> Response:
    """Enter from which sum on owners are paid before their due date."""
    form = request.form

    def do(work: UnitOfWork) -> None:
        since = day_of(form.get("since", ""), "since")
        set_threshold(work, form.get("currency", "EUR"), cents_of(form.get("cents", ""), "cents"), since)

    return _done(do, "threshold_set")


@pages.post("/payouts/<code>")
@for_roles("accountant", "broker")
def change(code: str) -> Response:
    """Approve, give up, or take down that it came back: the button says which."""
    act, reason = request.form.get("act", ""), request.form.get("reason", "").strip()

    def do(work: UnitOfWork) -> object:
        if act == "approve":
            return approve_payout(work, code, front().settings.payment.day_limit_cents)
        if not reason:
            raise InvalidInput("Say why.", code="bad_hold", field="reason")
        if act == "returned":
            return_payout(work, code, _day("day"), reason)
            return None
        return fail_payout(work, code, reason)

    return _done(do, {"approve": "payout_approved", "returned": "payout_returned"}.get(act, "payout_failed"))


@pages.post("/payouts/file")
@for_roles("accountant", "broker")
def make_file() -> Response:
    """Make the bank's file of all that is approved; the page says what was left out, and why."""

    def do(work: UnitOfWork) -> object:
        made = make_sepa_file(work, front().settings, LONG_AGO, work.today)
        if made is None:
            raise InvalidInput("Nothing is approved and waits for a file.", code="nothing_to_export")
        return made

    return _told(do, "made")


@pages.get("/payouts/files/<message_id>.xml")
@for_roles("accountant", "broker")
def file(message_id: str) -> Response:
    """A file for the bank, as it was made."""
    with unit() as work:
        content = sepa_file(work, message_id)
    reply = Response(content, mimetype="application/xml")
    reply.headers["Content-Disposition"] = f'attachment; filename="{message_id.lower()}.xml"'
    return reply


@pages.post("/payouts/status")
@for_roles("accountant", "broker")
def status() -> Response:
    """Read what the bank says of a file (pain.002)."""
    sent = request.files.get("file")

    def do(work: UnitOfWork) -> object:
        if sent is None or not sent.filename:
            raise InvalidInput("Choose a file of your bank.", code="missing_file", field="file")
        return take_status(work, sent.read())

    return _told(do, "answer")


@pages.post("/payouts/accounts")
@for_roles("accountant", "broker", "owner")
def propose_account() -> Response:
    """Propose where an owner is paid."""
    form = request.form
    owner = None if actor().role == "owner" else form.get("organisation", "").strip()
    return _done(
        lambda work: propose_bank_account(
            work, form.get("holder", ""), form.get("iban", ""), form.get("bic", ""), owner
        ),
        "account_proposed",
    )


@pages.post("/payouts/accounts/<code>/approve")
@for_roles("accountant", "broker")
def approve_account(code: str) -> Response:
    """Approve an account: a second person."""
    return _done(lambda work: approve_bank_account(work, code), "account_approved")


@pages.post("/payouts/holds")
@for_roles("accountant", "broker")
def hold() -> Response:
    """Hold what is paid to an organisation."""
    form = request.form
    return _done(
        lambda work: hold_payouts(work, form.get("organisation", "").strip(), form.get("reason", "")), "payouts_held"
    )


@pages.post("/payouts/holds/<code>")
@for_roles("accountant", "broker")
def judge(code: str) -> Response:
    """The first person's finding, or the second one's release."""
    form = request.form
    if form.get("act") == "release":
        return _done(lambda work: release_hold(work, code), "hold_released_payouts")
    return _done(lambda work: clear_hold(work, code, form.get("finding", "")), "hold_cleared")


def _day(name: str) -> date:
    return required_day(request.form.get(name, ""), name)


def _told(do: Callable[[UnitOfWork], object], name: str) -> Response:
    """Do something and show on the page what came out; sent again by the browser it changes nothing."""
    try:
        with unit() as work:
            result = do(work)
    except CourtierError as refusal:
        with unit() as work:
            return page("payouts/index.html", refusal, **_contents(work))
    with unit() as work:
        return Response(render_template("payouts/index.html", **_contents(work), **{name: result}))


def _done(do: Callable[[UnitOfWork], object], notice: str) -> Response:
    try:
        with unit() as work:
            do(work)
    except CourtierError as refusal:
        with unit() as work:
            return page("payouts/index.html", refusal, **_contents(work))
    return redirect(url_for("payouts.index", done=notice), 303)
