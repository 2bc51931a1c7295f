"""Watches how mail fares, holds what fares badly until a person releases it, and tells the broker each day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from broker.audit.record import record
from broker.delivery import reputation_store as store
from broker.delivery.reputation_model import KINDS, OTHERS, Hold, HoldKind, Holds, Standing, judge
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.notifications.notify import notify

SHORTEST_REASON = 10  # characters: whoever releases says why in words
KEEP = timedelta(days=400)


def watch_reputation(unit: UnitOfWork, settings: Settings) -> list[str]:
    """Periodic: hold what reached a threshold and tell the broker; the codes of new holds."""
    limits, made = settings.reputation, []
    since = unit.now - timedelta(hours=limits.window_hours)
    for kind in KINDS:
        for standing in store.standings(unit, kind, since):
            found = judge(standing, limits)
            if found is None:
                continue
            code, (reason, counted) = new_code("hold"), found
            if store.hold(unit, code, kind, standing.name, reason, standing.sent, counted):
                record(unit, "reputation.held", "reputation", code, what=kind, name=standing.name, reason=reason)
                notify(
                    unit, "reputation.paused", None, code, what=kind.replace("_", " "), name=standing.name,
                    reason=reason.replace("_", " "), counted=counted, sent=standing.sent,
                )  # fmt: skip
                made.append(code)
    return made


def open_holds(unit: UnitOfWork) -> Holds:
    """What is held now, for whoever sends."""
    names: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, name in store.held_names(unit):
        names[kind].add(name)
    return Holds(frozenset(names["sending_domain"]), frozenset(names["relay"]), frozenset(names["provider"]))


def list_holds(unit: UnitOfWork, *, released: bool = False) -> Sequence[Hold]:
    """Open holds, or those that were released, the newest first."""
    unit.actor.require("broker")
    return store.holds(unit, released=released)


def release_hold(unit: UnitOfWork, code: str, reason: str) -> Hold:
    """Let mail go on; the reason is kept. What is counted starts anew with the next hour."""
    unit.actor.require("broker")
    words = " ".join(reason.split())
    if len(words) < SHORTEST_REASON:
        raise InvalidInput(
            "Say why the mail may go on: what was wrong, and what has been done about it.",
            code="missing_release_reason",
            field="reason",
        )
    if store.hold_by_code(unit, code) is None:
        raise NotFound(f"There is no hold {code!r}.")
    if not store.release(unit, code, words[:500]):
        raise Conflict("This hold was released already.", code="already_released")
    record(unit, "reputation.released", "reputation", code, reason=words[:500])
    found = store.hold_by_code(unit, code)
    assert found is not None
    return found


def standing_of(unit: UnitOfWork, kind: HoldKind, hours: int) -> list[Standing]:
    """How mail fared in the last hours, a row a name."""
    unit.actor.require("broker")
    return store.sums(unit, kind, unit.now - timedelta(hours=hours), unit.now)


def tell_day(unit: UnitOfWork) -> None:
    """Periodic: yesterday in one line for the broker; once a day. A day without mail is not told."""
    day = unit.today - timedelta(days=1)
    first = datetime.combine(day, time(), PARIS)
    by_domain = store.sums(unit, "sending_domain", first, first + timedelta(days=1))
    sent = sum(one.accepted for one in by_domain)
    if not sent and not any(one.refused for one in by_domain):
        return
    providers = store.sums(unit, "provider", first, first + timedelta(days=1))
    notify(
        unit,
        "reputation.digest",
        None,
        day.isoformat(),
        once=day.isoformat(),
        day_on=day,
        sent=sent,
        refused=sum(one.refused for one in by_domain),
        hard=sum(one.hard for one in by_domain),
        complaints=sum(one.complaints for one in by_domain),
        held=len(store.held_names(unit)),
        worst=_worst(providers),
    )


def _worst(standings: Sequence[Standing]) -> str:
    """The provider with the largest share of mail against us, in words."""
    known = [one for one in standings if one.name != OTHERS and one.sent >= 100]
    if not known:
        return "-"
    worst = max(known, key=lambda one: one.rate_bp(one.blocked + one.hard + 10 * one.complaints))
    return f"{worst.name} ({worst.blocked} blocked, {worst.hard} hard, {worst.complaints} complaints of {worst.sent})"
