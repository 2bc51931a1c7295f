"""The only place with the SQL of files that workers write because somebody asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.kernel.database import UnitOfWork

FileState = Literal["waiting", "writing", "ready", "failed", "cancelled", "expired"]

_SELECT = """
SELECT id, code, org_id, asked_by, kind, format, first_day, last_day, state, rows_total, rows_done, tries, name, media,
  size, sha256, reason, detail, asked_at, started_at, ended_at, keep_until FROM export_file
"""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file asked for. `rows_total` is None until they are counted; `reason` is a refusal's code, `detail` says it."""

    id: int
    code: str
    org_id: int
    asked_by: int | None
    kind: str
    format: str
    first_day: date
    last_day: date
    state: FileState
    rows_total: int | None
    rows_done: int
    tries: int
    name: str
    media: str
    size: int
    sha256: str
    reason: str
    detail: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    keep_until: datetime | None

    @property
    def running(self) -> bool:
        """Whether a worker has still to do with it."""
        return self.state in ("waiting", "writing")


def insert(unit: UnitOfWork, *, code: str, org_id: int, kind: str, form: str, first: date, last: date) -> int:
    """Ask for a file; its id."""
    return int(
        unit.scalar(
            "INSERT INTO export_file (code, org_id, kind, format, first_day, last_day)"
            " VALUES (:code, :org, :kind, :format, :first, :last) RETURNING id",
            code=code,
            org=org_id,
            kind=kind,
            format=form,
            first=first,
            last=last,
        )
    )


def file_of(unit: UnitOfWork, code: str) -> ExportFile | None:
    """A file of the actor's organisation."""
    row = unit.one(_SELECT + "WHERE code = :code AND org_id = :org", code=code, org=unit.actor.org)
    return None if row is None else ExportFile(**row._mapping)


def files(unit: UnitOfWork, size: int, offset: int) -> list[ExportFile]:
    """The organisation's files, the newest first."""
    rows = unit.all(
        _SELECT + "WHERE org_id = :org ORDER BY id DESC LIMIT :size OFFSET :offset",
        org=unit.actor.org,
        size=size,
        offset=offset,
    )
    return [ExportFile(**row._mapping) for row in rows]


def count(unit: UnitOfWork, *, running: bool = False) -> int:
    """How many there are of them, or how many are still being written."""
    only = " AND state IN ('waiting', 'writing')" if running else ""
    return int(unit.scalar(f"SELECT count(*) FROM export_file WHERE org_id = :org{only}", org=unit.actor.org))  # noqa: S608


def drop(unit: UnitOfWork, code: str) -> bool:
    """Stop the writing of a file, or throw it away; False when nothing of it is left."""
    return bool(unit.scalar("SELECT drop_export(:code)", code=code))


def part(unit: UnitOfWork, export_id: int, number: int) -> bytes | None:
    """One part of a file's bytes, from 0."""
    found = unit.scalar(
        "SELECT content FROM export_part WHERE export_id = :id AND number = :number", id=export_id, number=number
    )
    return None if found is None else bytes(found)


def take(unit: UnitOfWork, export_id: int) -> ExportFile | None:
    """A file to write, from its beginning, marked as being written; None when there is nothing left to do."""
    row = unit.one(
        "UPDATE export_file SET state = 'writing', tries = tries + 1, rows_done = 0,"
        " started_at = coalesce(started_at, app_now()) WHERE id = :id AND state IN ('waiting', 'writing')"
        " RETURNING code",
        id=export_id,
    )
    if row is None:
        return None
    unit.run("DELETE FROM export_part WHERE export_id = :id", id=export_id)
    found = unit.one(_SELECT + "WHERE id = :id", id=export_id)
    return None if found is None else ExportFile(**found._mapping)


def progress(unit: UnitOfWork, export_id: int, done: int, total: int | None = None) -> bool:
    """Keep how far it is; False when it was stopped meanwhile."""
    changed = unit.run(
        "UPDATE export_file SET rows_done = :done, rows_total = coalesce(:total, rows_total)"
        " WHERE id = :id AND state = 'writing'",
        id=export_id,
        done=done,
        total=total,
    )
    return changed.rowcount == 1


def add_part(unit: UnitOfWork, export_id: int, number: int, content: bytes) -> None:
    """Keep one part."""
    unit.run(
        "INSERT INTO export_part (export_id, number, content) VALUES (:id, :number, :content)",
        id=export_id,
        number=number,
        content=content,
    )


def ready(unit: UnitOfWork, export_id: int, *, rows: int, name: str, media: str, size: int, sha256: str) -> bool:
    """The file is whole; False when it was stopped meanwhile."""
    changed = unit.run(
        "UPDATE export_file SET state = 'ready', rows_done = :rows, rows_total = :rows, name = :name, media = :media,"
        " size = :size, sha256 = :sha256, ended_at = app_now(), keep_until = app_now() + make_interval(days => 7)"
        " WHERE id = :id AND state = 'writing'",
        id=export_id,
        rows=rows,
        name=name,
        media=media,
        size=size,
        sha256=sha256,
    )
    return changed.rowcount == 1


def failed(unit: UnitOfWork, export_id: int, reason: str, detail: str) -> None:
    """It cannot be written, and why."""
    unit.run(
        "UPDATE export_file SET state = 'failed', reason = :reason, detail = :detail, ended_at = app_now()"
        " WHERE id = :id AND state IN ('waiting', 'writing')",
        id=export_id,
        reason=reason,
        detail=detail[:500],
    )


def forget(unit: UnitOfWork) -> int:
    """Destroy the bytes of files whose time is over, and forget files of a year ago; how many were destroyed."""
    unit.run("DELETE FROM export_file WHERE asked_at < app_now() - interval '1 year'")
    over = unit.run(
        "UPDATE export_file SET state = 'expired' WHERE state = 'ready' AND keep_until < app_now()"
    ).rowcount
    unit.run(
        "DELETE FROM export_part p USING export_file f WHERE f.id = p.export_id AND f.state NOT IN ('ready', 'writing')"
    )
    return over


def role_of(unit: UnitOfWork, org_id: int) -> str:
    """The kind of an organisation: in whose eyes its file is written."""
    return str(unit.scalar("SELECT kind FROM organisation WHERE id = :id", id=org_id))
