"""What an owner set for its base, in force now: defaults where it set nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.insight import store
from broker.insight.scorecard import Criterion, scorecard_from_json
from broker.insight.settings_model import (
    PotentialSettings,
    RfmSettings,
    TierSettings,
    potential_from_json,
    rfm_from_json,
    tiers_from_json,
)
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True)
class RulesOfBase:
    """The newest version of each kind; `versions` names those that were set. `shops`: shop → post code."""

    rfm: RfmSettings = field(default_factory=RfmSettings)
    tiers: TierSettings = field(default_factory=TierSettings)
    potential: PotentialSettings = field(default_factory=PotentialSettings)
    scorecard: tuple[Criterion, ...] = ()
    shops: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


def rules_of_base(unit: UnitOfWork, base_id: int) -> RulesOfBase:
    """Read them; what was kept was checked when it was set."""
    rows = store.newest_rules(unit, base_id)
    bodies = {row.kind: row.body for row in rows}
    return RulesOfBase(
        rfm_from_json(bodies.get("rfm", {})),
        tiers_from_json(bodies.get("tiers", {})),
        potential_from_json(bodies.get("potential", {})),
        scorecard_from_json(bodies.get("scorecard", {}).get("criteria", [])),
        bodies.get("shops", {}),
        {row.kind: row.version for row in rows if row.kind != "shops"},
    )
