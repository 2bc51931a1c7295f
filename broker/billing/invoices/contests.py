"""Contest a document issued in one's name, within the mandate's days; correct it by a credit note."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.billing_of_mailing import issue_and_post
from broker.billing.invoices import contest_store as store
from broker.billing.invoices.contest_model import Contest
from broker.billing.invoices.correct_agent import back, credit_owner_invoice, replace_owner_invoice
from broker.billing.invoices.entries import reverse_charge_lines, self_bill_lines
from broker.billing.invoices.issue import Draft
from broker.billing.invoices.labels import text
from broker.billing.invoices.mandates import mandate_on
from broker.billing.invoices.paper import Reference
from broker.billing.invoices.parties import party, vat_of_purchase
from broker.billing.model import SELF_BILLED_CREDIT, Invoice, InvoiceLine
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import MICROS_PER_CENT, round_div, share
from broker.kernel.paging import Page, offset
from broker.kernel.settings import Settings
from broker.ledger.model import mirrored
from broker.ledger.store import entry_by_key


def contest_invoice(unit: UnitOfWork, number: str, reason: str) -> Contest:
    """Contest a self-bill, or an invoice issued in one's name; until it is answered it is not paid.

    Raises `Conflict` (`contest_over`) after the mandate's days, `contest_standing` when one waits already.
    """
    unit.actor.require("owner", "broker", "accountant")
    found = store.contestable(unit, number)
    if found is None:
        raise NotFound(f"There is no document {number!r} issued in an owner's name.", field="number")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 2_000:
        raise InvalidInput("Say what is wrong, in up to 2,000 letters.", code="reason_needed", field="reason")
    last = found.issued_on + timedelta(days=found.contest_days)
    if unit.today > last:
        raise Conflict(
            f"{number} could be contested until {last.isoformat()} and counts as accepted since.", code="contest_over"
        )
    if store.stands(unit, found.id):
        raise Conflict(f"{number} is contested already and waits for an answer.", code="contest_standing")
    code = new_code("cont")
    store.insert(
        unit,
        code=code,
        org_id=found.seller_id,
        invoice_id=found.id,
        reason=reason,
        raised_by=unit.actor.user_id,
    )
    record(unit, "invoice.contested", "invoice", number, contest=code)
    return _contest(unit, code)


def list_contests(unit: UnitOfWork, page: int = 1, size: int = 20) -> Page[Contest]:
    """Contests that the actor may see, those that wait first."""
    return Page(store.contests(unit, size, offset(page, size)), store.count_contests(unit), page, size)


def reject_contest(unit: UnitOfWork, code: str, answer: str) -> Contest:
    """The document stands as it is; say why."""
    unit.actor.require("broker", "accountant")
    if not answer.strip():
        raise InvalidInput("Tell the owner why the document stands.", code="bad_answer", field="answer")
    _move(unit, code, "open", "rejected", text=answer.strip()[:2_000])
    return _contest(unit, code)


def uphold_contest(
    unit: UnitOfWork, settings: Settings, code: str, net_cents: int, answer: str = "", new_net_cents: int | None = None
) -> Contest:
    """The owner is right by `net_cents` before VAT: a credit note is prepared.

    `new_net_cents`: the document is taken back whole, and a new one of this amount takes its place. By default the
    owner issues them: they are prepared for its signature. With `trade.corrections_by = "company"` a worker issues them
    at once; a self-bill is then corrected by a self-billed credit note (261). Raises `InvalidInput` (`bad_correction`,
    `correction_whole`).
    """
    unit.actor.require("broker", "accountant")
    contest = _contest(unit, code)
    if not 0 < net_cents <= contest.left_cents:
        raise InvalidInput(
            "A correction takes back between one cent and what is left of the document before VAT.",
            code="bad_correction",
            field="net",
        )
    if new_net_cents is not None and (new_net_cents <= 0 or net_cents != contest.left_cents):
        raise InvalidInput(
            f"A new document takes the place of one that is taken back whole ({contest.left_cents} cents before VAT).",
            code="correction_whole",
            field="new_net",
        )
    after = "prepared" if settings.trade.corrections_by == "owner" else "signed"
    _move(unit, code, "open", after, text=answer.strip()[:2_000], net=net_cents, new=new_net_cents)
    return _contest(unit, code)


def sign_correction(unit: UnitOfWork, code: str) -> Contest:
    """The owner signs the credit note that was prepared; a worker issues it in the owner's series."""
    unit.actor.require("owner")
    _move(unit, code, "prepared", "signed")
    return _contest(unit, code)


