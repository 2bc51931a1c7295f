"""Whom a notice of new partners goes to: the selection that its freeze makes from a base's snapshot."""

from __future__ import annotations

import numpy as np

from broker.audience import partners_store, store
from broker.audience.exclusions import exclusion_masks
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask, Recipients
from broker.audience.select import draw
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings

# A notice is no offer: neither the partners named at consent nor the pressure of offers keep it away.
KEPT_AWAY = ("consent", "quarantine", "minor", "suppression", "retention")


def to_be_told(unit: UnitOfWork, settings: Settings, snapshot: LoadedSnapshot, version: int) -> Mask:
    """Who consented to an earlier version that lacks a name of this one and was not told yet.

    Only whoever could be rented once told: consent complete, of age, neither suppressed nor past retention.
    """
    base_id = snapshot.row.base_id
    lacking = np.array(sorted(partners_store.versions_missing_names(unit, base_id, version)), dtype=np.int32)
    told: Mask = np.isin(snapshot.partner_list, lacking)
    told &= ~np.isin(snapshot.contact_ids, partners_store.told_of(unit, base_id, version))
    masks = exclusion_masks(unit, settings.trade, snapshot, None)
    for name in KEPT_AWAY:
        told &= ~masks[name]
    return told


def select_to_notify(unit: UnitOfWork, settings: Settings, *, base_id: int, version: int, draw_seed: int) -> Recipients:
    """The recipients of a notice, in the order of the draw."""
    row = store.current_snapshot(unit, base_id)
    if row is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    audience = settings.audience
    snapshot = LoadedSnapshot(
        row, settings.state_dir / "snapshots" / row.file_name, audience.memory_mb, audience.threads
    )
    try:
        rows = draw(snapshot, np.flatnonzero(to_be_told(unit, settings, snapshot, version)), draw_seed)
    finally:
        snapshot.close()
    keys = np.ascontiguousarray(snapshot.contact_keys[rows]).view("V16")
    return Recipients(snapshot.contact_ids[rows], keys, {}, len(rows))
