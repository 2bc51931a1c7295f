"""The advertiser validates leads and sales: one by one, by a file, or by leaving them until they approve themselves."""

from __future__ import annotations

from broker.affiliation import conversion_store as store
from broker.affiliation.conversion_model import Conversion, ConversionSums
from broker.affiliation.conversion_store import Wanted
from broker.affiliation.tell_declined import tell_declined
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.paging import Page, offset

MOST_AT_ONCE = 500
PATIENCE_HOURS = 24  # for a click on its way from a front's journal
LONGEST_REASON = 500


def list_conversions(unit: UnitOfWork, wanted: Wanted, page: int = 1, size: int = 50) -> Page[Conversion]:
    """Conversions that the actor is a party of, the newest first."""
    found = store.conversions_page(unit, wanted, size, offset(page, size))
    return Page(found, store.count_conversions(unit, wanted), page, size)


def sum_conversions(unit: UnitOfWork, wanted: Wanted) -> list[ConversionSums]:
    """The same as numbers and money, by kind and state."""
    return store.sums_of(unit, wanted)


def find_conversion(unit: UnitOfWork, code: str) -> Conversion:
    """One conversion by its code."""
    found = store.conversion_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no conversion {code!r}.", code="conversion_not_found")
    return found


def approve_conversion(unit: UnitOfWork, code: str) -> Conversion:
    """Say yes: it accrues. Again is the same; raises `Conflict` (`already_decided`) after a no."""
    return _decide(unit, code, "approved", "")


def decline_conversion(unit: UnitOfWork, code: str, reason: str) -> Conversion:
    """Say no, with the reason that the owner reads; the budget is free again."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InvalidInput(
            f"Say why, in 1 to {LONGEST_REASON} characters: the owner reads it.", code="missing_reason", field="reason"
        )
    return _decide(unit, code, "declined", reason.strip())


def extend_conversion(unit: UnitOfWork, code: str) -> Conversion:
    """Put the decision off once (DOMAIN section 7: at most 67 days in all)."""
    unit.actor.require("advertiser")
    found = find_conversion(unit, code)
    if not store.extend(unit, found.id):
        raise Conflict("The decision can be put off once, and only while it is open.", code="not_extendable")
    record(unit, "conversion.extended", "conversion", code)
    return find_conversion(unit, code)


def keep_conversions(unit: UnitOfWork) -> int:
    """Periodic: find late clicks, approve what waited its whole delay; asks for the accrual. How many mailings."""
    tell_declined(unit, store.find_clicks(unit, PATIENCE_HOURS), "no_click")
    mailings = store.approve_due(unit, MOST_AT_ONCE)
    for mailing_id in mailings:
        unit.enqueue("accrue_conversions", mailing_id)
    return len(mailings)


def _decide(unit: UnitOfWork, code: str, state: str, reason: str) -> Conversion:
    unit.actor.require("advertiser", "broker")
    found = find_conversion(unit, code)
    if found.kind == "click":
        raise Conflict("Clicks are judged by us, not validated.", code="click_not_validated")
    moved = store.decide(unit, [found.id], state, reason)
    if not moved:
        found = find_conversion(unit, code)  # somebody may have decided meanwhile
        if found.state == state or (state == "approved" and found.state in ("locked", "paid")):
            return found
        raise Conflict(
            f"This conversion is {found.state} already: a decision is not taken back.",
            code="already_decided",
        )
    if state == "approved":
        unit.enqueue("accrue_conversions", moved[0].mailing_id)
    else:
        tell_declined(unit, [row.id for row in moved], reason)
    record(unit, f"conversion.{state}", "conversion", code, reason=reason)
    return find_conversion(unit, code)
