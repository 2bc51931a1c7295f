"""The queries of backup and restore, as the administrator."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

# Counted into the manifest and again after a restore.
COUNTED = (
    "organisation", "app_user", "base", "contact", "suppression", "purchase", "rental_order", "mailing", "send", "hit",
    "accrual", "ledger_entry", "invoice",
)  # fmt: skip


def export_snapshot(unit: UnitOfWork) -> str:
    """Let other connections see the database exactly as this transaction does."""
    unit.run("SET LOCAL idle_in_transaction_session_timeout = 0")  # a large dump takes its time
    name: str = unit.scalar("SELECT pg_export_snapshot()")
    return name


def facts(unit: UnitOfWork) -> Row[Any]:
    """(instance, made_at): the id in the journal's files and the real time in seconds."""
    row = unit.one("SELECT id::text AS instance, extract(epoch FROM now())::float8 AS made_at FROM instance")
    assert row is not None
    return row


def count_rows(unit: UnitOfWork) -> dict[str, int]:
    """Rows of the main tables."""
    return {name: unit.scalar(f"SELECT count(*) FROM {name}") for name in COUNTED}  # noqa: S608 - our own names


def current_snapshots(unit: UnitOfWork) -> list[Row[Any]]:
    """(file_name, sha256) of the snapshot that each base counts on."""
    return unit.all("SELECT s.file_name, s.sha256 FROM base b JOIN snapshot s ON s.id = b.current_snapshot_id")


def needed_uploads(unit: UnitOfWork) -> list[str]:
    """Codes of uploads that wait for their import."""
    rows = unit.all(
        "SELECT u.code FROM upload u WHERE u.state = 'received' AND EXISTS (SELECT 1 FROM import_run r"
        " WHERE r.upload_id = u.id AND r.state IN ('waiting', 'reading'))"
    )
    return [row.code for row in rows]


def needed_stagings(unit: UnitOfWork) -> list[int]:
    """Imports whose snapshot is still to be built from staged rows."""
    rows = unit.all("SELECT id FROM import_run WHERE state = 'building' AND kind = 'contacts'")
    return [row.id for row in rows]


def holds_anything(unit: UnitOfWork) -> bool:
    """Whether somebody has worked with this database; False where there is no schema at all."""
    for table in ("organisation", "app_user", "base", "audit_entry", "suppression"):
        if unit.scalar("SELECT to_regclass(:name)", name=f"public.{table}") is None:
            continue
        if unit.scalar(f"SELECT EXISTS (SELECT 1 FROM {table})"):  # noqa: S608 - our own names
            return True
    return False


def foreign_relations(unit: UnitOfWork) -> int:
    """Tables in a database that has none of ours: somebody else's."""
    count: int = unit.scalar(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p', 'v', 'm')"
        " AND to_regclass('public.alembic_version') IS NULL"
    )
    return count
