"""The queries of bases, uploads and imports."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.engine import Row

from broker.bases.model import Base, ImportRun, PartnerName, Reject, Upload
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict

_BASE = "SELECT id, org_id, code, name, sector, contact_kind, partner_policy, current_snapshot_id, created_at FROM base"
_UPLOAD = (
    "SELECT u.id, u.code, u.base_id, b.code AS base_code, u.kind, u.file_name, u.size_bytes, u.whole_bytes, u.parts,"
    " u.state, u.created_at"
    " FROM upload u JOIN base b ON b.id = u.base_id"
)
_RUN = (
    "SELECT r.id, r.code, r.base_id, b.code AS base_code, r.upload_id, r.kind, r.state, r.mapping, r.policies,"
    " r.reading, r.outcome, u.file_name, a.name AS started_by, r.enriches,"
    " r.total_bytes, r.done_bytes, r.rows_read, r.accepted, r.rejected, r.duplicates, r.rentable, r.summary, r.problem,"
    " r.snapshot_id, r.started_at, r.ended_at, r.created_at FROM import_run r JOIN base b ON b.id = r.base_id"
    " JOIN upload u ON u.id = r.upload_id LEFT JOIN app_user a ON a.id = r.started_by"
)
# The platform's own staff and jobs see every organisation's rows; an owner its own.
_VISIBLE = "(CAST(:org AS bigint) IS NULL OR b.org_id = :org)"


def _org(unit: UnitOfWork) -> int | None:
    return None if unit.actor.role in ("system", "broker", "accountant") else unit.actor.org


def base_by_code(unit: UnitOfWork, code: str) -> Base | None:
    """A base that the actor may see."""
    row = unit.one(f"{_BASE} b WHERE code = :code AND {_VISIBLE}", code=code, org=_org(unit))
    return Base(**row._mapping) if row else None


def bases(unit: UnitOfWork) -> list[Base]:
    """All bases that the actor may see."""
    return [Base(**row._mapping) for row in unit.all(f"{_BASE} b WHERE {_VISIBLE} ORDER BY name, id", org=_org(unit))]


def add_base(unit: UnitOfWork, org_id: int, code: str, name: str, sector: str | None, contact_kind: str) -> Base:
    """A new base; a code that is taken by anybody is refused."""
    try:
        row = unit.one(
            "INSERT INTO base (org_id, code, name, sector, contact_kind)"
            " VALUES (:org, :code, :name, :sector, :kind)"
            " RETURNING id, org_id, code, name, sector, contact_kind, partner_policy, current_snapshot_id, created_at",
            org=org_id,
            code=code,
            name=name,
            sector=sector,
            kind=contact_kind,
        )
    except Conflict as conflict:
        if conflict.details.get("constraint") == "base_code_key":
            raise Conflict(f"The code '{code}' is taken. Choose another.", code="code_taken", field="code") from None
        raise
    assert row is not None
    return Base(**row._mapping)


def add_partner_list(unit: UnitOfWork, base_id: int) -> int:
    """The next version of a base's partner list."""
    version: int = unit.scalar(
        "INSERT INTO partner_list (base_id, version)"
        " SELECT :base, coalesce(max(version), 0) + 1 FROM partner_list WHERE base_id = :base RETURNING version",
        base=base_id,
    )
    return version


def add_partners(unit: UnitOfWork, base_id: int, version: int, partners: list[tuple[PartnerName, int | None]]) -> None:
    """The names of a version, each with its organisation where it has one here."""
    unit.run_many(
        "INSERT INTO partner (base_id, version, advertiser_id, name, sector)"
        " VALUES (:base, :version, :advertiser, :name, :sector)",
        [
            {"base": base_id, "version": version, "advertiser": org, "name": partner.name, "sector": partner.sector}
            for partner, org in partners
        ],
    )


def advertisers_by_code(unit: UnitOfWork, codes: list[str]) -> dict[str, int]:
    """Organisation codes → ids, of advertisers only."""
    if not codes:
        return {}
    rows = unit.all("SELECT code, id FROM advertisers_named(:codes)", codes=codes)
    return {row.code: row.id for row in rows}


def latest_partners(unit: UnitOfWork, base_id: int) -> tuple[int, list[PartnerName]]:
    """The newest version and its names; version 0 before the first."""
    version = unit.scalar("SELECT max(version) FROM partner_list WHERE base_id = :base", base=base_id) or 0
    rows = unit.all(
        "SELECT p.name, p.sector FROM partner p WHERE p.base_id = :base AND p.version = :version ORDER BY p.name",
        base=base_id,
        version=version,
    )
    return version, [PartnerName(row.name, None, row.sector) for row in rows]


def add_upload(
    unit: UnitOfWork, code: str, base_id: int, kind: str, file_name: str, whole_bytes: int | None = None
) -> None:
    """An upload that is being received; `whole_bytes` announces one that comes in pieces."""
    unit.run(
        "INSERT INTO upload (code, base_id, kind, file_name, whole_bytes) VALUES (:code, :base, :kind, :name, :whole)",
        whole=whole_bytes,
        code=code,
        base=base_id,
        kind=kind,
        name=file_name,
    )


def complete_upload(unit: UnitOfWork, code: str, sealed_path: str, size: int) -> None:
    """The upload is whole. The front writes the path and cannot read it back."""
    unit.run(
        "UPDATE upload SET state = 'received', sealed_path = :path, size_bytes = :size WHERE code = :code",
        code=code,
        path=sealed_path,
        size=size,
    )


