"""The watch over a mailing that is being sent: too many bounces or complaints stop it until a person has looked.

A rate is only said of `watch.least_sends` mails or more, and of three events at least: of ten mails one complaint is
no rate. Under as many mails it takes so many events as chance would hardly show at the limit (small_rates.py).
Mailbox providers bar senders from 0.3 % of complaints on; a mailing is warned of at 0.1 %. After a release
the counting begins again: what was known then does not stop it a second time, what comes after it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import WatchSettings
from broker.mailings import flow_store as store
from broker.mailings.small_rates import RARE, fewest_too_many
from broker.mailings.store import mailing_by_id, move

FEWEST_EVENTS = 3
Kind = Literal["warning", "stop"]
Reason = Literal["bounces", "complaints"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is too high: `events` of `sent` mails, over the limit `limit_bp` in hundredths of a per cent."""

    kind: Kind
    reason: Reason
    events: int
    sent: int
    limit_bp: int
    small: bool = False  # of few mails: judged by the exact tail

    @property
    def sentence(self) -> str:
        """For people."""
        share = f"{100 * self.events / self.sent:.2f} %"
        what = "came back" if self.reason == "bounces" else "were complained of"
        end = "The mailing was stopped" if self.kind == "stop" else "The mailing goes on"
        limit = f"the limit is {self.limit_bp / 100:g} %"
        if self.small:
            limit += f", and by chance alone so many are rarer than 1 in {1 / RARE:g}"
        return f"{self.events:,} of {self.sent:,} mails {what} ({share}; {limit}). {end}."


@dataclass(frozen=True, slots=True)
class Threshold:
    """From how many events on, of so many mails, one is warned and the mailing stopped; None: no number does it."""

    reason: Reason
    sent: int
    warned_from: int | None
    stopped_from: int | None
    stop_bp: int


def thresholds(settings: WatchSettings, sent: int) -> list[Threshold]:
    """What the watch would say of `sent` mails."""
    return [
        Threshold(reason, sent, _fewest(settings, sent, warn), _fewest(settings, sent, stop), stop)
        for reason, warn, stop in _limits(settings)
    ]


def judge(settings: WatchSettings, sent: int, bounces: int, complaints: int) -> list[Finding]:
    """What of these figures is too high; the gravest first."""
    small, events = sent < settings.least_sends, {"bounces": bounces, "complaints": complaints}
    found = []
    for reason, warn, stop in _limits(settings):
        kinds: tuple[tuple[Kind, int], ...] = (("stop", stop), ("warning", warn))
        for kind, limit in kinds:
            fewest = _fewest(settings, sent, limit)
            if fewest is not None and events[reason] >= fewest:
                found.append(Finding(kind, reason, events[reason], sent, limit, small))
                break
    return sorted(found, key=lambda one: one.kind != "stop")


def _limits(settings: WatchSettings) -> tuple[tuple[Reason, int, int], ...]:
    """(reason, warned from, stopped from), in hundredths of a per cent."""
    return (
        ("complaints", settings.complaint_warn_bp, settings.complaint_stop_bp),
        ("bounces", settings.bounce_warn_bp, settings.bounce_stop_bp),
    )


def _fewest(settings: WatchSettings, sent: int, limit_bp: int) -> int | None:
    """The fewest events of `sent` mails that are too many."""
    if sent >= settings.least_sends:
        return max(FEWEST_EVENTS, -(-limit_bp * sent // 10_000))
    fewest = fewest_too_many(sent, limit_bp)
    return None if fewest is None or sent < FEWEST_EVENTS else max(FEWEST_EVENTS, fewest)


def watch_mailing(unit: UnitOfWork, settings: WatchSettings, mailing_id: int) -> bool:
    """Look at a mailing's figures; True when it was stopped now."""
    mailing = mailing_by_id(unit, mailing_id)
    if mailing is None or mailing.state != "sending":
        return False
    now = store.watched(unit, mailing.dispatch_id, mailing_id)
    so_far = (now.sent, now.bounces, now.complaints)
    for finding in judge(settings, now.new_sent, now.new_bounces, now.new_complaints):
        if store.has_alarm(unit, mailing_id, finding.kind, finding.reason):
            continue
        if finding.kind == "stop" and not move(unit, mailing_id, ["sending"], "paused"):
            return False
        store.add_alarm(unit, mailing_id, finding.kind, finding.reason, finding.sentence, so_far)
        verb = "mailing.stopped" if finding.kind == "stop" else "mailing.warned"
        record(unit, verb, "mailing", mailing.code, reason=finding.reason, events=finding.events, sent=finding.sent)
        if finding.kind == "stop":
            return True
    return False
