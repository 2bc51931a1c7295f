"""Electronic invoicing: hand documents to the platform, take its statuses and suppliers' invoices from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.audit.record import record
from broker.billing.invoices import platform_store as store
from broker.billing.invoices.entries import supplier_lines
from broker.billing.invoices.platform_file import FilePlatform
from broker.billing.invoices.platform_model import (
    CODES,
    FINAL,
    STATUSES,
    Flow,
    Outgoing,
    Platform,
    PlatformDocument,
    StatusMessage,
)
from broker.billing.invoices.read_supplier_invoice import read_supplier_invoice
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.kernel.settings import Settings
from broker.ledger.post import post


@dataclass(frozen=True, slots=True)
class Received:
    """What an exchange brought: statuses taken, invoices taken, files that could not be read (name → why)."""

    statuses: int
    invoices: int
    refused: dict[str, str]


def choose_platform(settings: Settings) -> Platform:
    """The platform that the settings name; raises `Conflict` (`no_platform`)."""
    if settings.platform.kind == "file":
        folder = settings.platform.folder
        return FilePlatform(Path(folder).expanduser() if folder else settings.state_dir / "platform")
    raise Conflict('No platform is set up: set platform.kind = "file".', code="no_platform", field="platform.kind")


def send_documents(database: Database, platform: Platform) -> int:
    """Deposit every document that the platform has not; how many. Cut short at any moment, it goes on where it was.

    What we sell goes as `sales`; what we issue in an owner's name to ourselves goes as `self_billed`, the reverse
    flow in which the buyer deposits for the seller.
    """
    sent = 0
    while True:
        with database.begin() as unit:
            rows = store.to_send(unit)
        if not rows:
            return sent
        for row in rows:
            flow: Flow = "self_billed" if row.kind in ("self_bill", "owner_credit", "owner_invoice") else "sales"
            reference = platform.deposit(
                Outgoing(
                    row.number,
                    flow,
                    row.type_code,
                    row.seller_siren,
                    row.buyer_siren,
                    row.issued_on,
                    row.total_cents,
                    bytes(row.pdf),
                )
            )
            with database.begin() as unit:  # a crash before it deposits the same file again, which changes nothing
                document_id = store.insert_sent(unit, new_code("plat"), flow, row)
                store.add_status(unit, document_id, 200, STATUSES[200], "", reference, unit.now)
                record(unit, "platform.deposited", "invoice", row.number, flow=flow)
            sent += 1


def receive(database: Database, platform: Platform) -> Received:
    """Take statuses and suppliers' invoices, each once; what cannot be read stays where it is and is told."""
    refused: dict[str, str] = {}
    statuses = invoices = 0
    for message in platform.statuses():
        with database.begin() as unit:
            document_id = store.sent_by_number(unit, message.number)
            if document_id is None:
                refused[message.reference] = f"No document {message.number!r} of ours was deposited."
                continue
            state = STATUSES[message.status]
            known = not store.add_status(
                unit, document_id, message.status, state, message.reason, message.reference, message.at
            )
            if not known:
                record(unit, f"platform.{state}", "invoice", message.number, reason=message.reason[:100])
                statuses += 1
        platform.taken(message.reference)
    for file in platform.incoming():
        try:
            found = read_supplier_invoice(file)
        except CourtierError as refusal:
            refused[file.name] = str(refusal)
            continue
        with database.begin() as unit:
            code = new_code("plat")
            document_id = store.insert_received(unit, code, found, file.content)
            if document_id is not None:
                store.add_status(unit, document_id, 202, STATUSES[202], "", f"file:{file.name}", unit.now)
                record(unit, "platform.received", "platform_document", code, cents=found.total_cents)
                invoices += 1
        platform.taken(file.name)
    return Received(statuses, invoices, refused)


def report_collections(database: Database, platform: Platform) -> int:
    """Tell the platform which sales were paid (212): payment e-reporting of services whose VAT falls due on receipt."""
    with database.begin() as unit:
        rows = store.collected(unit, unit.today)
    for row in rows:
        with database.begin() as unit:
            reference = f"collected:{row.number}"
            platform.report(StatusMessage(row.number, 212, "", reference, unit.now, row.cents))
            store.add_status(unit, row.id, 212, STATUSES[212], "", reference, unit.now)
            record(unit, "platform.collected", "invoice", row.number, cents=row.cents)
    return len(rows)


def approve_received(unit: UnitOfWork, platform: Platform, code: str, account: str = "606") -> PlatformDocument:
    """Accept a supplier's invoice and book it: D `account` and VAT / C 401; its VAT waits for the payment (44564).

    Raises `Conflict` (`platform_state`) when it was answered already.
    """
    unit.actor.require("accountant", "broker")
    document_id, org_id = _waiting(unit, code)
    found = _document(unit, code)
    entry = post(
        unit,
        "AC",
        unit.today,
        found.number,
        f"Facture {found.supplier}",
        supplier_lines(account, found.net_cents, found.vat_cents, org_id),
        f"supplier:{code}",
        piece_day=found.issued_on,
    )
    store.book(unit, document_id, entry.id)
    _answer(unit, platform, document_id, found, "approved", "")
    return _document(unit, code)


def refuse_received(unit: UnitOfWork, platform: Platform, code: str, reason: str) -> PlatformDocument:
    """Refuse a supplier's invoice: the platform is told why, nothing is booked."""
    unit.actor.require("accountant", "broker")
    if not reason.strip():
        raise InvalidInput("Say why the invoice is refused: the supplier reads it.", code="bad_reason", field="reason")
    document_id, _ = _waiting(unit, code)
    _answer(unit, platform, document_id, _document(unit, code), "refused", reason.strip()[:500])
    return _document(unit, code)


def list_documents(unit: UnitOfWork, flow: str = "", page: int = 1, size: int = 50) -> Page[PlatformDocument]:
    """What went to and came from the platform, the newest first."""
    unit.actor.require("accountant", "broker")
    return Page(store.documents(unit, flow, size, offset(page, size)), store.count(unit, flow), page, size)


def _waiting(unit: UnitOfWork, code: str) -> tuple[int, int | None]:
    row = store.lock(unit, code)
    if row is None:
        raise NotFound(f"There is no received invoice {code!r}.", field="code")
    if row.entry_id is not None or row.state in FINAL or row.state == "approved":
        raise Conflict(f"The invoice is {row.state}: it was answered already.", code="platform_state")
    return row.id, row.org_id


def _answer(
    unit: UnitOfWork, platform: Platform, document_id: int, found: PlatformDocument, state: str, reason: str
) -> None:
    reference = f"{state}:{found.code}"
    store.add_status(unit, document_id, CODES[state], state, reason, reference, unit.now)
    record(unit, f"platform.{state}", "platform_document", found.code, cents=found.total_cents)
    platform.report(StatusMessage(found.number, CODES[state], reason, reference, unit.now))


def _document(unit: UnitOfWork, code: str) -> PlatformDocument:
    found = store.document(unit, code)
    if found is None:
        raise NotFound(f"There is no document {code!r}.", field="code")
    return found
