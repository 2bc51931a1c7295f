"""The only queries of the vault."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.vault.model import WrappedDataKey

SELECT = """
SELECT b.org_id, k.base_id, k.version, k.suite, k.wrapping_key, k.wrapped
FROM data_key k JOIN base b ON b.id = k.base_id
"""


def _wrapped(row: Row[Any]) -> WrappedDataKey:
    return WrappedDataKey(row.org_id, row.base_id, row.version, row.suite, row.wrapping_key, bytes(row.wrapped))


def owner_of(unit: UnitOfWork, base_id: int) -> int | None:
    """The organisation that owns a base."""
    org_id: int | None = unit.scalar("SELECT org_id FROM base WHERE id = :base_id", base_id=base_id)
    return org_id


def latest_data_key(unit: UnitOfWork, base_id: int) -> WrappedDataKey | None:
    """The key under which new rows of a base are sealed."""
    row = unit.one(SELECT + " WHERE k.base_id = :base_id ORDER BY k.version DESC LIMIT 1", base_id=base_id)
    return None if row is None else _wrapped(row)


def data_key_row(unit: UnitOfWork, base_id: int, version: int) -> WrappedDataKey | None:
    """One version of a base's key."""
    row = unit.one(SELECT + " WHERE k.base_id = :base_id AND k.version = :version", base_id=base_id, version=version)
    return None if row is None else _wrapped(row)


def data_key_rows(unit: UnitOfWork, base_id: int) -> list[WrappedDataKey]:
    """All versions of a base's key."""
    return [_wrapped(row) for row in unit.all(SELECT + " WHERE k.base_id = :base_id ORDER BY 3", base_id=base_id)]


def add_data_key(unit: UnitOfWork, key: WrappedDataKey) -> bool:
    """Store a new key; False when somebody stored this version first."""
    done = unit.run(
        "INSERT INTO data_key (base_id, version, suite, wrapping_key, wrapped)"
        " VALUES (:base_id, :version, :suite, :wrapping_key, :wrapped) ON CONFLICT DO NOTHING",
        base_id=key.base_id,
        version=key.version,
        suite=key.suite,
        wrapping_key=key.wrapping_key,
        wrapped=key.wrapped,
    )
    return done.rowcount == 1


def data_keys_not_wrapped_for(unit: UnitOfWork, wrapping_key: str) -> list[WrappedDataKey]:
    """Keys still wrapped for an earlier key of the workers, locked for a change."""
    rows = unit.all(SELECT + " WHERE k.wrapping_key <> :key ORDER BY 2, 3 FOR UPDATE OF k", key=wrapping_key)
    return [_wrapped(row) for row in rows]


def replace_wrapping(unit: UnitOfWork, key: WrappedDataKey) -> None:
    """Store the new wrapping of a key that stays the same inside."""
    unit.run(
        "UPDATE data_key SET suite = :suite, wrapping_key = :wrapping_key, wrapped = :wrapped"
        " WHERE base_id = :base_id AND version = :version",
        base_id=key.base_id,
        version=key.version,
        suite=key.suite,
        wrapping_key=key.wrapping_key,
        wrapped=key.wrapped,
    )
