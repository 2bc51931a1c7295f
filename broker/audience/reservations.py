"""Pressure on a day to come: what was sent, what is frozen for a day, and what orders keep that are not frozen yet.

A count for a send date takes away two kinds of contacts:

- `pressure`: who would have had as many mails as one may get in the 7 or the 30 days that end with the date, or that
  begin with it. Frozen recipients count on their mailing's day, from whatever base.
- `reserved`: who gets another mail on that very day.

Before its mailing is frozen nobody knows whom an order will write to, only how many. Each such order (an option for a
few days; approved or paid: a reservation), further use and picked affiliate send is therefore drawn here, as its freeze
will draw: by who held first, each among those that its own rule takes, that its advertiser may reach, and that no
earlier one has on that day. So two orders of one day never count on the same person, and what is shown as free is what
is left. A freeze leaves out whom others held before it, and takes its own by the same marks (`draw_by_code`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import reservations_store as store
from broker.audience import store as audience_store
from broker.audience.columns import with_derived
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.own_lists_store import listed_keys
from broker.audience.partners import reach_of
from broker.audience.pressure_caps import Caps, caps_of
from broker.audience.references import checked_rule
from broker.audience.reservations_store import Kept
from broker.audience.rule import both
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import TradeSettings

FARTHEST_DAYS = 730
WEEK, MONTH = 7, 30


@dataclass(frozen=True)
class DayPressure:
    """Which rows of a snapshot a day's pressure takes: `pressed` are at the cap, `reserved` have a mail that day."""

    pressed: Mask
    reserved: Mask


def check_send_date(unit: UnitOfWork, send_on: date) -> None:
    """Refuse a day that has passed or lies years ahead; raises `send_date_passed`, `send_date_far`."""
    if send_on < unit.today:
        raise InvalidInput("The send date has passed.", code="send_date_passed", field="send_on")
    if send_on > unit.today + timedelta(days=FARTHEST_DAYS):
        raise InvalidInput("The send date lies more than two years ahead.", code="send_date_far", field="send_on")


def state_of(unit: UnitOfWork, base_id: int, send_on: date) -> tuple[object, ...]:
    """What the pressure on a day follows from, besides the snapshot: equal as long as it stays the same."""
    kept = [*store.kept_volumes(unit, base_id, send_on, MONTH), *store.own_to_come(unit, base_id, send_on, MONTH)]
    return (*store.sending_state(unit), *((one.rank, one.on_date, one.volume) for one in kept))


def pressure_on(
    unit: UnitOfWork,
    trade: TradeSettings,
    snapshot: LoadedSnapshot,
    send_on: date,
    advertiser_id: int | None = None,
    freezing: int | None = None,
) -> DayPressure:
    """The pressure on a day (today or later) for the contacts of a snapshot, towards an advertiser.

    `freezing` is the dispatch whose recipients are drawn now: its own mails do not press, nor does what others hold
    later than it (who held first comes first), except the owner's own mailings. 0: nobody's holds press.
    """
    return pressure_over(unit, trade, snapshot, [send_on], advertiser_id, freezing)[0]


def pressure_over(
    unit: UnitOfWork,
    trade: TradeSettings,
    snapshot: LoadedSnapshot,
    days: Sequence[date],
    advertiser_id: int | None = None,
    freezing: int | None = None,
    but_code: str = "",
) -> list[DayPressure]:
    """The pressure on each of some days, in order; what was sent around them is read once.

    `but_code`: what this order, picked send or own mailing keeps is left out.
    """
    base_id = snapshot.row.base_id
    caps = caps_of(unit, trade, base_id)
    first, last = min(days), max(days)
    span = MONTH + (last - first).days
    kept = _held_before(unit, base_id, first, span, freezing)
    if caps.own_counts:
        kept = [*store.own_to_come(unit, base_id, first, span), *kept]
    kept = [one for one in kept if one.code != but_code]
    mails = [
        _Mails(one.day, snapshot.places_of_keys(one.keys), snapshot.places_of_keys(one.keys[one.theirs]))
        for one in store.mail_days(
            unit,
            first,
            MONTH,
            until=last,
            advertiser_id=advertiser_id or 0,
            own=caps.own_counts,
            but_dispatch=freezing or 0,
        )
    ]
    nobody = np.zeros(0, dtype=np.intp)
    sharing = _Sharing(unit, snapshot, caps, frozenset(days), mails)
    for one in kept:
        drawn = sharing.draw(one)
        mails.append(_Mails(one.on_date, drawn, drawn if one.advertiser_id == advertiser_id else nobody))
    return [_pressure(caps, len(snapshot.noise), day, mails) for day in days]


def _held_before(unit: UnitOfWork, base_id: int, day: date, days: int, freezing: int | None) -> list[Kept]:
    """What is held around a day; with a dispatch that is being frozen, what was held before it."""
    if freezing == 0:
        return []
    kept = store.kept_volumes(unit, base_id, day, days)
    if freezing is None:
        return kept
    rank = store.rank_of(unit, freezing)  # an order without a day holds nobody: it comes after all that do
    return [one for one in kept if rank is None or one.rank < rank]


