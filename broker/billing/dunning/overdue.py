"""What is overdue: ages, next steps, interest; days agreed for parts; holds of what is in dispute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from broker.audit.record import record
from broker.billing.dunning import dunning_store as store
from broker.billing.dunning.dunning_model import Debt, Letter, Overdue, next_step
from broker.billing.dunning.late_interest import (
    RECOVERY_CENTS,
    Rates,
    Stretch,
    half_year,
    interest_cents,
    late_on,
    oldest_unpaid,
    stretches,
)
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import DunningSettings, Settings

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
MOST_INSTALMENTS = 36


def list_overdue(unit: UnitOfWork, settings: Settings, customer: str = "") -> list[Overdue]:
    """Every late invoice, with its age and its next step, by customer; of one customer when its code is given."""
    unit.actor.require("accountant", "broker")
    rates, today = store.rates(unit), unit.today
    found = [as_overdue(debt, settings.dunning, rates, today) for debt in store.debts(unit)]
    return [one for one in found if one is not None and customer in ("", one.buyer_code)]


def list_paid_late(unit: UnitOfWork, settings: Settings) -> list[Overdue]:
    """Invoices paid too late within a year, as far as their interest was not claimed."""
    unit.actor.require("accountant", "broker")
    rates, today = store.rates(unit), unit.today
    found = [
        as_overdue(debt, settings.dunning, rates, today, paid=True) for debt in store.paid_late(unit, today - _YEAR)
    ]
    return [one for one in found if one is not None and (one.interest_cents or one.recovery_cents)]


def find_overdue(unit: UnitOfWork, settings: Settings, number: str) -> Overdue:
    """One invoice, late or still to be paid, with the stretches of its interest.

    Raises `NotFound`, `Conflict` (`not_late`: it was paid in time).
    """
    unit.actor.require("accountant", "broker")
    debt = find_debt(unit, number)
    found = as_overdue(debt, settings.dunning, store.rates(unit), unit.today, paid=True)
    if found is None:
        raise Conflict(f"The invoice {number} was never late.", code="not_late")
    return found


def rates_missing(unit: UnitOfWork) -> list[str]:
    """Which of the two published rates nobody has entered for this half-year: the one before goes on meanwhile."""
    rates = store.rates(unit)
    return [kind for kind in ("ecb", "legal") if not rates.known_for(kind, unit.today)]


def list_letters(unit: UnitOfWork, number: str = "") -> list[Letter]:
    """Letters that the actor may see: staff all, a customer its own."""
    return store.letters(unit, number)


def letter_file(unit: UnitOfWork, code: str) -> bytes:
    """A letter's PDF."""
    found = store.letter_pdf(unit, code)
    if found is None:
        raise NotFound(f"There is no letter {code!r}.")
    return found


def set_rate(unit: UnitOfWork, kind: str, since: date, bp: int) -> None:
    """Enter a rate of a half-year. Raises `InvalidInput` (`bad_reference_rate`), `Conflict` (`rate_known`)."""
    unit.actor.require("accountant", "broker")
    if kind not in ("ecb", "legal") or not 0 <= bp <= 10_000:
        raise InvalidInput("A rate is ecb or legal, of 0 to 100 % a year.", code="bad_reference_rate", field="bp")
    if since != half_year(since):
        raise InvalidInput("A rate begins on 1 January or 1 July.", code="bad_reference_rate", field="since")
    if not store.insert_rate(unit, kind, since, bp):
        raise Conflict("This half-year has its rate: what was claimed by it does not change.", code="rate_known")
    record(unit, "rate.set", "reference_rate", f"{kind}:{since}", bp=bp)


def hold_invoice(unit: UnitOfWork, number: str, reason: str, until: date | None = None) -> None:
    """Stop writing about an invoice, in dispute for one, until a day or until somebody ends it.

    Raises `InvalidInput` (`bad_hold`), `Conflict` (`held_already`).
    """
    unit.actor.require("accountant", "broker")
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 500:
        raise InvalidInput("Say why, in 500 letters at most.", code="bad_hold", field="reason")
    if until is not None and until < unit.today:
        raise InvalidInput("The last day of a hold has not passed.", code="bad_hold", field="until")
    debt = find_debt(unit, number)
    if debt.held is not None:
        raise Conflict(f"{number} is held already.", code="held_already")
    code = new_code("hold")
    store.insert_hold(unit, code, debt.id, reason, until)
    record(unit, "dunning.held", "invoice", number, hold=code, until=until)


