"""The contracts under which bases are worked on (art. 26 and 28 GDPR): for the owner of a base, and for the broker."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.compliance_model import ContractKind
from broker.bases.contract import contract_in_force, end_contract, list_contracts, record_contract
from broker.bases.find_base import find_base, list_bases
from broker.kernel.errors import CourtierError
from web.bases import contents
from web.http.forms import day_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("contracts", __name__)


@pages.get("/contracts")
@for_roles("broker")
def index() -> str:
    """Every base with the contract in force, those without one first."""
    with unit() as work:
        rows = [(base, contract_in_force(work, base.code)) for base in list_bases(work)]
    rows.sort(key=lambda row: (row[1] is not None, row[0].name))
    return render_template("contracts/index.html", rows=rows)


@pages.get("/bases/<code>/contract")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """A base's contracts, those that ended too."""
    with unit() as work:
        return render_template(
            "contracts/show.html",
            base=find_base(work, code),
            contracts=list_contracts(work, code),
            today=work.today,
            form={},
        )


@pages.post("/bases/<code>/contract")
@for_roles("owner", "broker")
def create(code: str) -> Response:
    """Record the contract of a base."""
    form = request.form
    kind: ContractKind = "joint" if form.get("kind") == "joint" else "processor"
    whole = form.get("from") == "contract"
    try:
        with unit() as work:
            signed_on = required_day(form.get("signed_on", ""), "signed_on")
            record_contract(
                work,
                code,
                form.get("reference", ""),
                form.get("signatory", ""),
                signed_on,
                kind=kind,
                ends_on=day_of(form.get("ends_on", ""), "ends_on"),
                document_sha256=form.get("document_sha256", "").strip(),
            )
    except CourtierError as refusal:
        with unit() as work:
            if not whole:
                return page("bases/show.html", refusal, form=form, **contents(work, code))
            return page(
                "contracts/show.html", refusal, form=form, base=find_base(work, code),
                contracts=list_contracts(work, code), today=work.today,
            )  # fmt: skip
    return redirect(url_for("contracts.show" if whole else "bases.show", code=code, done="contract_recorded"), 303)


@pages.post("/bases/<code>/contract/<contract>/end")
@for_roles("owner", "broker")
def end(code: str, contract: str) -> Response:
    """Give a contract its last day; nothing is imported after it."""
    last: date = required_day(request.form.get("ends_on", ""), "ends_on")
    with unit() as work:
        find_base(work, code)
        end_contract(work, contract, last)
    return redirect(url_for("contracts.show", code=code, done="contract_ended"), 303)
