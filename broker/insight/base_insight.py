"""What is known of a base's customers: for its owner alone."""

from __future__ import annotations

from broker.insight import store
from broker.insight.build_insight import STEPS
from broker.insight.model import BaseInsight, InsightProgress
from broker.insight.own_base import own_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict

SNAPSHOTS_COMPARED = 12


def insight_of(unit: UnitOfWork, base_code: str, snapshots: int = SNAPSHOTS_COMPARED) -> BaseInsight:
    """The findings on the newest snapshot and on those before it.

    Raises `not_found` for a base that is not the actor's, `no_insight` while nothing was worked out yet.
    """
    own_base(unit, base_code)
    found = store.insights_of(unit, base_code, snapshots)
    if not found:
        raise Conflict(
            "Nothing is known of this base's customers yet: it is worked out some seconds after an import.",
            code="no_insight",
        )
    return BaseInsight(base_code, found[0], found[1:])


def insight_progress(unit: UnitOfWork, base_code: str) -> InsightProgress | None:
    """How far the findings on the current snapshot are; None when they are there, or there is no snapshot.

    A changed setting counts as work to do from its saving on, before a worker has taken it up.
    """
    base = own_base(unit, base_code)
    if base.current_snapshot_id is None:
        return None
    if store.has_insight(unit, base.current_snapshot_id):
        if not store.rules_changed(unit, base.id, base.current_snapshot_id):
            return None
        return InsightProgress(0, len(STEPS) + 1, "renewing")
    run = store.run_of(unit, base.current_snapshot_id)
    if run is None:
        return InsightProgress(1, len(STEPS) + 1, "waiting")
    return InsightProgress(run.step + 1, len(STEPS) + 1, run.step_name)
