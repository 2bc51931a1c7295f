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


def credited_sale_lines(account: str, total: int, set_off: int, owner: int, advertiser: int) -> list[Line]:
    """As agent: the owner takes back `total`; `set_off` of it is still open (411, or 467 of the advertiser), the rest
    was paid and is owed back (4197).
    """
    return [
        debit(THIRD_PARTY, total, owner),
        credit(account, set_off, advertiser),
        credit("4197", total - set_off, advertiser),
    ]


def credited_fee_lines(net: int, vat: int, waiting: int, account: str, set_off: int, party: int) -> list[Line]:
    """Our fee is given back: `waiting` of its VAT was not due yet, `set_off` of it is open or kept from the owner."""
    return [
        debit("706", net),
        debit("44574", waiting),
        debit("44571", vat - waiting),
        credit(account, set_off, party),
        credit("4197", net + vat - set_off, party),
    ]


def taken_over_lines(account: str, cents: int, advertiser: int) -> list[Line]:
    """What a customer paid for a document that was credited pays the one in its place."""
    return [debit("4197", cents, advertiser), credit(account, cents, advertiser)]
