"""Who of an audience may not be written to, and why: counted one by one, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from broker.audience import store
from broker.audience.compile import day_of
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, Mask, Tally
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import TradeSettings


def exclusion_masks(
    unit: UnitOfWork, trade: TradeSettings, snapshot: LoadedSnapshot, advertiser_id: int | None
) -> dict[str, Mask]:
    """For each exclusion, which rows of the snapshot it takes away.

    Without an advertiser, `partner` takes those whose consent names no partner at all, and suppressions towards
    single advertisers do not count: what is left can be rented to somebody.
    """
    base_id, today = snapshot.row.base_id, unit.today
    versions = store.partner_versions(unit, base_id, advertiser_id)
    return {
        "consent": ~snapshot.consent,
        "minor": _minors(snapshot, trade, today),
        "partner": ~np.isin(snapshot.partner_list, np.array(sorted(versions), dtype=np.int32)),
        "suppression": snapshot.rows_of_keys(store.suppressed_keys(unit, base_id, advertiser_id)),
        "retention": _expired(unit, snapshot, trade, today),
        "pressure": snapshot.rows_of_keys(store.pressed_keys(unit, trade.pressure_per_week, trade.pressure_per_month)),
    }


def exclude(members: Mask, masks: Mapping[str, Mask], names: Iterable[str] = EXCLUSIONS) -> tuple[Mask, Tally]:
    """Who is left, and the tally; a row taken by several exclusions counts for the first."""
    left, counts = members.copy(), {}
    for name in names:
        taken = left & masks[name]
        counts[name] = int(np.count_nonzero(taken))
        left &= ~taken
    return left, Tally(int(np.count_nonzero(members)), int(np.count_nonzero(left)), counts)


def _minors(snapshot: LoadedSnapshot, trade: TradeSettings, today: date) -> Mask:
    """Under the adult age today by the date of birth, else what the import was told."""
    born = snapshot.birth_date
    adult_since = np.datetime64(day_of({"today": -trade.adult_age, "unit": "years"}, today))
    return np.where(np.isnat(born), snapshot.minor, born > adult_since)


def _expired(unit: UnitOfWork, snapshot: LoadedSnapshot, trade: TradeSettings, today: date) -> Mask:
    """Last purchase, consent and human click all longer ago than contacts may be kept (DOMAIN, retention)."""
    limit = day_of({"today": -trade.retention_months, "unit": "months"}, today)
    latest = np.fmax(snapshot.last_purchase, snapshot.consent_day)  # fmax: a missing day gives way to the other
    expired: Mask = ~(latest >= np.datetime64(limit))
    if expired.any():
        expired &= ~np.isin(snapshot.contact_ids, store.clicked_since(unit, snapshot.row.base_id, limit))
    return expired
