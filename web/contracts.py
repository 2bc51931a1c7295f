"""The processing contract of a base, recorded on the base's page before anything is imported."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.bases.contract import record_contract
from broker.kernel.errors import CourtierError, InvalidInput
from web.bases import contents
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("contracts", __name__)


@pages.post("/bases/<code>/contract")
@for_roles("owner")
def create(code: str) -> Response:
    """Record the contract of a base."""
    form = request.form
    try:
        with unit() as work:
            record_contract(
                work, code, form.get("reference", ""), form.get("signatory", ""), signed_day(form.get("signed_on", ""))
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("bases/show.html", refusal, form=form, **contents(work, code))
    return redirect(url_for("bases.show", code=code, done="contract_recorded"), 303)


def signed_day(written: str) -> date:
    """The day of a form."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise InvalidInput("Choose a day of the calendar.", code="bad_day", field="signed_on") from None
