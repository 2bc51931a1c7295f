"""The file of approved payouts, and of refunds by transfer, for the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank import bank_store
from broker.billing.bank.bank_accounts import checked_iban
from broker.billing.bank.pain001 import Place, Transfer, pain001, readable
from broker.billing.exports.export_result import ExportResult
from broker.billing.gateway import refund_store
from broker.billing.gateway import transfer_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings

_WHY = {
    "org_frozen": "{codes}: the organisation is frozen.",
    "payout_held": "{codes}: payouts to the owner are held on suspicion; two people release them.",
    "account_changed": "The bank accounts of {codes} were changed after the approval, or a change waits: let these"
    " payouts fail and propose them again.",
    "account_waits": "The bank accounts of {codes} are too new (payment.iban_wait_hours).",
    "address_incomplete": "The owners of {codes} need a town and a country in their address.",
    "name_unreadable": "Banks cannot read the holders' names of {codes}: propose the accounts again with the names in"
    " Latin letters.",
    "credit_missing": "{codes}: a worker has not issued the credit note yet.",
    "bad_iban": "The IBANs of {codes} are not valid.",
}


@dataclass(frozen=True, slots=True)
class SepaFile:
    """A file for the bank, and what was left out of it: (code of the transfer, code of the reason)."""

    message_id: str
    content: bytes
    transfers: int
    cents: int
    left_out: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Its name in a folder."""
        return f"{self.message_id.lower()}.xml"


def export_sepa(unit: UnitOfWork, settings: Settings, first: date, last: date, folder: Path) -> ExportResult:
    """Write `sepa-<id>.xml` with the payouts and refunds approved in the period and mark them as exported, once."""
    made = make_sepa_file(unit, settings, first, last)
    if made is None:
        return ExportResult((), 0, 0, 0)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / made.name
    path.write_bytes(made.content)
    return ExportResult((path,), made.transfers, made.cents, made.cents)


def make_sepa_file(unit: UnitOfWork, settings: Settings, first: date, last: date) -> SepaFile | None:
    """The file of what was approved in a period; None when nothing was. What cannot be paid as it stands is left out.

    Raises `InvalidInput` (`no_iban`) without an account of ours; `Conflict` with the reason when everything is left
    out: `account_changed`, `account_waits`, `payout_held`, `org_frozen`, `address_incomplete`, `name_unreadable`.
    """
    unit.actor.require("accountant", "broker")
    company = settings.company
    if not company.iban:
        raise InvalidInput(
            "Set company.iban: the account that payouts leave from.", code="no_iban", field="company.iban"
        )
    payer = Place(
        company.name, company.street, company.postcode, company.city, company.country, checked_iban(company.iban),
        company.bic,
    )  # fmt: skip
    payouts = store.approved_transfers(unit, first, last)
    refunds = refund_store.transfers_to_make(unit, first, last)
    if not payouts and not refunds:
        return None
    since = unit.now - timedelta(hours=settings.payment.iban_wait_hours)
    why = {row.code: _unpayable(row, since, payout=True) for row in payouts}
    why |= {row.code: _unpayable(row, since, payout=False) for row in refunds}
    taken = [row for row in (*payouts, *refunds) if why[row.code] is None]
    left_out = tuple((code, reason) for code, reason in why.items() if reason is not None)
    if not taken:
        raise _refusal(left_out)
    message_id = new_code("sepa").replace("_", "-").upper()
    transfers = [_transfer(row, company.name) for row in taken]
    content = pain001(message_id, unit.now, unit.today, payer, transfers)
    total = sum(transfer.cents for transfer in transfers)
    store.keep_file(unit, message_id, len(taken), total, content)
    made = SepaFile(message_id, content, len(taken), total, left_out)
    for row in payouts:
        if why[row.code] is None:
            bank_store.set_state(unit, row.id, ["approved"], "exported", exported_at=unit.now, file=message_id)
            record(unit, "payout.exported", "payout", row.code, file=made.name, cents=row.amount_cents)
    for row in refunds:
        if why[row.code] is None:
            refund_store.set_state(unit, row.id, "approved", "sent", sent_at=unit.now, file=message_id)
            record(unit, "refund.sent", "refund", row.code, file=made.name, cents=row.amount_cents)
    return made


def sepa_file(unit: UnitOfWork, message_id: str) -> bytes:
    """A file that was made before."""
    unit.actor.require("accountant", "broker")
    found = store.file(unit, message_id)
    if found is None:
        raise NotFound(f"There is no file {message_id!r}.")
    return found


def list_sepa_files(unit: UnitOfWork) -> list[Row[Any]]:
    """Files for the bank, the newest first."""
    unit.actor.require("accountant", "broker")
    return store.files(unit)


def _unpayable(row: Row[Any], since: Any, *, payout: bool) -> str | None:
    """Why a transfer cannot be made as it stands."""
    if row.frozen:
        return "org_frozen"
    if payout and row.held:
        return "payout_held"
    if payout and (row.account_state != "approved" or row.replacing):
        return "account_changed"
    if payout and row.proposed_at > since:
        return "account_waits"
    if not payout and row.uncredited:
        return "credit_missing"
    if not readable(row.city or "") or not row.country:
        return "address_incomplete"
    if not readable(row.holder):
        return "name_unreadable"
    try:
        checked_iban(row.iban)
    except CourtierError:
        return "bad_iban"
    return None


def _refusal(left_out: Sequence[tuple[str, str]]) -> Conflict:
    reasons = sorted({reason for _, reason in left_out})
    said = [_WHY[reason].format(codes=", ".join(code for code, why in left_out if why == reason)) for reason in reasons]
    return Conflict(" ".join(said), code=reasons[0])


def _transfer(row: Row[Any], company: str) -> Transfer:
    to = Place(
        row.holder, row.street or "", row.postcode or "", row.city, row.country, checked_iban(row.iban),
        getattr(row, "bic", None) or "",
    )  # fmt: skip
    return Transfer(row.end_to_end_id, row.amount_cents, to, f"{company} {row.code}")
