"""The gateway's balance against the books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.gateway.gateway_balance import ask_reading_now, explain_gateway_line
from broker.billing.gateway.gateway_payouts import ask_gateway_payout
from broker.billing.gateway.reconcile_gateway import list_gateway_payouts, list_lines, reconcile_gateway
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.companies import PARTIES, companies
from web.http.forms import cents_of, day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("gateway", __name__)
_MONTH = timedelta(days=31)


def _contents(work: UnitOfWork) -> dict[str, Any]:
    start = day_of(request.args.get("from", ""), "from") or work.today - _MONTH
    end = day_of(request.args.get("to", ""), "to") or work.today
    return {
        "found": reconcile_gateway(work, start, end),
        "lines": list_lines(work, start, end),
        "sent": list_gateway_payouts(work),
        "parties": companies(work, *PARTIES),
        "start": start,
        "end": end,
    }


@pages.get("/accounting/gateway")
@for_roles("accountant", "broker")
def show() -> str:
    """The comparison."""
    with unit() as work:
        return render_template("gateway/show.html", **_contents(work))


@pages.post("/accounting/gateway/<step>")
@for_roles("accountant", "broker")
def act(step: str) -> Response:
    """Read the balance again, say what a line is, or send money to the bank."""
    form = request.form
    try:
        with unit() as work:
            if step == "explain":
                explain_gateway_line(
                    work, form.get("line", ""), form.get("account", "").strip(), form.get("party", "").strip()
                )
            elif step == "payout":
                ask_gateway_payout(work, cents_of(form.get("amount", ""), "amount_cents"))
            else:
                ask_reading_now(work)
    except CourtierError as refusal:
        with unit() as work:
            return page("gateway/show.html", refusal, **_contents(work))
    news = {"explain": "gateway_explained", "payout": "gateway_payout_asked"}.get(step, "gateway_read")
    return redirect(url_for("gateway.show", done=news), 303)
