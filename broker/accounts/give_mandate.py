"""Give an agency a mandate, end it, see those that stand."""

from __future__ import annotations

from datetime import date
from typing import get_args

from broker.accounts import mandate_store as store
from broker.accounts.mandate_model import BillTo, Mandate
from broker.accounts.store import organisation_of
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page


def give_mandate(
    unit: UnitOfWork,
    agency_code: str,
    bill_to: BillTo,
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
    reference: str = "",
    advertiser_code: str = "",
) -> Mandate:
    """Let an agency order in the acting advertiser's name, from today unless another day is given.

    The broker records the written mandate of the advertiser that it names. Raises `Forbidden` (`own_mandate`) for an
    agency that acts for the advertiser, `NotFound` (`agency_not_found`), `Conflict` (`mandate_there`), `InvalidInput`.
    """
    unit.actor.require("advertiser", "broker")
    if unit.actor.agency_id is not None:
        raise Forbidden(
            "A mandate is given by the advertiser itself, never by an agency that acts for it.", code="own_mandate"
        )
    if bill_to not in get_args(BillTo):
        raise InvalidInput(
            f"The invoice goes to the advertiser or to the agency, not to {bill_to!r}.",
            code="bad_payer",
            field="bill_to",
        )
    start = starts_on or unit.today
    if ends_on is not None and ends_on < max(start, unit.today):
        raise InvalidInput("The last day of a mandate lies in the future.", code="bad_days", field="ends_on")
    agency = store.agency_id(unit, agency_code.strip())
    if agency is None:
        raise NotFound(
            f"There is no agency {agency_code!r}. Ask it for its code: it stands on the page of its clients.",
            code="agency_not_found",
            field="agency",
        )
    code = new_code("man")
    try:
        store.insert_mandate(
            unit, code, agency, _advertiser(unit, advertiser_code), bill_to, reference.strip()[:120], start, ends_on
        )
    except Conflict as error:
        constraint = error.details.get("constraint")
        if constraint == "agency_mandate_pair":
            raise Conflict(
                "This agency has a mandate already. End it to give another.", code="mandate_there", field="agency"
            ) from None
        if constraint == "mandate_parties":
            raise InvalidInput(
                "A mandate is an advertiser's; this organisation is none.", code="not_an_advertiser", field="advertiser"
            ) from None
        raise
    record(unit, "mandate.given", "agency_mandate", code, agency=agency_code, bill_to=bill_to)
    return find_mandate(unit, code)


def end_mandate(unit: UnitOfWork, code: str) -> Mandate:
    """End a mandate at once, by the advertiser, the agency or the broker; what was ordered stays ordered."""
    unit.actor.require("advertiser", "agency", "broker")
    found = store.mandate(unit, code, lock=True)
    if found is None:
        raise NotFound(f"There is no mandate {code!r}.")
    if found.state == "ended":
        raise Conflict("This mandate has ended already.", code="mandate_ended")
    store.end_mandate(unit, code)
    record(unit, "mandate.ended", "agency_mandate", code)
    return find_mandate(unit, code)


def find_mandate(unit: UnitOfWork, code: str) -> Mandate:
    """One mandate that the actor is a party of."""
    found = store.mandate(unit, code)
    if found is None:
        raise NotFound(f"There is no mandate {code!r}.")
    return found


def list_mandates(unit: UnitOfWork) -> list[Mandate]:
    """The mandates that the actor is a party of; all for the broker."""
    return store.mandates(unit)


def page_of_mandates(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[Mandate]:
    """The same by pages."""
    return store.mandates_page(unit, page, size)


def _advertiser(unit: UnitOfWork, code: str) -> int:
    if unit.actor.role == "advertiser":
        return unit.actor.org
    found = organisation_of(unit, code)
    if found is None:
        raise NotFound(f"There is no advertiser {code!r}.", code="organisation_not_found", field="advertiser")
    return found.id
