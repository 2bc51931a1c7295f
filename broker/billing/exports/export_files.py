"""Ask for a file, watch it being written, take it away part by part, stop it or throw it away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from broker.audit.record import record
from broker.billing.exports import export_file_store as store
from broker.billing.exports.export_file_store import ExportFile
from broker.billing.exports.export_subledger import require_full
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound, OutOfRange
from broker.kernel.ids import new_code
from broker.kernel.paging import Page, offset
from broker.kernel.period import require_period
from broker.kernel.settings import BooksSettings

TABLES = ("xlsx", "csv", "parquet")
# Kind → the formats it is written in, the usual one first.
FORMATS: dict[str, tuple[str, ...]] = {
    "sends": TABLES,
    "revenue": TABLES,
    "statement": TABLES,
    "balances": ("zip",),
    "facturx": ("zip",),
    "fec": ("txt",),
    "fec-latin9": ("txt",),
    "journal": ("zip",),
    "subledger": ("txt",),
}
OF_OWNERS = ("sends", "statement", "revenue")
OF_STAFF = ("sends", "revenue", "balances", "facturx", "fec", "fec-latin9", "journal", "subledger")
MOST_AT_ONCE = 5
BLOCK = 1024 * 1024


def kinds_for(role: str) -> tuple[str, ...]:
    """What a role may ask for."""
    return OF_OWNERS if role == "owner" else OF_STAFF


def ask_file(unit: UnitOfWork, books: BooksSettings, kind: str, form: str, first: date, last: date) -> ExportFile:
    """Ask a worker for a file of some days, both included.

    Raises `InvalidInput` (`bad_kind`, `bad_format`, `bad_period`, `bad_year`), `Conflict` (`too_many_files`,
    `subledger`).
    """
    unit.actor.require("accountant", "broker", "owner")
    allowed = kinds_for(unit.actor.role)
    if kind not in allowed:
        raise InvalidInput(f"Files to ask for are {', '.join(allowed)}.", code="bad_kind", field="kind")
    form = form or FORMATS[kind][0]
    if form not in FORMATS[kind]:
        raise InvalidInput(f"{kind} is written as {', '.join(FORMATS[kind])}.", code="bad_format", field="format")
    require_period(first, last)
    if kind.startswith("fec"):
        require_full(books)
    if store.count(unit, running=True) >= MOST_AT_ONCE:
        raise Conflict(
            f"{MOST_AT_ONCE} files are being written: wait for one of them, or stop it.", code="too_many_files"
        )
    code = new_code("file")
    file_id = store.insert(unit, code=code, org_id=unit.actor.org, kind=kind, form=form, first=first, last=last)
    unit.enqueue("write_export", file_id)
    record(unit, "file.asked", "export_file", code, kind=kind, format=form, first=str(first), last=str(last))
    return find_file(unit, code)


def find_file(unit: UnitOfWork, code: str) -> ExportFile:
    """A file of one's organisation."""
    unit.actor.require("accountant", "broker", "owner")
    found = store.file_of(unit, code)
    if found is None or found.kind not in kinds_for(unit.actor.role):
        raise NotFound(f"There is no file {code!r}.", field="code")
    return found


def list_files(unit: UnitOfWork, page: int = 1, size: int = 20) -> Page[ExportFile]:
    """The organisation's files, the newest first."""
    unit.actor.require("accountant", "broker", "owner")
    return Page(store.files(unit, size, offset(page, size)), store.count(unit), page, size)


def drop_file(unit: UnitOfWork, code: str) -> ExportFile:
    """Stop its writing, or throw its bytes away; done again, it changes nothing."""
    found = find_file(unit, code)
    if store.drop(unit, code):
        record(unit, "file.dropped", "export_file", code, was=found.state)
    return find_file(unit, code)


def file_to_take(unit: UnitOfWork, code: str) -> ExportFile:
    """A file whose bytes are there. Raises `Conflict` (`file_not_ready`), `NotFound` (`no_file`)."""
    found = find_file(unit, code)
    if found.running:
        raise Conflict("The file is still being written.", code="file_not_ready")
    if found.state != "ready":
        raise NotFound("This file is no longer here: ask for it again.", code="no_file", field="code")
    record(unit, "file.taken", "export_file", code)
    return found


@dataclass(frozen=True)
class Part:
    """What a reader takes of a file: the bytes from `start` until before `end`, and the reply's status and headers."""

    start: int
    end: int
    status: int
    headers: dict[str, str]


def part_asked(file: ExportFile, asked: str | None, of: str | None) -> Part:
    """What `Range` asks of a file; all of it when the reader's first part was of another file (`If-Range`).

    Raises `OutOfRange` (`bad_range`). RFC 9110, 13.1.5 and 14.
    """
    tag = f'"{file.sha256}"'
    start, end = bytes_asked(asked if of in (None, tag) else None, file.size)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "ETag": tag,
    }
    if end - start == file.size:
        return Part(start, end, 200, headers)
    return Part(start, end, 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{file.size}"})


def bytes_asked(header: str | None, size: int) -> tuple[int, int]:
    """Start and end of what a `Range` header asks of a file: one range, or all of it for any other header.

    Raises `OutOfRange` (`bad_range`) for one that begins behind the file's end (RFC 9110, 14.2).
    """
    found = re.fullmatch(r"bytes=([0-9]{1,18})?-([0-9]{1,18})?", header or "")
    if found is None or found.group() == "bytes=-":
        return 0, size
    first, last = found.groups()
    if first is None:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if last is None else min(int(last) + 1, size)
    if start >= size:
        raise OutOfRange(
            f"The file has {size} bytes: a range begins before its end.",
            code="bad_range",
            field="Range",
            details={"size": size},
        )
    return (start, end) if start < end else (0, size)


def file_bytes(database: Database, actor: Actor, file: ExportFile, asked: Part) -> Iterator[bytes]:
    """The bytes asked for, block by block: each in a transaction of its own, so that a slow reader holds none, and one
    that comes back goes on where it stopped.
    """
    for number in range(asked.start // BLOCK, -(-asked.end // BLOCK)):
        with database.begin(actor) as unit:
            content = store.part(unit, file.id, number)
        if content is None:  # thrown away meanwhile: the reader sees that it came short
            return
        base = number * BLOCK
        yield content[max(asked.start - base, 0) : asked.end - base]
