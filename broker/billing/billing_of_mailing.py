"""One document of a mailing: what its order was charged and prepaid before, its VAT by cumulative totals, its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from broker.accounts.model import Organisation
from broker.billing.invoices import invoice_store
from broker.billing.invoices.charges import Part, sale_lines
from broker.billing.invoices.issue import Draft, issue
from broker.billing.invoices.labels import text
from broker.billing.invoices.paper import Reference
from broker.billing.model import Invoice, InvoiceKind
from broker.billing.unused import credit_deposit
from broker.kernel.database import UnitOfWork
from broker.kernel.money import share
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.model import Journal, Line
from broker.ledger.post import post
from broker.ledger.vat import Regime


@dataclass(frozen=True, slots=True)
class Before:
    """What stands of an order before a document, in cents; nothing for an affiliate's send.

    `net`, `vat`: of what was sold; `fee_net`, `fee_vat`: of our fee; `used`: taken from what was prepaid; `left_net`,
    `left_vat`: of its deposit invoice, which `deposit` names.
    """

    net: int = 0
    vat: int = 0
    fee_net: int = 0
    fee_vat: int = 0
    used: int = 0
    left_net: int = 0
    left_vat: int = 0
    deposit: Reference | None = None

    def vat_of(self, net: int, bp: int) -> int:
        """The VAT of a further `net`: that of the order's cumulative net, so that several invoices round as one."""
        return share(self.net + net, bp) - self.vat

    def fee_vat_of(self, net: int, bp: int) -> int:
        """The same for our fee."""
        return share(self.fee_net + net, bp) - self.fee_vat


def before_document(unit: UnitOfWork, order_id: int | None) -> Before:
    """What an order's documents hold so far."""
    if order_id is None:
        return Before()
    posted, deposit = invoice_store.invoiced(unit, order_id), invoice_store.deposit_of(unit, order_id)
    if deposit is None:
        return Before(posted.main_net, posted.main_vat, posted.fee_net, int(posted.fee_vat), int(posted.used))
    return Before(
        posted.main_net,
        posted.main_vat,
        posted.fee_net,
        int(posted.fee_vat),
        int(posted.used),
        deposit.net_cents - posted.main_net,
        deposit.vat_cents - posted.main_vat,
        Reference(deposit.number, deposit.issued_on),
    )


@dataclass(frozen=True, slots=True)
class Billed:
    """What a document of a mailing bills: `part` of its micros, in cents `net` and `vat`; `label` names its line."""

    label: str
    part: Part
    billable: int
    micros: int
    net: int
    vat: int
    vat_bp: int
    regime: Regime


def draft_of(
    unit: UnitOfWork, due: Row[Any], kind: InvoiceKind, other: Organisation, billed: Billed, **more: Any
) -> Draft:
    """The document of a mailing for one party; `more` are the fields of `Draft` in which documents differ."""
    label = text(billed.label, other.language, order=due.reference, volume=billed.billable, title=due.title)
    return Draft(
        kind=kind,
        other=other,
        lines=sale_lines(unit, due, label, billed.billable, billed.micros, billed.net, other.language, billed.part),
        vat_bp=billed.vat_bp,
        vat_cents=billed.vat,
        regime=billed.regime,
        order_id=due.order_id,
        mailing_id=due.id,
        supplied_on=due.supplied_on,
        **more,
    )


def issue_and_post(
    unit: UnitOfWork,
    settings: Settings,
    draft: Draft,
    journal: Journal,
    label: str,
    lines: Sequence[Line],
    letter: tuple[str, int] | None = None,
) -> Invoice:
    """Issue a document and write its entry; `letter`: the account and party on which it may settle itself."""
    invoice = issue(unit, settings, draft)
    key = f"invoice:{invoice.number}"
    post(unit, journal, invoice.issued_on, invoice.number, label, lines, key)
    if letter is not None:
        match_settled(unit, *letter, [key])
    return invoice


def credit_what_is_left(
    unit: UnitOfWork, settings: Settings, due: Row[Any], before: Before, net: int, vat: int
) -> None:
    """The credit note of what a deposit paid too much, once nothing more is to come of its order."""
    if before.deposit is not None and not due.more_to_come and before.left_net > net:
        credit_deposit(unit, settings, due.order_id, before.left_net - net, before.left_vat - vat, due.id)
