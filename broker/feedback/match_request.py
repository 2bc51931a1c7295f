"""Matches a typed request: an objection or an erasure, whose address may be known or not."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases.erase import erase_address
from broker.feedback import store
from broker.feedback.object_by_address import REQUEST_SEAL
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message


def match_request(database: Database, worker: WorkerKeys, request_id: int) -> None:
    """Job: open the address, do what was asked under every pepper version, destroy it. Twice is once.

    Both also hold for an address that no base has yet: it may be imported tomorrow.
    """
    with database.begin() as unit:
        found = store.lock_typed_request(unit, request_id)
        if found is None:
            return
        kind, base_code, sealed = found
        if kind not in ("objection", "erasure"):
            raise Conflict(f"Typed requests of the kind {kind} are not handled here.", code="unknown_request")
        address = open_message(worker, sealed, REQUEST_SEAL).decode().strip()
        if kind == "erasure":
            _erase(unit, worker, address, base_code, f"request {request_id}")
        else:
            for version in worker.peppers:
                (key,) = contact_keys(worker, [address], version)
                suppress(unit, key, version, "everywhere", "objection", evidence=f"request {request_id}")
        store.finish_typed_request(unit, request_id)
        record(unit, "request.matched", "typed_request", request_id, kind=kind)


def _erase(unit: UnitOfWork, worker: WorkerKeys, address: str, base_code: str, via: str) -> None:
    """From the base that the page was about; from all where it named none, or one that there is not."""
    try:
        erase_address(unit, worker, address, base_code, via)
    except NotFound:
        erase_address(unit, worker, address, "", via)
