"""What is known of a base's customers: for its owner alone."""

from __future__ import annotations

from broker.insight import store
from broker.insight.model import BaseInsight
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound

SNAPSHOTS_COMPARED = 12


def insight_of(unit: UnitOfWork, base_code: str, snapshots: int = SNAPSHOTS_COMPARED) -> BaseInsight:
    """The findings on the newest snapshot and on those before it.

    Raises `not_found` for a base that is not the actor's, `no_insight` while nothing was worked out yet.
    """
    unit.actor.require("owner")
    if not store.owns_base(unit, base_code):
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    found = store.insights_of(unit, base_code, snapshots)
    if not found:
        raise Conflict(
            "Nothing is known of this base's customers yet: it is worked out some seconds after an import.",
            code="no_insight",
        )
    return BaseInsight(base_code, found[0], found[1:])
