"""The archive of a period's invoices: the PDFs as issued (Factur-X inside), an index and their hashes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from broker.billing.exports.export_journal import decimal
from broker.billing.exports.export_result import ExportResult, named
from broker.billing.invoices import invoice_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.safe_csv import SafeWriter

_HEADER = (
    "number,type_code,kind,issued_on,due_on,seller,buyer,net,vat,total,paid_before,currency,relates_to,file,sha256"
).split(",")
_TOLD = 250


def export_facturx(
    unit: UnitOfWork, first: date, last: date, folder: Path, progress: Callable[[int], object] | None = None
) -> ExportResult:
    """Write `invoices-<first>-<last>.zip` with each document issued in the period, `index.csv` and `SHA256SUMS`.

    Sums are the totals with VAT: of sales on the debit side, of self-bills on the credit side; credit notes count
    against their side. The same period gives the same bytes again. `progress` is told the documents so far.
    """
    unit.actor.require("accountant", "broker")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / named("invoices", first, last, "zip")
    index = io.StringIO()
    writer = SafeWriter(index, lineterminator="\n")
    writer.writerow(_HEADER)
    sums: list[str] = []
    sold = bought = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in store.files_of_period(unit, first, last):
            name, content = f"{row.number}.pdf", bytes(row.pdf)
            digest = hashlib.sha256(content).hexdigest()
            _put(archive, name, content, row.issued_on)
            sums.append(f"{digest}  {name}\n")
            if progress is not None and len(sums) % _TOLD == 0:
                progress(len(sums))
            amounts = [decimal(cents) for cents in (row.net_cents, row.vat_cents, row.total_cents, row.deposit_cents)]
            head = (row.number, row.type_code, row.kind, row.issued_on, row.due_on, row.seller, row.buyer)
            writer.writerow((*head, *amounts, row.currency, row.relates_to, name, digest))
            if row.kind == "self_bill":
                bought += row.total_cents
            else:
                sold += -row.total_cents if row.kind == "credit_note" else row.total_cents
        content = index.getvalue().encode()
        sums.append(f"{hashlib.sha256(content).hexdigest()}  index.csv\n")
        _put(archive, "index.csv", content, last)
        _put(archive, "SHA256SUMS", "".join(sums).encode(), last)
    return ExportResult((path,), len(sums) - 1, sold, bought)


def _put(archive: zipfile.ZipFile, name: str, content: bytes, day: date) -> None:
    item = zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0))
    item.compress_type = zipfile.ZIP_DEFLATED
    item.external_attr = 0o644 << 16
    archive.writestr(item, content)
