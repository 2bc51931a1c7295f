"""The file of approved payouts for the bank."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from broker.audit.record import record
from broker.billing import bank_store as store
from broker.billing.bank_accounts import checked_iban
from broker.billing.export_result import ExportResult
from broker.billing.pain001 import Place, Transfer, pain001, readable
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings


def export_sepa(unit: UnitOfWork, settings: Settings, first: date, last: date, folder: Path) -> ExportResult:
    """Write `sepa-<id>.xml` with the payouts approved in the period and mark them as exported, once.

    Nothing is written when one of them cannot be paid as it stands: its account was replaced or is about to be
    (`account_changed`), its owner's address lacks town or country in Latin letters (`address_incomplete`), or its
    holder's name (`name_unreadable`).
    """
    unit.actor.require("accountant", "broker")
    company = settings.company
    if not company.iban:
        raise InvalidInput(
            "Set company.iban: the account that payouts leave from.", code="no_iban", field="company.iban"
        )
    rows = store.transfer_rows(unit, first, last)
    if not rows:
        return ExportResult((), 0, 0, 0)
    changed = [row.code for row in rows if row.account_state != "approved" or row.replacing]
    if changed:
        raise Conflict(
            f"The bank accounts of {', '.join(changed)} were changed after the approval: let these payouts fail and"
            " propose them again.",
            code="account_changed",
        )
    nowhere = [row.code for row in rows if not readable(row.city or "") or not row.country]
    if nowhere:
        raise Conflict(
            f"The owners of {', '.join(nowhere)} need a town and a country in their address.", code="address_incomplete"
        )
    nameless = [row.code for row in rows if not readable(row.holder)]
    if nameless:
        raise Conflict(
            f"Banks cannot read the holders' names of {', '.join(nameless)}: propose the accounts again with the names"
            " in Latin letters.",
            code="name_unreadable",
        )
    message_id = new_code("sepa").replace("_", "-").upper()
    payer = Place(
        company.name,
        company.street,
        company.postcode,
        company.city,
        company.country,
        checked_iban(company.iban),
        company.bic,
    )
    transfers = [
        Transfer(
            row.end_to_end_id,
            row.amount_cents,
            Place(
                row.holder,
                row.street or "",
                row.postcode or "",
                row.city,
                row.country,
                checked_iban(row.iban),
                row.bic or "",
            ),
            f"{company.name} {row.code}",
        )
        for row in rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{message_id.lower()}.xml"
    path.write_bytes(pain001(message_id, unit.now, unit.today, payer, transfers))
    for row in rows:
        store.set_state(unit, row.id, ["approved"], "exported", exported_at=unit.now, file=message_id)
        record(unit, "payout.exported", "payout", row.code, file=path.name, cents=row.amount_cents)
    total = sum(row.amount_cents for row in rows)
    return ExportResult((path,), len(rows), total, total)
