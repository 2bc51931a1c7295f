"""Close a month: look, accrue what is billed later, close its period. Done again, it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Literal

from broker.billing import close_store as store
from broker.billing.close_checks import Finding, bounds, month_findings
from broker.billing.invoices.entries import cut_off_purchase_lines, cut_off_sale_lines
from broker.billing.invoices.parties import party, vat_of_purchase, vat_of_sale
from broker.billing.model import shares_in_cents
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.money import share
from broker.kernel.settings import Settings
from broker.ledger import store as ledger
from broker.ledger.matching import match_settled
from broker.ledger.periods import PeriodState, set_period
from broker.ledger.post import post, reverse

Target = Literal["soft_closed", "locked"]


@dataclass(frozen=True, slots=True)
class CloseResult:
    """Where the month stands now, what was found, and how many entries the close wrote (0 when it was closed)."""

    month: date
    state: PeriodState
    findings: tuple[Finding, ...]
    entries: int
    accrued_cents: int

    @property
    def blocked(self) -> bool:
        """Whether a finding kept the month open."""
        return any(finding.blocks for finding in self.findings)


@dataclass(frozen=True, slots=True)
class CloseAnswer:
    """An ask of a page: `findings` (code, blocks, count, examples, fr, en) are None until a job has treated it.

    Until then `checks_done` of the checks (`CHECKS`) have been made.
    """

    target: Target
    asked_at: datetime
    done_at: datetime | None
    findings: list[dict[str, object]] | None
    checks_done: int


def ask_close(unit: UnitOfWork, month: date, target: Target = "locked") -> int:
    """Ask for a month to be closed by a job (pages do so); the answer is read with `close_answers`.

    Raises `Conflict` (`month_running`) before the month is over, `InvalidInput` (`bad_year`).
    """
    unit.actor.require("accountant", "broker")
    _require_over(unit, month)
    close_id = store.insert_ask(unit, month.replace(day=1), target)
    unit.enqueue("close_month", close_id)
    return close_id


def close_asked(database: Database, settings: Settings, close_id: int) -> None:
    """Treat an ask, once. Killed at any moment nothing of it is there, and the job begins again."""
    with database.begin() as unit:
        asked = store.ask(unit, close_id)
        if asked is None or asked.done:
            return
        result = close_month(unit, settings, asked.month, asked.target, partial(_note, database, close_id))
        store.answer(unit, close_id, [asdict(finding) for finding in result.findings])


def _note(database: Database, close_id: int, done: int) -> None:
    with database.begin() as unit:  # of its own, so that it is seen while the close runs
        store.note_check(unit, close_id, done)


def close_answers(unit: UnitOfWork, month: date) -> list[CloseAnswer]:
    """What became of the asks for a month, the newest first."""
    unit.actor.require("accountant", "broker")
    return [CloseAnswer(**row._mapping) for row in store.asks(unit, month.replace(day=1))]


def period_state(unit: UnitOfWork, month: date) -> PeriodState:
    """`open`, `soft_closed` or `locked`."""
    unit.actor.require("accountant", "broker")
    state: PeriodState = ledger.period_state(unit, month.replace(day=1))  # type: ignore[assignment]  # the table's check
    return state


def close_month(
    unit: UnitOfWork,
    settings: Settings,
    month: date,
    target: Target = "locked",
    made: Callable[[int], object] = lambda _: None,
) -> CloseResult:
    """Close a month in the caller's transaction, unless something stands in the way: then nothing changes.

    A soft-closed month takes no more entries and may be opened again (`ledger.reopen`); a locked one never. Closed anew
    it keeps the cut-off of the first time: what accrued in a month that is over never changes. Raises `Conflict`
    (`month_running`) before the month is over.
    """
    unit.actor.require("accountant")
    first, last = bounds(month)
    _require_over(unit, first)
    ledger.lock_numbers(unit)  # from here on no other entry is written
    before = period_state(unit, first)
    if before == "locked" or before == target:
        return CloseResult(first, before, (), 0, 0)
    findings = tuple(month_findings(unit, settings, first, made))
    if any(finding.blocks for finding in findings):
        return CloseResult(first, before, findings, 0, 0)
    entries, cents = _cut_off(unit, settings, last) if before == "open" else (0, 0)
    set_period(unit, first, target)
    return CloseResult(first, target, findings, entries, cents)


def _require_over(unit: UnitOfWork, month: date) -> None:
    first, last = bounds(month)
    if unit.today <= last:
        raise Conflict(f"The month {first:%Y-%m} is not over yet.", code="month_running", field="month")


def _cut_off(unit: UnitOfWork, settings: Settings, last: date) -> tuple[int, int]:
    """Revenue and cost of sends that are billed after the month, reversed on the next day; entries and net cents.

    Nothing is deferred besides: what customers paid in advance stands in 4191 until it is sent.
    """
    number = cents = 0
    for row in store.unbilled(unit, last):
        amount = shares_in_cents(row.owner_micros, row.commission_micros)
        advertiser, owner = party(unit, row.advertiser_id), party(unit, row.owner_id)
        customer, revenue = advertiser, amount.gross
        if row.contract_role == "principal":
            sale_bp = vat_of_sale(settings, advertiser).bp if row.vat_bp is None else row.vat_bp
            purchase_bp = vat_of_purchase(settings, owner).bp
            purchase = cut_off_purchase_lines(amount.owner, share(amount.owner, purchase_bp), owner.id)
        else:  # as agent our revenue is the fee, and the owner's part is no cost of ours
            customer = owner if row.contract_role == "agent_of_owner" else advertiser
            revenue, sale_bp, purchase = amount.commission, vat_of_sale(settings, customer).bp, []
        sale = cut_off_sale_lines(revenue, share(revenue, sale_bp), customer.id)
        for side, account, org_id, lines in (
            ("produit à recevoir", "4181", customer.id, sale),
            ("charge à payer", "4081", owner.id, purchase),
        ):
            if not any(line.debit_cents for line in lines):
                continue
            key = f"cutoff:{last:%Y-%m}:{row.code}:{account}"
            if ledger.entry_by_key(unit, key) is not None:  # of a close before the month was opened again
                continue
            entry = post(unit, "OD", last, row.code, f"Cut-off, {side}, envoi {row.code}", lines, key)
            back = reverse(unit, entry.id, last + timedelta(days=1), f"Extourne, {side}, envoi {row.code}")
            match_settled(unit, account, org_id, [key, f"reversal:{entry.number}"])
            number += 2
            assert back.reverses == entry.id
        cents += revenue
    return number, cents
