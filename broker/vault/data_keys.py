"""Data keys: one per base (and version), under which its contacts are sealed."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import IntegrityFault, NotFound
from broker.vault import store
from broker.vault.keyring import FrontKeys, WorkerKeys
from broker.vault.model import WrappedDataKey, data_key_info
from broker.vault.open import unwrap_data_key
from broker.vault.seal import seal_message
from broker.vault.suites import CURRENT, key_id


def wrap_data_key(front: FrontKeys, org_id: int, base_id: int, version: int, key: bytes) -> WrappedDataKey:
    """Wrap a data key for the workers' present key."""
    wrapped = seal_message(front, key, data_key_info(org_id, base_id, version))
    return WrappedDataKey(org_id, base_id, version, CURRENT.name, key_id(front.sealing_key).hex(), wrapped)


def current_data_key(unit: UnitOfWork, worker: WorkerKeys, base_id: int) -> tuple[int, bytes]:
    """(version, 32 bytes) of the key that new rows of a base are sealed under; made at the first need."""
    row = store.latest_data_key(unit, base_id)
    if row is None:
        return add_data_key(unit, worker, base_id, version=1)
    return row.version, unwrap_data_key(worker, row)


def add_data_key(unit: UnitOfWork, worker: WorkerKeys, base_id: int, version: int) -> tuple[int, bytes]:
    """Make this version of a base's key, or take the one that another worker made at the same moment."""
    org_id = store.owner_of(unit, base_id)
    if org_id is None:
        raise NotFound("This base does not exist.", code="base_not_found")
    key = AESGCM.generate_key(256)
    if store.add_data_key(unit, wrap_data_key(worker.front, org_id, base_id, version, key)):
        return version, key
    return version, data_key(unit, worker, base_id, version)


def data_key(unit: UnitOfWork, worker: WorkerKeys, base_id: int, version: int) -> bytes:
    """The 32 bytes of one version of a base's key."""
    row = store.data_key_row(unit, base_id, version)
    if row is None:
        raise IntegrityFault(
            f"Version {version} of the data key of base {base_id} is missing: its rows cannot be opened."
            " Restore the table data_key from the backup.",
            code="data_key_missing",
        )
    return unwrap_data_key(worker, row)


def data_keys(unit: UnitOfWork, worker: WorkerKeys, base_id: int) -> dict[int, bytes]:
    """Version → 32 bytes of every key that rows of a base are sealed under."""
    return {row.version: unwrap_data_key(worker, row) for row in store.data_key_rows(unit, base_id)}
