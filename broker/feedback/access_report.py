"""All that is held about a person (art. 15 and 20 GDPR), for that person alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy.engine import Row

from broker.feedback import rights_store as store
from broker.kernel.database import UnitOfWork
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row

# Columns of a snapshot that say nothing of the person: our own keys and what rows are numbered by.
_OURS = frozenset({"contact_id", "contact_key", "noise", "consent_source_id"})


def access_report(
    unit: UnitOfWork, worker: WorkerKeys, snapshots: Path, keys: Sequence[bytes], base_code: str = ""
) -> bytes:
    """The report as JSON, for a person's contact keys (under every pepper); of one base, if it is named."""
    report = {
        "made_at": unit.now,
        "bases": held_about(unit, worker, snapshots, keys, base_code),
        "mails": [dict(row._mapping) for row in store.mails_of(unit, keys) if base_code in ("", row.base_code)],
        "objections": [dict(row._mapping) for row in store.suppressions_of(unit, keys)],
    }
    return plain_json(report)


def held_about(
    unit: UnitOfWork, worker: WorkerKeys, snapshots: Path, keys: Sequence[bytes], base_code: str = ""
) -> list[dict[str, Any]]:
    """What each base holds about the person of these contact keys."""
    rows = [row for row in store.contacts_of(unit, keys) if base_code in ("", row.base_code)]
    return [_base(unit, worker, snapshots, row) for row in rows]


def plain_json(value: object) -> bytes:
    """As a person and a machine can read it; dates by ISO 8601."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain).encode()


def _base(unit: UnitOfWork, worker: WorkerKeys, snapshots: Path, row: Row[Any]) -> dict[str, Any]:
    opened = open_row(
        data_key(unit, worker, row.base_id, row.key_version), row.base_id, row.key_version, row.id, bytes(row.sealed)
    )
    return {
        "owner": row.owner_name,
        "base": row.base_name,
        "base_code": row.base_code,
        "relation": row.relation,
        "identity": json.loads(opened),
        "consent": {
            "given_at": row.consent_at,
            "withdrawn_at": row.consent_withdrawn_at,
            "source": row.source_url,
            "wording": row.wording,
            "form_version": row.form_version,
            "partner_list_version": row.partner_list_version,
        },
        "traits": _traits(snapshots, row.file_name, row.id),
        "supplied_by_you": [dict(one._mapping) for one in store.supplied_by(unit, row.id)],
        "purchases": [dict(one._mapping) for one in store.purchases_of(unit, row.base_id, row.id)],
        "updated_at": row.updated_at,
    }


def _traits(snapshots: Path, file_name: str | None, contact_id: int) -> dict[str, Any]:
    if file_name is None or not (snapshots / file_name).exists():
        return {}
    found = pq.read_table(snapshots / file_name, filters=[("contact_id", "=", contact_id)]).to_pylist()
    return {name: value for line in found for name, value in line.items() if name not in _OURS and value is not None}


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
