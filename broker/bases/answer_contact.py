"""Job: what a base holds of the contact of a customer reference, masked; or its erasure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy.engine import Row

from broker.bases import question_store as store
from broker.bases.ask_contact import KEPT_MINUTES, QUESTION_SEAL
from broker.bases.erase import erase_reference
from broker.bases.masks import mask
from broker.bases.propose_mapping import RESERVED
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.settings import Settings
from broker.vault.blind_index import reference_keys
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message, open_row

_SAID = frozenset({"relation"})  # beside the traits already
_PLACES = frozenset({"postcode", "commune"})  # where few live, a place names a person: shown by its beginning


def answer_question(database: Database, worker: WorkerKeys, settings: Settings, question_id: int) -> None:
    """Answer one question; twice is once. Questions that are over are forgotten by the way."""
    with database.begin() as unit:
        store.forget_questions(unit, KEPT_MINUTES)
        asked = store.waiting_question(unit, question_id)
        if asked is None:
            return
        reference = open_message(worker, bytes(asked.sealed), f"{QUESTION_SEAL} {asked.code}").decode()
    if asked.kind == "erase":
        _erase(database, worker, asked, reference, question_id)
        return
    with database.begin() as unit:
        store.answer(unit, question_id, _described(unit, worker, settings, asked, reference))


def _erase(database: Database, worker: WorkerKeys, asked: Row[Any], reference: str, question_id: int) -> None:
    given: dict[str, Any] | None
    with database.begin(Actor("owner", asked.org_id, asked.asked_by)) as unit:
        try:
            erased = erase_reference(unit, worker, asked.base_code, reference, via=asked.code)
            given = {"erasure": erased.code, "contacts": erased.contacts, "bases": list(erased.bases)}
        except NotFound:
            given = None
        store.answer(unit, question_id, given)


def _described(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, asked: Row[Any], reference: str
) -> dict[str, Any] | None:
    keys = [reference_keys(worker, asked.base_id, [reference], version)[0] for version in worker.peppers]
    row = store.contact(unit, asked.base_id, keys)
    if row is None:
        return None
    key = data_key(unit, worker, asked.base_id, row.key_version)
    identity = json.loads(open_row(key, asked.base_id, row.key_version, row.id, bytes(row.sealed)))
    bought = store.purchases_of(unit, asked.base_id, row.id)
    return {
        "identity": {name: mask(str(value)) for name, value in identity.items()},
        "relation": row.relation,
        "consent": _consent(unit, asked.base_id, row),
        "history": [_event(unit, asked.base_id, event) for event in store.consent_history(unit, row.id)],
        "stops": [_plain(stop._asdict()) for stop in store.stops_of(unit, asked.base_id, bytes(row.contact_key))],
        "purchases": _plain(bought._asdict()) if bought is not None else None,
        "traits": _traits(settings.state_dir / "snapshots", row.file_name, row.id),
        "import": row.import_code,
        "updated_at": row.updated_at.isoformat(),
    }


def _consent(unit: UnitOfWork, base_id: int, row: Row[Any]) -> dict[str, Any] | None:
    """The proof in force, with the partners that the person agreed to; None where there is none."""
    if row.consent_at is None and row.consent_withdrawn_at is None:
        return None
    version = row.partner_list_version
    return {
        "given_at": row.consent_at.isoformat() if row.consent_at else None,
        "withdrawn_at": row.consent_withdrawn_at.isoformat() if row.consent_withdrawn_at else None,
        "source": row.source_url,
        "wording": row.wording,
        "form_version": row.form_version,
        "partner_list_version": version,
        "partners": store.partners_of_version(unit, base_id, version) if version else [],
        "quarantined": row.quarantined_at is not None,
    }


def _event(unit: UnitOfWork, base_id: int, event: Row[Any]) -> dict[str, Any]:
    version = event.partner_list_version
    told = _plain({name: value for name, value in event._asdict().items() if name != "source_url"})
    partners = store.partners_of_version(unit, base_id, version) if version else []
    return {**told, "source": event.source_url, "partners": partners}


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else int(value) if name.endswith("cents") else value
        for name, value in mapping.items()
    }


def _traits(snapshots: Path, file_name: str | None, contact_id: int) -> dict[str, Any]:
    """What rules can see of the contact; a day of birth by its year, a place by its beginning."""
    if file_name is None or not (snapshots / file_name).exists():
        return {}
    lines = pq.read_table(snapshots / file_name, filters=[("contact_id", "=", contact_id)]).to_pylist()
    traits: dict[str, Any] = {}
    for name, value in (lines[0] if lines else {}).items():
        if (
            value is None
            or name in _SAID
            or (name in RESERVED and name not in _PLACES and name not in ("department", "region"))
        ):
            continue
        if name == "birth_date":
            traits["birth_year"] = value.year
        elif name in _PLACES:
            traits[name] = mask(str(value)) if name == "commune" else f"{str(value)[:2]}•••"
        else:
            traits[name] = value if isinstance(value, bool | int | float | list) else str(value)
    return traits
