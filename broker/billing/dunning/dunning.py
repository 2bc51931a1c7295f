"""Write to customers about what is overdue: one letter a customer and run, each step of an invoice once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.audit.record import record
from broker.billing.dunning import dunning_store as store
from broker.billing.dunning.dunning_model import Debt, Overdue
from broker.billing.dunning.dunning_pdf import Sides, letter_pdf
from broker.billing.dunning.dunning_words import MAIL, STOPPED, TEXTS, TITLES
from broker.billing.dunning.overdue import as_overdue
from broker.billing.invoices.issue import company_party, paper_party
from broker.billing.invoices.parties import party
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.ids import new_code
from broker.kernel.money import format_cents
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import WorkerKeys

SENDER = "billing"  # at the sending domain


@dataclass(frozen=True, slots=True)
class DunningRun:
    """What a run wrote: letters (their codes), mails, customers whose new orders stop by it."""

    letters: tuple[str, ...]
    mails: int
    stopped: int


def ask_for_letters(unit: UnitOfWork) -> None:
    """Have a worker write what is due now."""
    unit.actor.require("accountant", "broker")
    unit.enqueue("run_dunning", 0)
    record(unit, "dunning.asked", "dunning", "run")


def run_dunning(database: Database, settings: Settings) -> DunningRun:
    """Write every letter whose day has come; run again on the same day it writes nothing.

    A transaction a customer: what was written stays when a later one fails.
    """
    with database.begin() as unit:
        customers = store.customers_late(unit)
    codes: list[str] = []
    mails = stopped = 0
    for org_id in customers:
        with database.begin() as unit:
            made = _write(unit, settings, org_id)
        if made is not None:
            codes.append(made[0])
            mails += made[1]
            stopped += made[2]
    return DunningRun(tuple(codes), mails, stopped)


def post_dunning(
    database: Database,
    worker: WorkerKeys,
    settings: Settings,
    mail_id: int,
    post: Callable[..., object] = post_note,
) -> None:
    """Job: mail a letter to one person. What may leave is marked just before, so no person gets it twice."""
    with database.begin() as unit:
        store.give_up_on_the_dead(unit)
        row = store.waiting_mail(unit, mail_id)
        now = unit.now
    if row is None:
        return
    language = row.language
    stopped = f"{STOPPED[language]}\n" if 0 < settings.dunning.stop_level <= row.level else ""
    subject, text = (
        words.format(
            title=TITLES[language][row.level],
            invoices=row.invoices,
            text=TEXTS[language][row.level],
            open=format_cents(row.open_cents, language),
            stopped=stopped,
            link=f"{settings.web.public_url}/invoices",
            company=settings.company.name,
        )
        for words in MAIL[language]
    )
    enclosed = ((f"{row.code}.pdf", "application/pdf", bytes(row.pdf)),)
    note = Note(row.email, SENDER, settings.company.name, subject[:180], text, now, enclosed=enclosed)
    before = "waiting"

    def may_leave() -> bool:
        nonlocal before
        with database.begin() as unit:
            leaves = store.mail_state(unit, mail_id, "waiting", "attempting")
        before = "attempting" if leaves else "elsewhere"
        return leaves

    try:
        state = _handed(post, worker, settings.mail, note, may_leave)
    except ConnectionLost as error:
        with database.begin() as unit:
            store.mail_state(unit, mail_id, before, "waiting")
        raise Unavailable("No relay takes the letter now; it is tried again.", code="no_relay") from error
    with database.begin() as unit:
        after = "waiting" if state == "deferred" else "sent" if state == "accepted" else state
        store.mail_state(unit, mail_id, before, after)


def _handed(
    post: Callable[..., object], worker: WorkerKeys, mail: MailSettings, note: Note, may_leave: Callable[[], bool]
) -> str:
    return str(getattr(post(worker, mail, note, may_leave), "state", "uncertain"))


def _write(unit: UnitOfWork, settings: Settings, org_id: int) -> tuple[str, int, int] | None:
    """(code, mails, whether orders stop by it) of the letter to one customer; None when nothing is to be said."""
    store.lock_customer(unit, org_id)
    rates, steps = store.rates(unit), settings.dunning
    due: list[tuple[Debt, Overdue]] = []
    for debt in store.debts(unit, org_id):
        late = as_overdue(debt, steps, rates, unit.today)
        if late is not None and late.held is None and late.next_on is not None and late.next_on <= unit.today:
            due.append((debt, late))
    if not due:
        return None
    before = store.stopped(unit, org_id)
    level = max(late.next_level or 1 for _, late in due)
    customer = party(unit, org_id)
    company = settings.company
    sides = Sides(company_party(settings), paper_party(customer), customer.language, company.iban, company.bic)
    lines = [(debt, late, 0 < steps.stop_level <= (late.next_level or 0)) for debt, late in due]
    stops = any(stop for _, _, stop in lines)
    code = new_code("dun")
    late_now = [late for _, late in due]
    letter_id = store.insert_letter(
        unit,
        {
            "code": code,
            "org_id": org_id,
            "level": level,
            "language": customer.language,
            "made_on": unit.today,
            "open_cents": sum(late.late_cents for late in late_now),
            "interest_cents": sum(late.interest_cents for late in late_now),
            "recovery_cents": sum(late.recovery_cents for late in late_now),
            "pdf": letter_pdf(sides, code, unit.today, level, late_now, stops=stops),
        },
        lines,
    )
    mails = store.insert_mails(unit, letter_id, org_id)
    for mail_id in mails:
        unit.enqueue("post_dunning", mail_id)
    record(unit, "dunning.letter", "dunning_letter", code, level=level, invoices=len(due), mails=len(mails))
    return code, len(mails), int(not before and store.stopped(unit, org_id))