def end_hold(unit: UnitOfWork, number: str) -> None:
    """The next run writes about the invoice again. Raises `Conflict` (`not_held`)."""
    unit.actor.require("accountant", "broker")
    if not store.end_hold(unit, find_debt(unit, number).id):
        raise Conflict(f"{number} is not held.", code="not_held")
    record(unit, "dunning.hold_ended", "invoice", number)


def agree_instalments(unit: UnitOfWork, number: str, parts: Sequence[tuple[date, int]]) -> None:
    """Agree days for what is open of an invoice, once. What was paid before keeps the invoice's own due date.

    Raises `InvalidInput` (`bad_instalments`), `Conflict` (`instalments_agreed`, `nothing_open`).
    """
    unit.actor.require("accountant", "broker")
    debt = find_debt(unit, number)
    if store.has_instalments(unit, debt.id):
        raise Conflict(f"Days were agreed for {number} before.", code="instalments_agreed")
    if debt.open_cents <= 0:
        raise Conflict(f"The invoice {number} is paid.", code="nothing_open")
    days = [day for day, _ in parts]
    if not 1 <= len(parts) <= MOST_INSTALMENTS or len(set(days)) < len(days) or min(days) < unit.today:
        raise InvalidInput(
            f"Name 1 to {MOST_INSTALMENTS} days from today on, each once.", code="bad_instalments", field="parts"
        )
    if any(cents <= 0 for _, cents in parts) or sum(cents for _, cents in parts) != debt.open_cents:
        raise InvalidInput(
            f"The parts are amounts that make the {debt.open_cents} cents which are open.",
            code="bad_instalments",
            field="parts",
        )
    before = sum(cents for _, cents in debt.paid)
    kept = [(debt.dues[0][0], before)] if before else []
    store.insert_instalments(unit, debt.id, [*kept, *parts])
    record(unit, "dunning.instalments", "invoice", number, parts=len(parts), last=max(days))


def find_debt(unit: UnitOfWork, number: str) -> Debt:
    """An invoice that a customer pays."""
    found = store.debt(unit, number)
    if found is None:
        raise NotFound(f"There is no invoice {number!r} of ours to be paid.", field="invoice")
    return found


def as_overdue(debt: Debt, steps: DunningSettings, rates: Rates, today: date, *, paid: bool = False) -> Overdue | None:
    """A debt with its age, steps and interest; None for one that is not late.

    With `paid` also one that is not late any more, or not yet (zero days, until the day of its next part); None for one
    that was paid in time.
    """
    now = due_on = oldest_unpaid(debt.dues, debt.paid, today)
    was = None if now else _last_late(debt, today)
    if due_on is None:
        due_on = (was or oldest_unpaid(debt.dues, debt.paid, date.max)) if paid else None
    if due_on is None:
        return None
    level, written, following, day = next_step(steps, due_on, debt.letters)
    found = late_stretches(debt, rates, today)
    late_cents = max(0, sum(cents for at, cents in debt.dues if at < today) - sum(cents for _, cents in debt.paid))
    if not late_cents or debt.under_way or debt.kind == "claim":
        # what is being paid anew is not asked for; of a claim itself nothing grows, and no letter is written
        following, day = None, None
    return Overdue(
        number=debt.number,
        kind=debt.kind,
        buyer=debt.buyer,
        buyer_code=debt.buyer_code,
        buyer_id=debt.buyer_id,
        total_cents=debt.total_cents,
        open_cents=debt.open_cents,
        late_cents=late_cents,
        due_on=due_on,
        days_late=(today - due_on).days if now else (max(at for at, _ in debt.paid) - due_on).days if was else 0,
        level=level,
        written_on=written,
        next_level=following,
        next_on=day,
        held=debt.held,
        held_until=debt.held_until,
        interest_cents=interest_cents(found),
        recovery_cents=RECOVERY_CENTS if (now or was) and not debt.recovered and debt.kind != "claim" else 0,
        stretches=tuple(found),
        returned_on=debt.returned_on,
        under_way=debt.under_way,
    )


def late_stretches(debt: Debt, rates: Rates, until: date) -> list[Stretch]:
    """The late days of a debt that were not claimed yet, up to a day; of a claim itself none."""
    if debt.kind == "claim":
        return []
    first = min(day for day, _ in debt.dues) + _DAY
    if debt.claimed_until is not None:
        first = max(first, debt.claimed_until + _DAY)
    return stretches(debt.dues, debt.paid, debt.terms, rates, first, until)


def _last_late(debt: Debt, today: date) -> date | None:
    """The due day of the first part that was paid too late; parts whose day comes later are not late."""
    for day in sorted(at for at, _ in debt.dues if at < today):
        if late_on(debt.dues, debt.paid, day + _DAY):
            return day
    return None
