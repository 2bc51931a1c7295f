"""Write a file that somebody asked for: progress in its row, stopped at the next block, begun anew after a kill."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from datetime import date
from pathlib import Path

from broker.billing import statement_store
from broker.billing.exports import export_file_store as store
from broker.billing.exports.export_facturx import export_facturx
from broker.billing.exports.export_fec import export_fec
from broker.billing.exports.export_file_store import ExportFile
from broker.billing.exports.export_files import BLOCK
from broker.billing.exports.export_journal import export_journal
from broker.billing.exports.export_result import ExportResult, named
from broker.billing.exports.export_revenue import export_balances, export_revenue, export_sends
from broker.billing.exports.export_subledger import export_subledger
from broker.billing.exports.tables import write_table
from broker.billing.statements import StatementRow, owner_statement
from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import CourtierError
from broker.kernel.settings import Settings

MOST_TRIES = 3
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "zip": "application/zip",
    "txt": "text/plain; charset=utf-8",
}
# Kinds whose letters are others.
LETTERS = {"fec-latin9": "text/plain; charset=iso-8859-15", "subledger": "application/octet-stream"}
Progress = Callable[[int], None]


class _Stopped(Exception):
    """Somebody stopped the writing."""


def write_export(
    database: Database, settings: Settings, export_id: int, should_stop: Callable[[], bool] = lambda: False
) -> None:
    """Write one file; called again it does nothing, or begins anew what a killed worker left half written.

    A refusal (too many rows for a sheet) is kept in the row; so is what fails three times. When the worker is asked to
    end, the writing stops and the next worker begins it again.
    """
    with database.begin() as unit:
        file = store.take(unit, export_id)
    if file is None:
        return
    if file.tries > MOST_TRIES:
        _fail(database, file, "gave_up", "The file could not be written. The operator's log says why.")
        return

    def tell(rows: int, total: int | None = None) -> None:
        if should_stop():
            raise _Stopped
        with database.begin() as unit:
            if not store.progress(unit, file.id, rows, total):
                raise _Stopped

    try:
        with tempfile.TemporaryDirectory(prefix="courtier-file-") as folder:
            with database.begin(_eyes(database, file)) as unit:
                tell(0, _rows(unit, file))
                result = _write(unit, settings, file, Path(folder), tell)
            _keep(database, file, _one(file, result, Path(folder)), result.rows)
    except _Stopped:
        return
    except CourtierError as refusal:
        _fail(database, file, refusal.code, refusal.sentence)


def _write(unit: UnitOfWork, settings: Settings, file: ExportFile, folder: Path, tell: Progress) -> ExportResult:
    first, last, form = file.first_day, file.last_day, file.format
    if file.kind == "sends":
        return export_sends(unit, first, last, folder, form, tell, owner_id=_owner(file, unit))
    if file.kind == "revenue":
        return export_revenue(unit, first, last, folder, form)
    if file.kind == "statement":
        return _statement(unit, file, folder)
    if file.kind == "balances":
        return export_balances(unit, first, last, folder, "csv")
    if file.kind == "facturx":
        return export_facturx(unit, first, last, folder, tell)
    if file.kind == "journal":
        return export_journal(unit, first, last, folder, tell)
    if file.kind == "subledger":
        return export_subledger(unit, settings, first, last, folder, tell)
    encoding = "iso-8859-15" if file.kind == "fec-latin9" else "utf-8"
    return export_fec(unit, settings.company.siren, first, last, folder, encoding, tell)  # type: ignore[arg-type]


def _statement(unit: UnitOfWork, file: ExportFile, folder: Path) -> ExportResult:
    path = folder / named("statement", file.first_day, file.last_day, file.format)
    rows = owner_statement(unit, file.org_id, file.first_day, file.last_day)
    columns = {item.name: int if item.type == "int" else str for item in fields(StatementRow)}
    write_table(path, columns, ([_text(cell) for cell in astuple(row)] for row in rows))
    return ExportResult((path,), len(rows), 0, 0)


def _rows(unit: UnitOfWork, file: ExportFile) -> int | None:
    """How many rows there will be, where that is quickly said."""
    if file.kind == "sends":
        return statement_store.count_sends(unit, file.first_day, file.last_day, _owner(file, unit))
    if file.kind == "facturx":
        return statement_store.count_documents(unit, file.first_day, file.last_day)
    if file.kind in ("fec", "fec-latin9", "journal", "subledger"):
        return statement_store.count_postings(unit, file.first_day, file.last_day)
    return None


def _eyes(database: Database, file: ExportFile) -> Actor:
    """In whose eyes it is written: the company's, or those of an owner; whoever else put a row there gets nothing."""
    with database.begin() as unit:
        kind = store.role_of(unit, file.org_id)
    return SYSTEM if kind == "broker" else Actor("owner", file.org_id, file.asked_by)


def _owner(file: ExportFile, unit: UnitOfWork) -> int | None:
    return file.org_id if unit.actor.role == "owner" else None


def _one(file: ExportFile, result: ExportResult, folder: Path) -> Path:
    """The one file to take away: several are packed."""
    if file.format != "zip" or result.files[0].suffix == ".zip":
        return result.files[0]
    path = folder / named(file.kind, file.first_day, file.last_day, "zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in result.files:
            archive.write(one, one.name)
    return path


def _keep(database: Database, file: ExportFile, path: Path, rows: int) -> None:
    """The bytes, in parts of one size, and the file's name and sum: in one transaction, or not at all."""
    digest, size = hashlib.sha256(), 0
    with database.begin() as unit:
        for number, content in enumerate(_parts(path)):
            store.add_part(unit, file.id, number, content)
            digest.update(content)
            size += len(content)
        name, media = path.name, LETTERS.get(file.kind) or MEDIA[path.suffix.removeprefix(".")]
        if not store.ready(unit, file.id, rows=rows, name=name, media=media, size=size, sha256=digest.hexdigest()):
            raise _Stopped


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while content := file.read(BLOCK):
            yield content


def _fail(database: Database, file: ExportFile, reason: str, detail: str) -> None:
    with database.begin() as unit:
        store.failed(unit, file.id, reason, detail)


def _text(cell: object) -> object:
    return "" if cell is None else cell.isoformat() if isinstance(cell, date) else cell
