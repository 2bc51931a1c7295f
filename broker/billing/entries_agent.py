"""The ledger lines of sales that the company makes as somebody's agent (DOMAIN section 7).

Money of others goes through 467 by party; the company's own revenue is its fee. Pure functions: amounts in cents,
organisations by id. Worked tables stand in docs/money.md.
"""

from __future__ import annotations

from broker.ledger.model import Line, credit, debit

THIRD_PARTY = "467"


def owner_deposit_lines(total: int, owner: int) -> list[Line]:
    """Agent of the owner: a prepayment on the owner's own deposit invoice is the owner's money."""
    return [debit("512", total), credit(THIRD_PARTY, total, owner)]


def owner_sale_lines(total: int, deducted: int, owner: int, advertiser: int) -> list[Line]:
    """Agent of the owner: the owner's invoice, of which `deducted` was paid by deposit."""
    return [
        debit("411", total, advertiser),
        credit(THIRD_PARTY, total, owner),
        debit(THIRD_PARTY, deducted, owner),
        credit("411", deducted, advertiser),
    ]


def owner_fee_lines(net: int, vat: int, covered: int, waiting: str, owner: int) -> list[Line]:
    """Agent of the owner: the fee is kept from the owner's money; `covered` of its VAT is due with money already in."""
    return [
        debit(THIRD_PARTY, net + vat, owner),
        credit("706", net),
        credit("44571", covered),
        credit(waiting, vat - covered),
    ]


def owner_deposit_credit_lines(total: int, owner: int, advertiser: int) -> list[Line]:
    """Agent of the owner: the unused part of a deposit goes from the owner's money back to the advertiser (4197)."""
    return [debit(THIRD_PARTY, total, owner), credit("4197", total, advertiser)]


def funds_lines(total: int, advertiser: int) -> list[Line]:
    """Agent of the advertiser: its funds, out of which its owners and our fee will be paid. No invoice, no VAT."""
    return [debit("512", total), credit(THIRD_PARTY, total, advertiser)]


def passed_through_lines(total: int, owner: int, advertiser: int) -> list[Line]:
    """Agent of the advertiser: an owner's invoice to the advertiser, paid through us."""
    return [debit(THIRD_PARTY, total, advertiser), credit(THIRD_PARTY, total, owner)]


def advertiser_fee_lines(
    net: int, vat: int, covered: int, waiting: str, from_funds: int, advertiser: int
) -> list[Line]:
    """Agent of the advertiser: the fee, which the advertiser alone pays; `from_funds` of it is there already."""
    return [
        debit("411", net + vat, advertiser),
        credit("706", net),
        credit("44571", covered),
        credit(waiting, vat - covered),
        debit(THIRD_PARTY, from_funds, advertiser),
        credit("411", from_funds, advertiser),
    ]


def funds_back_lines(total: int, advertiser: int) -> list[Line]:
    """Agent of the advertiser: what its funds were not needed for is owed back (4197)."""
    return [debit(THIRD_PARTY, total, advertiser), credit("4197", total, advertiser)]
