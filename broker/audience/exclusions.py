"""Who of an audience may not be written to, and why: counted one by one, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience import store
from broker.audience.code_fields import EPOCH
from broker.audience.compile import day_of
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import EXCLUSIONS, Mask, Tally
from broker.audience.own_lists_store import listed_keys, lists_in_use
from broker.audience.partners import reach_of
from broker.audience.pressure_caps import caps_of
from broker.audience.reservations import DayPressure, check_send_date, pressure_on, state_of
from broker.audience.reservations_store import sending_state
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import TradeSettings


def exclusion_masks(
    unit: UnitOfWork,
    trade: TradeSettings,
    snapshot: LoadedSnapshot,
    advertiser_id: int | None,
    policy: str = "",
    send_on: date | None = None,
    freezing: int | None = None,
) -> dict[str, Mask]:
    """For each exclusion, which rows of the snapshot it takes away.

    Without an advertiser, `partner` takes those whose consent names no partner at all, and suppressions towards
    single advertisers do not count: what is left can be rented to somebody. `policy` asks what another partner policy
    than the base's own would allow. With a send date, `pressure` is that day's and `reserved` takes who has another
    mail on it (reservations.py); without one it is today's, and nobody is reserved. `freezing`: as there.
    """
    base_id, today = snapshot.row.base_id, unit.today
    if send_on is None:
        pressed = snapshot.rows_of_keys(store.pressed_keys(unit, caps_of(unit, trade, base_id), advertiser_id))
        day = DayPressure(pressed, np.zeros(len(pressed), dtype=np.bool_))
    else:
        check_send_date(unit, send_on)
        day = pressure_on(unit, trade, snapshot, send_on, advertiser_id, freezing)
    return {
        "consent": ~snapshot.consent,
        "quarantine": np.isin(snapshot.contact_ids, store.quarantined_contacts(unit, base_id)),
        "minor": _minors(snapshot, trade, today),
        "partner": ~reach_of(unit, base_id, advertiser_id, policy).mask(snapshot),
        "suppression": snapshot.rows_of_keys(
            [*store.suppressed_keys(unit, base_id, advertiser_id), *listed_keys(unit, base_id, advertiser_id)]
        ),
        "retention": _expired(unit, snapshot, trade, today),
        "pressure": day.pressed,
        "reserved": day.reserved,
    }


def exclusion_reasons(
    unit: UnitOfWork,
    trade: TradeSettings,
    snapshot: LoadedSnapshot,
    advertiser_id: int | None,
    policy: str = "",
    send_on: date | None = None,
) -> NDArray[np.uint8]:
    """For each row the first of EXCLUSIONS that takes it away, numbered from 1, or 0: all masks as one, kept.

    Suppressions are never lifted, so their number tells whether there are new ones.
    """
    base_id = snapshot.row.base_id
    key = (
        advertiser_id,
        unit.today,
        trade,
        reach_of(unit, base_id, advertiser_id, policy).key,
        store.quarantined_sources(unit, base_id),
        store.count_suppressed(unit, base_id, advertiser_id),
        lists_in_use(unit, advertiser_id),
        caps_of(unit, trade, base_id),
        sending_state(unit) if send_on is None else (send_on, *state_of(unit, base_id, send_on)),
        store.last_click(unit, base_id),
    )

    def make() -> NDArray[np.uint8]:
        masks = exclusion_masks(unit, trade, snapshot, advertiser_id, policy, send_on)
        return reasons_of(masks, len(snapshot.noise))

    return snapshot.reasons(key, make)


def reasons_of(masks: Mapping[str, Mask], rows: int) -> NDArray[np.uint8]:
    """The first of EXCLUSIONS that takes each row, numbered from 1; 0 where none does."""
    reasons = np.zeros(rows, dtype=np.uint8)
    for number, name in reversed(list(enumerate(EXCLUSIONS, start=1))):
        reasons[masks[name]] = number
    return reasons


def tally_of(taken: NDArray[np.int64]) -> Tally:
    """How many each reason took of a rule's members, index 0 being those who are left."""
    counts = {name: int(taken[number]) for number, name in enumerate(EXCLUSIONS, start=1)}
    return Tally(int(taken.sum()), int(taken[0]), counts)


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
    adult_since = _number_of(day_of({"today": -trade.adult_age, "unit": "years"}, today))
    young = snapshot.where("birth_date", lambda days: days > adult_since)
    return young | (snapshot.minor & snapshot.missing("birth_date"))


def _number_of(day: date) -> int:
    """A day as columns of days count it."""
    return day.toordinal() - EPOCH


def _expired(unit: UnitOfWork, snapshot: LoadedSnapshot, trade: TradeSettings, today: date) -> Mask:
    """Last purchase, consent and human click all longer ago than contacts may be kept (DOMAIN, retention)."""
    months = max(trade.retention_months, trade.prospect_retention_months)  # the shorter one is kept by erasing
    limit = day_of({"today": -months, "unit": "months"}, today)
    since = _number_of(limit)
    recent = [snapshot.where(name, lambda days: days >= since) for name in ("last_purchase", "consent_at")]
    expired: Mask = ~(recent[0] | recent[1])
    if expired.any():
        expired &= ~np.isin(snapshot.contact_ids, store.clicked_since(unit, snapshot.row.base_id, limit))
    return expired
