"""Settle a mailing that the company sold as somebody's agent: the owner's invoice in its name, and our fee."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.accounts.model import Organisation
from broker.billing import invoice_store, settle_store
from broker.billing.charges import Part, sale_lines
from broker.billing.entries_agent import (
    advertiser_fee_lines,
    funds_back_lines,
    owner_fee_lines,
    owner_sale_lines,
    passed_through_lines,
)
from broker.billing.issue import Draft, issue
from broker.billing.labels import text
from broker.billing.mandates import mandate_on, may_issue
from broker.billing.model import Invoice, Share
from broker.billing.paper import Reference
from broker.billing.parties import party, payer_id, vat_between, vat_of_sale
from broker.billing.unused import credit_deposit
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.money import round_div, share
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
    left = settle_store.captured_funds(unit, order_id) - _used(unit, order_id)
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
    posted = None if due.order_id is None else invoice_store.invoiced(unit, due.order_id)
    deposit = None if due.order_id is None else invoice_store.deposit_of(unit, due.order_id)
    before_net, before_vat = (posted.main_net, posted.main_vat) if posted is not None else (0, 0)
    vat = share(before_net + net, regime.bp) - before_vat
    left_net = 0 if deposit is None else deposit.net_cents - before_net
    left_vat = 0 if deposit is None else deposit.vat_cents - before_vat
    left = left_net + left_vat if deposit is not None else funds - (posted.used if posted is not None else 0)
    invoice = None
    if net > 0:
        covered = max(0, min(net + vat, left))
        label = text(due.kind, advertiser.language, order=due.reference, volume=billable, title=due.title)
        part: Part = "gross" if due.contract_role == "agent_of_owner" else "owner"
        invoice = issue(
            unit,
            settings,
            Draft(
                kind="owner_invoice",
                other=advertiser,
                lines=sale_lines(unit, due, label, billable, micros, net, advertiser.language, part),
                vat_bp=regime.bp,
                vat_cents=vat,
                regime=regime.regime,
                order_id=due.order_id,
                mailing_id=due.id,
                supplied_on=due.supplied_on,
                deposit_cents=covered,
                refers=Reference(deposit.number, deposit.issued_on) if deposit is not None and covered else None,
                vat_on_debits=owner.vat_due == "invoice",
                role=due.contract_role,
                on_behalf_of=owner,
                mandate=mandate_on(unit, owner.id, unit.today),
            ),
        )
        if due.contract_role == "agent_of_owner":
            lines = owner_sale_lines(net + vat, covered, owner.id, advertiser.id)
        else:
            lines = passed_through_lines(net + vat, owner.id, advertiser.id)
        post(unit, "VE", invoice.issued_on, invoice.number, f"Pour compte de {owner.name}, envoi {due.code}", lines,
             f"invoice:{invoice.number}")  # fmt: skip
        match_settled(unit, "411", advertiser.id, [f"invoice:{invoice.number}"])
    if deposit is not None and not due.more_to_come and left_net > net:
        credit_deposit(unit, settings, due.order_id, left_net - net, left_vat - vat, due.id)
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
    regime = vat_of_sale(settings, owner)
    vat = _fee_vat(unit, due, net, regime.bp)
    label = text("fee_of_owner", owner.language, order=due.reference, volume=billable, title=due.title)
    fee = issue(
        unit,
        settings,
        Draft(
            kind="fee",
            other=owner,
            lines=sale_lines(unit, due, label, billable, micros, net, owner.language, "commission"),
            vat_bp=regime.bp,
            vat_cents=vat,
            regime=regime.regime,
            order_id=due.order_id,
            mailing_id=due.id,
            supplied_on=due.supplied_on,
            vat_on_debits=settings.trade.vat_due == "invoice",
            role="agent_of_owner",
        ),
    )
    covered = round_div(vat * sale.deposit_cents, sale.total_cents)
    lines = owner_fee_lines(net, vat, covered, waiting_account(settings), owner.id)
    post(unit, "VE", fee.issued_on, fee.number, f"Commission, envoi {due.code}", lines, f"invoice:{fee.number}")
    return fee


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
    regime = vat_of_sale(settings, advertiser)
    vat = _fee_vat(unit, due, net, regime.bp)
    covered = max(0, min(net + vat, funds - _used(unit, due.order_id)))
    label = text("fee_of_advertiser", advertiser.language, order=due.reference, volume=billable, title=due.title)
    fee = issue(
        unit,
        settings,
        Draft(
            kind="fee",
            other=advertiser,
            lines=sale_lines(unit, due, label, billable, micros, net, advertiser.language, "commission"),
            vat_bp=regime.bp,
            vat_cents=vat,
            regime=regime.regime,
            order_id=due.order_id,
            mailing_id=due.id,
            supplied_on=due.supplied_on,
            deposit_cents=covered,
            vat_on_debits=settings.trade.vat_due == "invoice",
            role="agent_of_advertiser",
        ),
    )
    vat_covered = round_div(vat * covered, net + vat)
    lines = advertiser_fee_lines(net, vat, vat_covered, waiting_account(settings), covered, advertiser.id)
    post(unit, "VE", fee.issued_on, fee.number, f"Honoraires, envoi {due.code}", lines, f"invoice:{fee.number}")
    match_settled(unit, "411", advertiser.id, [f"invoice:{fee.number}"])
    return fee


def _fee_vat(unit: UnitOfWork, due: Row[Any], net: int, bp: int) -> int:
    """VAT of an order's cumulative fee, less what is posted, so that several invoices round to the sum of one."""
    posted = None if due.order_id is None else invoice_store.invoiced(unit, due.order_id)
    if posted is None:
        return share(net, bp)
    return share(posted.fee_net + net, bp) - int(posted.fee_vat)


def _used(unit: UnitOfWork, order_id: int | None) -> int:
    return 0 if order_id is None else int(invoice_store.invoiced(unit, order_id).used)
