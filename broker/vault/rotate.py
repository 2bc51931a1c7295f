"""A new key for the workers: the data keys are wrapped anew, the rows that they seal are not touched.

The former private key stays on the ring: uploads, returned mail and control addresses sealed before are still opened
with it. What is copied from the old front.json opens nothing and what is sealed with it can still be read, so that the
processes may be restarted one by one.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.vault import store
from broker.vault.data_keys import wrap_data_key
from broker.vault.key_files import change_key_table, encode_secret
from broker.vault.keyring import FRONT_FILE, FRONT_VARIABLE, WORKER_FILE, WORKER_VARIABLE, WorkerKeys, load_worker
from broker.vault.open import unwrap_data_key
from broker.vault.suites import key_id


def renew_opening_key(key_dir: Path) -> WorkerKeys:
    """Put a new opening key on the workers' ring and its public half on the front's; returns the new ring.

    The workers' file is written first: at every moment the front seals for a key that the workers' file holds.
    """
    if os.environ.get(FRONT_VARIABLE) or os.environ.get(WORKER_VARIABLE):
        raise Conflict(
            "The keys come from the environment here: rotate them where the key files are.",
            code="keys_from_environment",
        )
    ring = load_worker(key_dir)
    fresh = X25519PrivateKey.generate()
    former = [encode_secret(key.private_bytes_raw()) for key in (ring.opening_key, *ring.former_keys)]
    change_key_table(key_dir / WORKER_FILE, opening_key=encode_secret(fresh.private_bytes_raw()), former_keys=former)
    change_key_table(key_dir / FRONT_FILE, sealing_key=encode_secret(fresh.public_key().public_bytes_raw()))
    return load_worker(key_dir)


def rewrap_data_keys(unit: UnitOfWork, worker: WorkerKeys) -> int:
    """Wrap every data key for the ring's present key; returns how many were wrapped for an earlier one.

    Done twice it does nothing more, so a rotation that broke off is taken up again.
    """
    unit.actor.require("broker")
    present = key_id(worker.front.sealing_key).hex()
    waiting = store.data_keys_not_wrapped_for(unit, present)
    for row in waiting:
        key = unwrap_data_key(worker, row)
        store.replace_wrapping(unit, wrap_data_key(worker.front, row.org_id, row.base_id, row.version, key))
    return len(waiting)
