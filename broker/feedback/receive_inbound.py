"""A message that came back: sealed before it is written anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence

from broker.feedback import store
from broker.kernel.database import UnitOfWork
from broker.vault.keyring import FrontKeys, WorkerKeys
from broker.vault.open import open_message
from broker.vault.seal import seal_message

INBOUND_SEAL = "inbound"


def receive_inbound(unit: UnitOfWork, front: FrontKeys, recipients: Sequence[str], raw: bytes) -> int:
    """Seal envelope recipients and message together, keep them, ask for their reading; the row's id."""
    envelope = json.dumps(list(recipients)).encode()
    return store.store_inbound(unit, seal_message(front, envelope + b"\n" + raw, INBOUND_SEAL))


def open_inbound(worker: WorkerKeys, sealed: bytes) -> tuple[list[str], bytes]:
    """(envelope recipients, message) of a sealed inbound row."""
    envelope, _, raw = open_message(worker, sealed, INBOUND_SEAL).partition(b"\n")
    return json.loads(envelope), raw
