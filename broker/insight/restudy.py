"""Job `restudy_base`: the owner set something anew, so the base's snapshot is worked out anew."""

from __future__ import annotations

from broker.audience.renew_snapshot import renew_snapshot
from broker.insight import store
from broker.insight.customer_study import study_of
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys


def restudy_base(database: Database, keys: WorkerKeys, settings: Settings, base_id: int) -> None:
    """Renew the snapshot where what it was worked out with is no longer in force. Twice is once."""
    with database.begin() as unit:
        snapshot_id = store.current_snapshot(unit, base_id)
        if snapshot_id is None or not store.rules_changed(unit, base_id, snapshot_id):
            return
    renew_snapshot(database, keys, settings, base_id, study_of)