def issue_correction(database: Database, settings: Settings, contest_id: int) -> None:
    """Issue and book the document of a signed correction, once: the mirror image of the self-bill's entry."""
    with database.begin() as unit:
        row = store.to_issue(unit, contest_id)
        if row is None:
            return
        _issue(unit, settings, row)


def _issue(unit: UnitOfWork, settings: Settings, row: Row[Any]) -> None:
    fee_credit: Invoice | None = None
    if row.kind == "owner_invoice":
        done = credit_owner_invoice(unit, settings, row)
        credit, fee_credit = done.credit, done.fee_credit
        new = None if row.new_net_cents is None else replace_owner_invoice(unit, settings, row, done.owed_back)
    else:
        credit = _credit_self_bill(unit, settings, row)
        new = None if row.new_net_cents is None else _new_self_bill(unit, settings, row)
    store.corrected(
        unit,
        row.id,
        credit.id,
        row.signed_by,
        None if fee_credit is None else fee_credit.id,
        None if new is None else new.id,
    )
    record(
        unit,
        "invoice.corrected",
        "invoice",
        row.number,
        credit=credit.number,
        net_cents=int(row.net_cents),
        replaced_by="" if new is None else new.number,
    )


def _credit_self_bill(unit: UnitOfWork, settings: Settings, row: Row[Any]) -> Invoice:
    owner = party(unit, row.seller_id)
    net = int(row.net_cents)
    # Cumulative, so that several corrections of one bill take back its VAT to the cent.
    vat = back(row.whole_vat, row.whole, row.before, row.before_vat, net)
    treatment = vat_of_purchase(settings, owner)
    draft = Draft(
        kind="owner_credit",
        other=owner,
        lines=(InvoiceLine(1, text("corrected", owner.language, order=row.number), 1, net * MICROS_PER_CENT, net),),
        vat_bp=row.vat_bp,
        vat_cents=vat,
        regime=treatment.regime,
        corrects_id=row.invoice_id,
        refers=Reference(row.number, row.issued_on),
        type_code=None if row.by_owner else SELF_BILLED_CREDIT,
        mandate=mandate_on(unit, owner.id, unit.today),
    )
    if treatment.regime == "reverse_charge":
        # the part of what was assessed, by cumulative totals as well
        whole = entry_by_key(unit, f"invoice:{row.number}")
        assessed = 0 if whole is None else sum(line.debit_cents for line in whole.lines if line.account == "445662")
        taken = round_div(assessed * (row.before + net), row.whole) - round_div(assessed * row.before, row.whole)
        lines = mirrored(reverse_charge_lines(net, taken, owner.id))
    else:
        lines = mirrored(self_bill_lines(net, vat, owner.id, owner.vat_due))
    return issue_and_post(unit, settings, draft, "AC", f"Avoir sur {row.number}", lines)


def _new_self_bill(unit: UnitOfWork, settings: Settings, row: Row[Any]) -> Invoice:
    """In place of one that was taken back whole: the VAT is that of the owner's place today."""
    owner, net = party(unit, row.seller_id), int(row.new_net_cents)
    treatment = vat_of_purchase(settings, owner)
    vat = share(net, treatment.bp)
    draft = Draft(
        kind="self_bill",
        other=owner,
        lines=(InvoiceLine(1, text("replaces", owner.language, order=row.number), 1, net * MICROS_PER_CENT, net),),
        vat_bp=treatment.bp,
        vat_cents=vat,
        regime=treatment.regime,
        supplied_on=row.supplied_on,
        vat_on_debits=owner.vat_due == "invoice",
        mandate=mandate_on(unit, owner.id, unit.today),
        replaces_id=row.invoice_id,
    )
    lines = self_bill_lines(net, vat, owner.id, owner.vat_due)
    if treatment.regime == "reverse_charge":
        lines = reverse_charge_lines(net, share(net, settings.trade.vat_bp), owner.id)
    return issue_and_post(unit, settings, draft, "AC", f"Remplace {row.number}", lines)


def _move(
    unit: UnitOfWork,
    code: str,
    before: str,
    after: str,
    *,
    text: str = "",
    net: int | None = None,
    new: int | None = None,
) -> None:
    contest = _contest(unit, code)
    if not store.answer(unit, code, before, after, text=text, net=net, new=new):
        raise Conflict(f"The contest is {contest.state}; this needs one that is {before}.", code="contest_state")
    record(unit, f"contest.{after}", "invoice_contest", code, invoice=contest.number)


def _contest(unit: UnitOfWork, code: str) -> Contest:
    found = store.contest(unit, code)
    if found is None:
        raise NotFound(f"There is no contest {code!r}.", field="code")
    return found
