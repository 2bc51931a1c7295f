"""The watch over a mailing that is being sent: too many bounces or complaints stop it until a person has looked.

A rate is only said of `watch.least_sends` mails or more, and of three events at least: of ten mails one complaint is
no rate. Mailbox providers bar senders from 0.3 % of complaints on; a mailing is warned of at 0.1 %. After a release
the counting begins again: what was known then does not stop it a second time, what comes after it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import WatchSettings
from broker.mailings import flow_store as store
from broker.mailings.store import mailing_by_id, move

FEWEST_EVENTS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What is too high: `rate_bp` in hundredths of a per cent, over its limit `limit_bp`."""

    kind: Literal["warning", "stop"]
    reason: Literal["bounces", "complaints"]
    events: int
    sent: int
    limit_bp: int

    @property
    def sentence(self) -> str:
        """For people."""
        share = f"{100 * self.events / self.sent:.2f} %"
        what = "came back" if self.reason == "bounces" else "were complained of"
        end = "The mailing was stopped" if self.kind == "stop" else "The mailing goes on"
        return (
            f"{self.events:,} of {self.sent:,} mails {what} ({share}; the limit is {self.limit_bp / 100:g} %). {end}."
        )


def judge(settings: WatchSettings, sent: int, bounces: int, complaints: int) -> list[Finding]:
    """What of these figures is too high; the gravest first."""
    if sent < settings.least_sends:
        return []
    found = []
    for reason, events, warn, stop in (
        ("complaints", complaints, settings.complaint_warn_bp, settings.complaint_stop_bp),
        ("bounces", bounces, settings.bounce_warn_bp, settings.bounce_stop_bp),
    ):
        if events < FEWEST_EVENTS:
            continue
        if events * 10_000 >= stop * sent:
            found.append(Finding("stop", reason, events, sent, stop))  # type: ignore[arg-type]
        elif events * 10_000 >= warn * sent:
            found.append(Finding("warning", reason, events, sent, warn))  # type: ignore[arg-type]
    return sorted(found, key=lambda one: one.kind != "stop")


def watch_mailing(unit: UnitOfWork, settings: WatchSettings, mailing_id: int) -> bool:
    """Look at a mailing's figures; True when it was stopped now."""
    mailing = mailing_by_id(unit, mailing_id)
    if mailing is None or mailing.state != "sending":
        return False
    now = store.watched(unit, mailing.dispatch_id, mailing_id)
    before = store.counted_from(unit, mailing_id)
    so_far = (now.sent, now.bounces, now.complaints)
    base = (0, 0, 0) if before is None else (before.sent, before.bounces, before.complaints)
    for finding in judge(settings, *(max(0, one - other) for one, other in zip(so_far, base, strict=True))):
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
