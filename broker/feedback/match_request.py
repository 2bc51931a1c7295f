"""Matches a typed request to nobody in particular: it suppresses the fingerprint of the address, known or not."""

from __future__ import annotations

from broker.audit.record import record
from broker.feedback import store
from broker.feedback.object_by_address import REQUEST_SEAL
from broker.kernel.database import Database
from broker.kernel.errors import Conflict
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message


def match_request(database: Database, worker: WorkerKeys, request_id: int) -> None:
    """Job: open the address, suppress it everywhere under every pepper version, destroy it. Twice is once.

    An objection also holds for an address that no base has yet: it may be imported tomorrow.
    """
    with database.begin() as unit:
        found = store.lock_typed_request(unit, request_id)
        if found is None:
            return
        kind, sealed = found
        if kind != "objection":
            raise Conflict(f"Typed requests of the kind {kind} are not handled here.", code="unknown_request")
        address = open_message(worker, sealed, REQUEST_SEAL).decode().strip()
        for version in worker.peppers:
            (key,) = contact_keys(worker, [address], version)
            suppress(unit, key, version, "everywhere", "objection", evidence=f"request {request_id}")
        store.finish_typed_request(unit, request_id)
        record(unit, "request.matched", "typed_request", request_id, kind=kind)
