"""What each partner policy would allow of a rule, so that whoever signs for a policy knows what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from broker.audience import partners_store as store
from broker.audience.desk import CountDesk, base_asked_about
from broker.audience.exclusions import exclusion_reasons
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS
from broker.audience.notice import to_be_told
from broker.audience.partners import POLICIES
from broker.audience.references import checked_rule
from broker.audience.rule import Rule, clean_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import TradeSettings

MOST_PARTNERS = 200


@dataclass(frozen=True, slots=True)
class PolicyCounts:
    """Rentable contacts of a rule by policy: to at least one advertiser of the list in force, and to each of them."""

    anybody: dict[str, int]
    partners: list[dict[str, Any]]  # {name, counts: {policy: n}}


def policy_counts(unit: UnitOfWork, trade: TradeSettings, snapshot: LoadedSnapshot, rule: Rule) -> PolicyCounts:
    """Counted exactly, for the owner alone.

    A list in force that names no advertiser of this platform can be rented to nobody here; then the counts are of
    whoever consented to anybody.
    """
    checked = checked_rule(unit, snapshot.row.base_id, rule, snapshot.table(unit.today).columns)
    advertisers = store.current_advertisers(unit, snapshot.row.base_id)[:MOST_PARTNERS]
    ids: Sequence[int | None] = [row.advertiser_id for row in advertisers] or [None]
    anybody: dict[str, int] = {}
    counts: list[dict[str, int]] = [{} for _ in ids]
    for policy in POLICIES:
        reached = np.zeros(len(snapshot.noise), dtype=np.bool_)
        for number, advertiser_id in enumerate(ids):
            reasons = exclusion_reasons(unit, trade, snapshot, advertiser_id, policy)
            left = snapshot.left(checked, unit.today, reasons, len(EXCLUSIONS)).left
            counts[number][policy] = int(np.count_nonzero(left))
            reached |= left
        anybody[policy] = int(np.count_nonzero(reached))
    named = [{"name": row.name, "counts": count} for row, count in zip(advertisers, counts, strict=False)]
    return PolicyCounts(anybody, named)


def count_policies(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Question of the owner's pages: `{anybody: {policy: n}, partners: [{name, counts}], to_tell: n}`.

    `to_tell` is how many a notice of the list in force would go to. The caller has checked that the base is its own.
    """
    with desk.database.begin() as unit:
        snapshot = desk.snapshot(unit, base_asked_about(arguments))
        found = policy_counts(unit, desk.settings.trade, snapshot, clean_rule(arguments.get("rule")))
        version = store.current_version(unit, snapshot.row.base_id)
        to_tell = int(np.count_nonzero(to_be_told(unit, desk.settings, snapshot, version))) if version else 0
    return {"anybody": found.anybody, "partners": found.partners, "to_tell": to_tell}
