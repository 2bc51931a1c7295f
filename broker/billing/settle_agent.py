"""Settle a mailing that the company sold as somebody's agent: the owner's invoice in its name, and our fee."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.accounts.model import Organisation
from broker.billing import settle_store
from broker.billing.billing_of_mailing import (
    Billed,
    before_document,
    credit_what_is_left,
    draft_of,
    issue_and_post,
)
from broker.billing.invoices import invoice_store
from broker.billing.invoices.charges import Part
from broker.billing.invoices.entries_agent import (
    advertiser_fee_lines,
    funds_back_lines,
    owner_fee_lines,
    owner_sale_lines,
    passed_through_lines,
)
from broker.billing.invoices.issue import Draft
from broker.billing.invoices.mandates import mandate_on, may_issue
from broker.billing.invoices.parties import party, payer_id, vat_between, vat_of_sale
from broker.billing.model import Invoice, Share
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.money import round_div
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.post import post


def settle_as_agent(
    unit: UnitOfWork, settings: Settings, due: Row[Any], billable: int, micros: Share, cents: Share
) -> tuple[Invoice | None, Invoice | None]:
    """The owner's invoice to the advertiser, and our fee: kept from the owner, or paid by the advertiser alone.

    Raises `Conflict` (`mandate_missing`) while the owner has given no word that we may invoice in its name: the
    mailing stays unsettled until then.
    """
    owner = party(unit, due.owner_id)
    advertiser = party(unit, payer_id(unit, due.order_id, due.advertiser_id))
    if not may_issue(settings, mandate_on(unit, owner.id, unit.today)):
        raise Conflict(
            f"{owner.name} has given no mandate for invoices in its name: record one.", code="mandate_missing"
        )
    if due.contract_role == "agent_of_owner":
        sale = _owner_invoice(unit, settings, due, owner, advertiser, billable, micros.gross, cents.gross)
        fee = _fee_of_owner(unit, settings, due, owner, sale, billable, micros.commission, cents.commission)
        return sale, fee
    funds = settle_store.captured_funds(unit, due.order_id)
    sale = _owner_invoice(unit, settings, due, owner, advertiser, billable, micros.owner, cents.owner, funds)
    fee = _fee_of_advertiser(unit, settings, due, advertiser, billable, micros.commission, cents.commission, funds)
    if due.order_id is not None:
        give_funds_back(unit, due.order_id, due.reference, advertiser.id, more_to_come=due.more_to_come)
    return sale, fee


def give_funds_back(
    unit: UnitOfWork, order_id: int, code: str, advertiser_id: int, *, more_to_come: bool = False
) -> None:
    """What is left of an order's funds is owed back once nothing more is to come; then its account is lettered."""
    left = settle_store.captured_funds(unit, order_id) - before_document(unit, order_id).used
    if left > 0 and not more_to_come:
        lines = funds_back_lines(left, advertiser_id)
        post(unit, "OD", unit.today, code, f"Fonds non utilisés, commande {code}", lines, f"funds_back:{code}")
    keys = [*invoice_store.entry_keys_of_order(unit, order_id), f"funds_back:{code}"]
    match_settled(unit, "467", advertiser_id, keys)


def waiting_account(settings: Settings) -> str:
    """Where our VAT stands until it is collected."""
    return "44574" if settings.trade.vat_due == "receipt" else "44571"


def _owner_invoice(
    unit: UnitOfWork,
    settings: Settings,
    due: Row[Any],
    owner: Organisation,
    advertiser: Organisation,
    billable: int,
    micros: int,
    net: int,
    funds: int = 0,
) -> Invoice | None:
    regime = vat_between(settings, owner, advertiser)
    before = before_document(unit, due.order_id)
    vat = before.vat_of(net, regime.bp)
    left = before.left_net + before.left_vat if before.deposit is not None else funds - before.used
    invoice = None
    if net > 0:
        covered = max(0, min(net + vat, left))
        part: Part = "gross" if due.contract_role == "agent_of_owner" else "owner"
        draft = draft_of(
            unit,
            due,
            "owner_invoice",
            advertiser,
            Billed(due.kind, part, billable, micros, net, vat, regime.bp, regime.regime),
            deposit_cents=covered,
            refers=before.deposit if covered else None,
            vat_on_debits=owner.vat_due == "invoice",
            role=due.contract_role,
            on_behalf_of=owner,
            mandate=mandate_on(unit, owner.id, unit.today),
        )
        if due.contract_role == "agent_of_owner":
            lines = owner_sale_lines(net + vat, covered, owner.id, advertiser.id)
        else:
            lines = passed_through_lines(net + vat, owner.id, advertiser.id)
        label = f"Pour compte de {owner.name}, envoi {due.code}"
        invoice = issue_and_post(unit, settings, draft, "VE", label, lines, ("411", advertiser.id))
    credit_what_is_left(unit, settings, due, before, net, vat)
    return invoice


def _fee_of_owner(
    unit: UnitOfWork,
    settings: Settings,
    due: Row[Any],
    owner: Organisation,
    sale: Invoice | None,
    billable: int,
    micros: int,
    net: int,
) -> Invoice | None:
    """Kept from the owner's money: its VAT falls due as the advertiser's money comes in."""
    if sale is None or net <= 0:
        return None
    draft = _fee(unit, settings, due, owner, "fee_of_owner", billable, micros, net)
    covered = round_div(draft.vat_cents * sale.deposit_cents, sale.total_cents)
    lines = owner_fee_lines(net, draft.vat_cents, covered, waiting_account(settings), owner.id)
    return issue_and_post(unit, settings, draft, "VE", f"Commission, envoi {due.code}", lines)


def _fee_of_advertiser(
    unit: UnitOfWork,
    settings: Settings,
    due: Row[Any],
    advertiser: Organisation,
    billable: int,
    micros: int,
    net: int,
    funds: int,
) -> Invoice | None:
    """Paid by the advertiser alone (law 93-122 of 29 January 1993), out of its funds as far as they reach."""
    if net <= 0:
        return None
    draft = _fee(unit, settings, due, advertiser, "fee_of_advertiser", billable, micros, net, funds)
    vat, covered = draft.vat_cents, draft.deposit_cents
    vat_covered = round_div(vat * covered, net + vat)
    lines = advertiser_fee_lines(net, vat, vat_covered, waiting_account(settings), covered, advertiser.id)
    label = f"Honoraires, envoi {due.code}"
    return issue_and_post(unit, settings, draft, "VE", label, lines, ("411", advertiser.id))


def _fee(
    unit: UnitOfWork,
    settings: Settings,
    due: Row[Any],
    other: Organisation,
    label: str,
    billable: int,
    micros: int,
    net: int,
    funds: int = 0,
) -> Draft:
    """Our fee for the owner, or for the advertiser: then `funds` pay of it what they still hold."""
    regime, before = vat_of_sale(settings, other), before_document(unit, due.order_id)
    vat = before.fee_vat_of(net, regime.bp)
    return draft_of(
        unit,
        due,
        "fee",
        other,
        Billed(label, "commission", billable, micros, net, vat, regime.bp, regime.regime),
        deposit_cents=max(0, min(net + vat, funds - before.used)) if funds else 0,
        vat_on_debits=settings.trade.vat_due == "invoice",
        role=due.contract_role,
    )
