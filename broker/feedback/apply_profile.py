"""What a person supplied of itself, taken over: the sealed row at once, traits in the snapshots that follow."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.engine import Row

from broker.audit.record import record
from broker.bases import profile_store as store
from broker.bases.profile_model import sealed_of, traits_of
from broker.bases.sealed_text import merged_text
from broker.feedback import rights_store
from broker.feedback.match_request import keys_of, opened_request
from broker.feedback.profile import FORM_VERSION, PROFILE_SEAL
from broker.kernel.database import Database, UnitOfWork
from broker.vault.data_keys import current_data_key, data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message, open_row
from broker.vault.seal import seal_rows

RENEW_AFTER = 600  # seconds: those who complete their profiles after one mail share a rewriting of the snapshot


def apply_profile(database: Database, worker: WorkerKeys, update_id: int) -> None:
    """Job: merge what was typed into the contact's row, and note each field as supplied by the person. Twice is once.

    Fields that the owner closed meanwhile are left out; a person erased meanwhile gets nothing back.
    """
    with database.begin() as unit:
        update = store.lock_update(unit, update_id)
        if update is None or update.sealed is None or update.address is None:
            return
        typed = json.loads(open_message(worker, bytes(update.sealed), PROFILE_SEAL).decode())
        values = {name: value for name, value in typed["values"].items() if name in update.fields}
        address = opened_request(worker, bytes(update.address))
        contact = store.lock_contact(unit, update.base_id, keys_of(worker, address))
        if contact is not None:
            sealed = sealed_of(values)
            if sealed:
                _reseal(unit, worker, update.base_id, contact, sealed)
            supplied: dict[str, str | None] = dict.fromkeys(sealed) | traits_of(values, unit.today)
            if typed["consent"] is not None:
                url, wording, version = typed["consent"]
                source = store.give_consent(unit, contact, update.base_id, url, wording, FORM_VERSION, version)
                supplied["consent"] = str(source)
            store.keep_supplied(unit, contact.id, update.base_id, supplied)
            unit.enqueue("renew_base", update.base_id, after_seconds=RENEW_AFTER)
            record(unit, "profile.supplied", "base", update.code, fields=sorted(supplied))
        store.finish_update(unit, update_id)
        rights_store.confirm(unit, update.request_id)
        rights_store.answer_logged(unit, update.request_id, "granted" if contact is not None else "not_found")


def _reseal(unit: UnitOfWork, worker: WorkerKeys, base_id: int, contact: Row[Any], sealed: dict[str, str]) -> None:
    former = open_row(
        data_key(unit, worker, base_id, contact.key_version),
        base_id,
        contact.key_version,
        contact.id,
        bytes(contact.sealed),
    )
    text = merged_text(former, json.dumps(sealed, ensure_ascii=False).encode())
    version, secret = current_data_key(unit, worker, base_id)
    (fresh,) = seal_rows(secret, base_id, version, [contact.id], [text])
    store.reseal(unit, contact.id, version, fresh)
