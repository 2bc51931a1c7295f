"""The ledger lines of each document, the company being principal (DOMAIN section 7).

Pure functions: amounts in cents, organisations by id. Worked tables stand in docs/money.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from broker.kernel.money import round_div
from broker.ledger.model import Line, credit, debit

VatDue = Literal["receipt", "invoice"]


def deposit_lines(net: int, vat: int, advertiser: int) -> list[Line]:
    """A captured prepayment, at the bank: its VAT falls due with the money."""
    return [debit("512", net + vat), credit("4191", net, advertiser), credit("44571", vat)]


def invoice_lines(net: int, vat: int, deducted: int, advertiser: int, vat_due: VatDue) -> list[Line]:
    """A sale of `net` + `vat`, of which `deducted` (VAT included) was paid by deposit.

    The VAT of the part paid is due already (44571, against the deposit's own); that of the rest waits for its
    collection (44574) unless VAT is due on invoice.
    """
    total = net + vat
    covered = round_div(vat * deducted, total) if total else 0
    waiting = "44574" if vat_due == "receipt" else "44571"
    return [
        debit("411", total, advertiser),
        credit("706", net),
        credit("44571", covered),
        credit(waiting, vat - covered),
        debit("4191", deducted - covered, advertiser),
        debit("44571", covered),
        credit("411", deducted, advertiser),
    ]


def deposit_credit_lines(net: int, vat: int, advertiser: int) -> list[Line]:
    """The unused part of a deposit, owed back to the advertiser (4197) by credit note; its VAT is given back."""
    return [debit("4191", net, advertiser), debit("44571", vat), credit("4197", net + vat, advertiser)]


def self_bill_lines(net: int, vat: int, owner: int, vat_due: VatDue) -> list[Line]:
    """A purchase from an owner; its VAT is deductible when it falls due at the owner: at payment, or at invoice."""
    return [
        debit("604", net),
        debit("44564" if vat_due == "receipt" else "44566", vat),
        credit("401", net + vat, owner),
    ]


def reverse_charge_lines(net: int, self_assessed: int, owner: int) -> list[Line]:
    """A purchase from an owner abroad: no VAT on the document, the company assesses and deducts it itself."""
    return [
        debit("604", net),
        credit("401", net, owner),
        debit("445662", self_assessed),
        credit("4452", self_assessed),
    ]


def receipt_lines(total: int, shares: Mapping[tuple[str, int], int], waiting_vat: int, left: int) -> list[Line]:
    """Money at the bank: `shares` (account and advertiser → cents) pay invoices, `left` waits in suspense.

    `waiting_vat` is the VAT of those invoices that falls due with this money.
    """
    return [
        debit("512", total),
        *(credit(account, cents, org) for (account, org), cents in shares.items()),
        credit("471", left),
        debit("44574", waiting_vat),
        credit("44571", waiting_vat),
    ]


def assignment_lines(cents: int, waiting_vat: int, account: str, advertiser: int) -> list[Line]:
    """Money that waited in suspense pays an invoice."""
    return [
        debit("471", cents),
        credit(account, cents, advertiser),
        debit("44574", waiting_vat),
        credit("44571", waiting_vat),
    ]


def payout_lines(bills: int, third_party: int, waiting_vat: int, owner: int) -> list[Line]:
    """An owner is paid its self-bills (401) and what we hold for it as agent (467).

    The VAT that it owed at payment can be deducted now.
    """
    return [
        debit("401", bills, owner),
        debit("467", third_party, owner),
        credit("512", bills + third_party),
        debit("44566", waiting_vat),
        credit("44564", waiting_vat),
    ]


def cut_off_sale_lines(net: int, vat: int, advertiser: int) -> list[Line]:
    """Sends of the month that no invoice bills yet."""
    return [debit("4181", net + vat, advertiser), credit("706", net), credit("44587", vat)]


def cut_off_purchase_lines(net: int, vat: int, owner: int) -> list[Line]:
    """The owner's share of them."""
    return [debit("604", net), debit("44586", vat), credit("4081", net + vat, owner)]


def supplier_lines(account: str, net: int, vat: int, supplier: int | None) -> list[Line]:
    """A supplier's invoice: its VAT can be deducted once it is paid. A credit note's amounts are negative."""
    return [debit(account, net), debit("44564", vat), credit("401", net + vat, supplier)]