@dataclass(frozen=True)
class _Mails:
    """One day's mails as rows of the snapshot (a row may stand twice: two mails); `theirs`: of the advertiser."""

    day: date
    rows: NDArray[np.intp]
    theirs: NDArray[np.intp]


def _pressure(caps: Caps, rows: int, send_on: date, mails: Sequence[_Mails]) -> DayPressure:
    reserved = np.zeros(rows, dtype=np.bool_)
    pressed = np.zeros(rows, dtype=np.bool_)
    limits = ((WEEK, caps.per_week, False), (MONTH, caps.per_month, False))
    theirs = ((WEEK, caps.advertiser_week, True), (MONTH, caps.advertiser_month, True))
    for one in mails:
        if one.day == send_on:
            reserved[one.rows] = True
    for length, most, of_one in (*limits, *theirs):
        if most is None:
            continue
        # A mail of the day itself belongs to both windows: before (ends with the day) and after (begins with it).
        for low, high in ((1 - length, 0), (0, length - 1)):
            counts = np.zeros(rows, dtype=np.uint16)
            for one in mails:
                if low <= (one.day - send_on).days <= high:
                    np.add.at(counts, one.theirs if of_one else one.rows, 1)
            pressed |= counts >= most
    return DayPressure(pressed, reserved)


class _Sharing:
    """Shares the contacts out among what is held: nobody is drawn who has a mail on that day, be it drawn before, nor,
    on the days that are asked about, who is at the cap, nor whom the order's advertiser may not reach."""

    def __init__(
        self, unit: UnitOfWork, snapshot: LoadedSnapshot, caps: Caps, days: frozenset[date], known: Sequence[_Mails]
    ) -> None:
        self.unit, self.snapshot, self.caps, self.days = unit, snapshot, caps, days
        self.known = list(known)
        self.able: Mask = snapshot.consent & ~snapshot.minor
        self.gone: dict[date, Mask] = {}
        self.reached: dict[tuple[int, int | None, str | None, int | None], Mask] = {}
        self.table = with_derived(snapshot.table(unit.today).columns)

    def draw(self, kept: Kept) -> NDArray[np.intp]:
        """The rows that stand for an order's volume, taken off its day."""
        try:
            rule = checked_rule(self.unit, self.snapshot.row.base_id, both(kept.rule, kept.select_rule), self.table)
        except InvalidInput:  # a field of its rule is gone: it takes nobody any more
            return np.zeros(0, dtype=np.intp)
        gone = self._gone(kept.on_date)
        left = self.snapshot.mask(rule, self.unit.today) & self.able & ~gone
        if kept.on_date in self.days and not kept.own:
            left &= self._reachable(kept)
        drawn = np.flatnonzero(left)
        if len(drawn) > kept.volume:
            marks = spread(self.snapshot.noise[drawn], kept.code)
            drawn = drawn[np.argpartition(marks, kept.volume - 1)[: kept.volume]]
        gone[drawn] = True
        return drawn

    def _gone(self, day: date) -> Mask:
        if day not in self.gone:
            rows = len(self.snapshot.noise)
            found = _pressure(self.caps, rows, day, self.known) if day in self.days else None
            gone = np.zeros(rows, dtype=np.bool_) if found is None else found.reserved | found.pressed
            for one in self.known:
                if one.day == day:
                    gone[one.rows] = True
            self.gone[day] = gone
        return self.gone[day]

    def _reachable(self, kept: Kept) -> Mask:
        """Its partners' consents, minus opt-outs and the advertiser's own files; of a re-mail, whom it is for."""
        key = (kept.advertiser_id, kept.remail_of, kept.remail_who, kept.earlier_of)
        if key not in self.reached:
            unit, snapshot, base_id = self.unit, self.snapshot, self.snapshot.row.base_id
            reached = reach_of(unit, base_id, kept.advertiser_id).mask(snapshot)
            out = [
                *audience_store.suppressed_keys(unit, base_id, kept.advertiser_id),
                *listed_keys(unit, base_id, kept.advertiser_id),
            ]
            if kept.earlier_of is not None:
                out += store.earlier_keys(unit, kept.earlier_of)
            reached &= ~snapshot.rows_of_keys(out)
            if kept.remail_of is not None and kept.remail_who is not None:
                reached &= snapshot.rows_of_keys(store.reached_keys(unit, kept.remail_of, kept.remail_who))
            self.reached[key] = reached
        return self.reached[key]


def draw_by_code(snapshot: LoadedSnapshot, rows: NDArray[np.intp], code: str) -> NDArray[np.intp]:
    """These rows in the random order of an order's code: a draw takes whom the reservation counted on, and each use
    of a licence the same people again."""
    return rows[np.argsort(spread(snapshot.noise[rows], code), kind="stable")]


def spread(noise: NDArray[np.integer[Any]], code: str) -> NDArray[np.uint64]:
    """An evenly spread number for each contact that follows from its secret key and an order's code (a SplitMix64
    finaliser over their sum: Steele, Lea & Flood, OOPSLA 2014)."""
    seed = int.from_bytes(hashlib.blake2b(code.encode(), digest_size=8).digest(), "little")
    mixed = noise.astype(np.uint64) + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    found: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return found
