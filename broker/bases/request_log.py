"""The log of persons' requests with their deadline (art. 12(3) GDPR: one month, two more when it is said why)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import (
    ANSWER_MONTHS,
    LONGEST_MONTHS,
    Outcome,
    RequestKind,
    RightsRequest,
    months_after,
)
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.log import blot_out_addresses
from broker.kernel.paging import Page, offset

SOON_DAYS = 7


def log_request(
    unit: UnitOfWork, kind: RequestKind, reference: str, received_on: date, note: str = ""
) -> RightsRequest:
    """Write a request down. `reference` is the organisation's own; addresses in texts are blotted out."""
    if kind not in get_args(RequestKind):
        raise InvalidInput(f"A request is one of {', '.join(get_args(RequestKind))}.", code="bad_kind", field="kind")
    if not reference.strip():
        raise InvalidInput(
            "Give your own reference of the letter or case, without a name or address.",
            code="missing_reference",
            field="reference",
        )
    if received_on > unit.today:
        raise InvalidInput("A request is logged once it has come.", code="received_later", field="received_on")
    code = new_code("req")
    store.add_request(
        unit,
        code=code,
        org_id=unit.actor.org,
        kind=kind,
        reference=blot_out_addresses(reference.strip()),
        received_on=received_on,
        due_on=months_after(received_on, ANSWER_MONTHS),
        note=blot_out_addresses(note),
    )
    record(unit, "request.logged", "rights_request", code, kind=kind)
    return _found(unit, code)


def extend_request(unit: UnitOfWork, code: str, until: date, reason: str) -> RightsRequest:
    """Put the answer off, within three months of the request; the person is told why within the first."""
    request = _open(unit, code)
    last = months_after(request.received_on, LONGEST_MONTHS)
    if not reason.strip():
        raise InvalidInput("Say why it takes longer: the person is told.", code="missing_reason", field="reason")
    if not request.due_on < until <= last:
        raise InvalidInput(f"The answer may be put off until {last} at most.", code="bad_extension", field="until")
    if unit.today > request.due_on:
        raise Conflict("The month is over: it can no longer be extended.", code="extension_late")
    store.extend_request(unit, code, until, blot_out_addresses(reason.strip()))
    record(unit, "request.extended", "rights_request", code, until=until.isoformat())
    return _found(unit, code)


def answer_request(unit: UnitOfWork, code: str, outcome: Outcome, note: str = "") -> RightsRequest:
    """Note that the person was answered today, and how."""
    _open(unit, code)
    if outcome not in get_args(Outcome):
        raise InvalidInput(
            f"The outcome is one of {', '.join(get_args(Outcome))}.", code="bad_outcome", field="outcome"
        )
    store.answer_request(unit, code, unit.today, outcome, blot_out_addresses(note))
    record(unit, "request.answered", "rights_request", code, outcome=outcome)
    return _found(unit, code)


def requests_due(unit: UnitOfWork) -> tuple[int, int]:
    """(late, due within a week) of the open requests that the actor may see."""
    return store.requests_due(unit, unit.today + timedelta(days=SOON_DAYS))


def list_requests(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[RightsRequest]:
    """Open requests by deadline, then answered ones; of every organisation, for staff."""
    found = store.requests_page(unit, size, offset(page, size))
    return Page(found, store.count_requests(unit), page, size)


def _open(unit: UnitOfWork, code: str) -> RightsRequest:
    request = _found(unit, code)
    if not request.own:
        raise Forbidden(f"{request.controller} answers this request: the answer is its controller's.")
    if request.answered_on is not None:
        raise Conflict(f"The request {code} was answered on {request.answered_on}.", code="request_answered")
    return request


def _found(unit: UnitOfWork, code: str) -> RightsRequest:
    request = store.request_by_code(unit, code)
    if request is None:
        raise NotFound(f"There is no request '{code}'.", code="no_request", field="code")
    return request