def lock_upload(unit: UnitOfWork, code: str) -> None:
    """Pieces of one upload wait for each other."""
    unit.run("SELECT pg_advisory_xact_lock(hashtextextended('upload ' || :code, 0))", code=code)


def add_part(unit: UnitOfWork, code: str, offset: int, size: int, *, whole: bool) -> None:
    """A sealed piece that begins at `offset`; the upload now has `size` bytes."""
    unit.run(
        "UPDATE upload SET parts = parts || CAST(:offset AS bigint), size_bytes = :size,"
        " state = CASE WHEN :whole THEN 'received' ELSE state END WHERE code = :code AND state = 'receiving'",
        offset=offset,
        size=size,
        whole=whole,
        code=code,
    )


def upload_by_code(unit: UnitOfWork, code: str) -> Upload | None:
    """An upload that the actor may see."""
    row = unit.one(f"{_UPLOAD} WHERE u.code = :code AND {_VISIBLE}", code=code, org=_org(unit))
    return Upload(**row._mapping) if row else None


def upload_by_id(unit: UnitOfWork, upload_id: int) -> Upload:
    """The upload of an import, for its job."""
    row = unit.one(f"{_UPLOAD} WHERE u.id = :id", id=upload_id)
    assert row is not None
    return Upload(**row._mapping)


def uploads_to_destroy(unit: UnitOfWork, hours: int) -> list[Upload]:
    """Uploads that were read, or whose last import ended so many hours ago (a day more if there was none)."""
    rows = unit.all(
        f"{_UPLOAD} WHERE u.state <> 'destroyed'"  # noqa: S608 - our own text
        " AND NOT EXISTS (SELECT 1 FROM import_run r WHERE r.upload_id = u.id AND r.state IN ('waiting', 'reading'))"
        " AND (EXISTS (SELECT 1 FROM import_run r WHERE r.upload_id = u.id AND r.state IN ('building', 'done'))"
        " OR coalesce((SELECT max(coalesce(r.ended_at, r.created_at)) FROM import_run r WHERE r.upload_id = u.id),"
        "   u.created_at + interval '1 day') <= app_now() - make_interval(hours => :hours))",
        hours=hours,
    )
    return [Upload(**row._mapping) for row in rows]


def mark_destroyed(unit: UnitOfWork, upload_id: int) -> None:
    """The sealed file is gone."""
    unit.run("UPDATE upload SET state = 'destroyed', sealed_path = NULL WHERE id = :id", id=upload_id)


def add_run(
    unit: UnitOfWork,
    code: str,
    upload: Upload,
    mapping: dict[str, str],
    policies: dict[str, str],
    reading: dict[str, Any],
    enriches: bool,
) -> int:
    """A new import, waiting."""
    run_id: int = unit.scalar(
        "INSERT INTO import_run (code, base_id, upload_id, kind, mapping, policies, reading, total_bytes, started_by,"
        " enriches)"
        " VALUES (:code, :base, :upload, :kind, CAST(:mapping AS jsonb), CAST(:policies AS jsonb),"
        " CAST(:reading AS jsonb), :size, :actor, :enriches) RETURNING id",
        enriches=enriches,
        reading=json.dumps(reading),
        actor=unit.actor.user_id,
        policies=json.dumps(policies),
        code=code,
        base=upload.base_id,
        upload=upload.id,
        kind=upload.kind,
        mapping=json.dumps(mapping),
        size=upload.size_bytes,
    )
    return run_id


def run_by_code(unit: UnitOfWork, code: str) -> ImportRun | None:
    """An import that the actor may see."""
    return _run(unit.one(f"{_RUN} WHERE r.code = :code AND {_VISIBLE}", code=code, org=_org(unit)))


def run_by_id(unit: UnitOfWork, import_id: int) -> ImportRun | None:
    """An import, for its job."""
    return _run(unit.one(f"{_RUN} WHERE r.id = :id", id=import_id))


def runs_of_base(unit: UnitOfWork, base_id: int) -> list[ImportRun]:
    """The imports of a base, newest first."""
    rows = unit.all(f"{_RUN} WHERE r.base_id = :base ORDER BY r.id DESC LIMIT 200", base=base_id)
    return [run for row in rows if (run := _run(row))]


def _run(row: Row[Any] | None) -> ImportRun | None:
    return ImportRun(**row._mapping) if row else None


def cancel_run(unit: UnitOfWork, run_id: int) -> bool:
    """Stop an import that has not come to its build; False where it has."""
    return bool(
        unit.scalar(
            "UPDATE import_run SET state = 'cancelled', ended_at = app_now() WHERE id = :id"
            " AND state IN ('waiting', 'reading') RETURNING id",
            id=run_id,
        )
    )


def rejects(unit: UnitOfWork, run_id: int, offset: int, size: int) -> tuple[list[Reject], int]:
    """Some rejected rows in the order of lines, and the number of all."""
    rows = unit.all(
        "SELECT line, reasons, masked FROM import_reject WHERE import_id = :id ORDER BY line OFFSET :skip LIMIT :size",
        id=run_id,
        skip=offset,
        size=size,
    )
    total: int = unit.scalar("SELECT count(*) FROM import_reject WHERE import_id = :id", id=run_id)
    return [Reject(row.line, list(row.reasons), row.masked) for row in rows], total
