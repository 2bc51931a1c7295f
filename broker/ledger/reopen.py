"""Open a softly closed month again: one person asks and says why, another one does it. A locked month stays locked."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.ledger import reopening_store as store
from broker.ledger import store as ledger
from broker.ledger.periods import month_of
from broker.ledger.reopening_store import Reopening

LONGEST_REASON = 2_000


def ask_reopening(unit: UnitOfWork, day: date, reason: str) -> Reopening:
    """Ask for the softly closed month of `day` to be opened again; nothing changes before somebody else agrees.

    Raises `Conflict`: `period_locked`, `period_open`, `later_closed` (months are opened from the newest back),
    `reopening_asked`; `InvalidInput` (`reason_needed`); `Forbidden` (`no_person`).
    """
    unit.actor.require("accountant", "broker")
    user, month = unit.actor.require_person(), month_of(day)
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise InvalidInput("Say why the month is opened again.", code="reason_needed", field="reason")
    state = ledger.period_state(unit, month)
    if state == "locked":
        raise Conflict(f"The period {month:%Y-%m} is locked and never reopens.", code="period_locked", field="month")
    if state == "open":
        raise Conflict(f"The period {month:%Y-%m} is open already.", code="period_open", field="month")
    _refuse_later(unit, month)
    if any(found.state == "asked" for found in store.reopenings(unit, month)):
        raise Conflict(
            f"Opening {month:%Y-%m} was asked for already: another person has to answer.",
            code="reopening_asked",
            field="month",
        )
    code = new_code("reop")
    store.insert(unit, code, month, reason, user)
    record(unit, "period.reopening_asked", "ledger_period", f"{month:%Y-%m}", reopening=code)
    return find_reopening(unit, code)


def answer_reopening(unit: UnitOfWork, code: str, *, yes: bool) -> Reopening:
    """Open the month, or say no. Whoever asked may take it back, and only another person may open.

    Raises `Forbidden` (`four_eyes`, `no_person`), `Conflict` (`reopening_answered`, `period_locked`, `later_closed`).
    """
    unit.actor.require("accountant", "broker")
    unit.actor.require_person()
    found = find_reopening(unit, code)
    came = store.answer(unit, code, yes=yes)
    if came == "four_eyes":
        raise Forbidden("Whoever asked cannot open the month: another person must.", code="four_eyes")
    if came == "answered":
        raise Conflict("This was answered already.", code="reopening_answered")
    if came == "later_closed":
        _refuse_later(unit, found.month)
    if came == "not_soft":
        raise Conflict(
            f"The period {found.month:%Y-%m} is no longer softly closed: a locked one never reopens.",
            code="period_locked",
        )
    if came not in ("done", "refused"):
        raise Forbidden("This needs a person of the company.", code="no_person")
    action = "period.reopened" if came == "done" else "period.reopening_refused"
    record(unit, action, "ledger_period", f"{found.month:%Y-%m}", reopening=code)
    return find_reopening(unit, code)


def find_reopening(unit: UnitOfWork, code: str) -> Reopening:
    """One of them."""
    unit.actor.require("accountant", "broker")
    found = store.reopening(unit, code)
    if found is None:
        raise NotFound(f"Nobody asked for {code!r}.", field="code")
    return found


def list_reopenings(unit: UnitOfWork, day: date) -> list[Reopening]:
    """What was asked and answered about a month, the newest first."""
    unit.actor.require("accountant", "broker")
    return store.reopenings(unit, month_of(day))


def _refuse_later(unit: UnitOfWork, month: date) -> None:
    later = store.later_closed(unit, month)
    if later is not None:
        raise Conflict(
            f"{later:%Y-%m} is closed as well: months are opened from the newest back, as they are closed in order.",
            code="later_closed",
            field="month",
        )
