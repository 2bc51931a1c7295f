"""What an owner sets for its base's insight: classes, tiers, scorecard, horizon, where its shops are.

Each saving is a new version; the base's snapshot is then worked out anew by a job.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from broker.audience.columns import columns_from_json, with_derived
from broker.audience.parse import parse_rule
from broker.audience.rule import Rule
from broker.audit.record import record
from broker.insight import store
from broker.insight.model import RuleVersion
from broker.insight.own_base import own_base
from broker.insight.rules_of_base import RulesOfBase, rules_of_base
from broker.insight.scorecard import scorecard_from_json
from broker.insight.settings_model import potential_from_json, rfm_from_json, tiers_from_json
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput

KINDS = ("rfm", "tiers", "scorecard", "potential", "shops")
VERSIONS_SHOWN = 20
_POSTCODE = re.compile("[0-9]{5}")


def base_rules(unit: UnitOfWork, base_code: str) -> RulesOfBase:
    """What is in force for a base of the actor's."""
    return rules_of_base(unit, own_base(unit, base_code).id)


def rule_history(unit: UnitOfWork, base_code: str, kind: str) -> list[RuleVersion]:
    """The versions of one kind, the newest first."""
    base = own_base(unit, base_code)
    return [RuleVersion(**row._mapping) for row in store.rule_versions(unit, base.id, kind, VERSIONS_SHOWN)]


def set_rfm(unit: UnitOfWork, base_code: str, raw: Mapping[str, Any]) -> int:
    """Bins, thresholds and classes; raises as `rfm_from_json`. The new version's number."""
    found = rfm_from_json(raw)
    body = {
        "bins": found.bins,
        "thresholds": {name: list(cuts) for name, cuts in found.thresholds.items()},
        "classes": [asdict(row) for row in found.classes],
    }
    return _keep(unit, base_code, "rfm", body)


def set_tiers(unit: UnitOfWork, base_code: str, raw: Mapping[str, Any]) -> int:
    """Borders of the value tiers; raises as `tiers_from_json`."""
    return _keep(unit, base_code, "tiers", asdict(tiers_from_json(raw)))


def set_horizon(unit: UnitOfWork, base_code: str, days: int) -> int:
    """For how many days ahead potential is expected; raises `bad_number`."""
    return _keep(unit, base_code, "potential", asdict(potential_from_json({"horizon_days": days})))


def set_scorecard(
    unit: UnitOfWork, base_code: str, criteria: Sequence[Mapping[str, Any]], refuse_rule: Callable[[Rule], None]
) -> int:
    """The criteria; an empty card ends scoring.

    Raises as `scorecard_from_json`, `no_snapshot`, and what `refuse_rule` raises on a rule that no base may ask.
    """
    base = own_base(unit, base_code)
    if base.columns is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    card = scorecard_from_json(list(criteria), with_derived(columns_from_json(base.columns)))
    for one in card:
        refuse_rule(parse_rule(one.rule))
    return _keep(unit, base_code, "scorecard", {"criteria": [asdict(one) for one in card]})


def set_shop_places(unit: UnitOfWork, base_code: str, places: Mapping[str, str]) -> int:
    """Shop → post code; an empty one takes it back. Raises `unknown_postcode`."""
    base = own_base(unit, base_code)
    kept = {**rules_of_base(unit, base.id).shops, **{shop: code.strip() for shop, code in places.items()}}
    for shop, code in kept.items():
        if code and not _POSTCODE.fullmatch(code):
            raise InvalidInput(
                f"{shop}: a post code has five digits, not {code[:20]!r}.", code="unknown_postcode", field="postcode"
            )
    return _keep(unit, base_code, "shops", {shop: code for shop, code in sorted(kept.items()) if code})


def _keep(unit: UnitOfWork, base_code: str, kind: str, body: dict[str, Any]) -> int:
    base = own_base(unit, base_code)
    version = store.insert_rule(unit, base.id, kind, body)
    if kind != "shops":
        unit.enqueue("restudy_base", base.id)
    record(unit, "insight.set", "base", base.code, kind=kind, version=version)
    return version
