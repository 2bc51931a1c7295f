"""Signs that leads and sales are not what they seem. Pure; each sign comes with the figures that it rests on.

A sign declines nothing: the advertiser looks at it and decides. Devices are compared by network address and agent of
their clicks, but the evidence holds neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Sign = Literal["burst", "same_device", "too_fast", "scanner_click"]
BURST, BURST_WINDOW = 5, timedelta(seconds=60)  # so many of one owner within a minute
SHARED = 3  # different recipients behind one device
FASTEST = {"lead": timedelta(seconds=5), "sale": timedelta(seconds=15)}  # after the click: nobody fills a form so fast


@dataclass(frozen=True, slots=True)
class Traced:
    """A lead or sale with its recipient's place and the clicks that it may come from: (device, at, verdict)."""

    id: int
    owner_id: int
    mailing_id: int
    position: int
    kind: Literal["lead", "sale"]
    happened_at: datetime
    clicked_at: datetime | None
    clicks: tuple[tuple[str, datetime, str | None], ...]


def signs_of(traced: Sequence[Traced]) -> dict[int, dict[Sign, dict[str, Any]]]:
    """Signs with their evidence, by conversion; conversions without one are left out."""
    found: defaultdict[int, dict[Sign, dict[str, Any]]] = defaultdict(dict)
    _bursts(traced, found)
    _devices(traced, found)
    for one in traced:
        if one.clicked_at is not None and one.happened_at - one.clicked_at < FASTEST[one.kind]:
            found[one.id]["too_fast"] = {"seconds": round((one.happened_at - one.clicked_at).total_seconds(), 1)}
        verdicts = [verdict for _, _, verdict in one.clicks]
        if verdicts and all(verdict == "scanner" for verdict in verdicts):
            found[one.id]["scanner_click"] = {"clicks": len(verdicts)}
    return dict(found)


def _bursts(traced: Sequence[Traced], found: defaultdict[int, dict[Sign, dict[str, Any]]]) -> None:
    by_owner: defaultdict[int, list[Traced]] = defaultdict(list)
    for one in sorted(traced, key=lambda one: one.happened_at):
        by_owner[one.owner_id].append(one)
    for series in by_owner.values():
        start = 0
        for end, last in enumerate(series):
            while last.happened_at - series[start].happened_at > BURST_WINDOW:
                start += 1
            count = end - start + 1
            if count >= BURST:
                for one in series[start : end + 1]:
                    evidence = found[one.id].get("burst", {"within_seconds": int(BURST_WINDOW.total_seconds())})
                    found[one.id]["burst"] = evidence | {"conversions": max(count, evidence.get("conversions", 0))}


def _devices(traced: Sequence[Traced], found: defaultdict[int, dict[Sign, dict[str, Any]]]) -> None:
    behind: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for one in traced:
        for device, _, _ in one.clicks:
            behind[device].add((one.mailing_id, one.position))
    shared = {device: len(people) for device, people in behind.items() if device and len(people) >= SHARED}
    for one in traced:
        most = max((shared.get(device, 0) for device, _, _ in one.clicks), default=0)
        if most:
            found[one.id]["same_device"] = {"recipients": most}
