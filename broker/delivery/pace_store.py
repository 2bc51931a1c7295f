"""The queries of pace, warm-up and relays' health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from broker.delivery.pace_model import Key, Pace, PaceRule
from broker.kernel.database import UnitOfWork


def rules(unit: UnitOfWork) -> list[PaceRule]:
    """What the broker set."""
    rows = unit.all("SELECT scope, name, per_minute, at_once FROM pace_rule ORDER BY scope, name")
    return [PaceRule(row.scope, row.name, Pace(row.per_minute, row.at_once), shipped=False) for row in rows]


def set_rule(unit: UnitOfWork, scope: str, name: str, pace: Pace) -> None:
    """Write a rule over whatever was there."""
    unit.run(
        "INSERT INTO pace_rule (scope, name, per_minute, at_once, set_by)"
        " VALUES (:scope, :name, :per_minute, :at_once, :by)"
        " ON CONFLICT (scope, name) DO UPDATE SET per_minute = excluded.per_minute, at_once = excluded.at_once,"
        "  set_by = excluded.set_by, set_at = app_now()",
        scope=scope,
        name=name,
        per_minute=pace.per_minute,
        at_once=pace.at_once,
        by=unit.actor.user_id,
    )


def drop_rule(unit: UnitOfWork, scope: str, name: str) -> bool:
    """Forget a rule; whether there was one."""
    return unit.run("DELETE FROM pace_rule WHERE scope = :scope AND name = :name", scope=scope, name=name).rowcount > 0


def ask(
    unit: UnitOfWork, holder: UUID, wants: Mapping[Key, int], paces: Mapping[Key, Pace], seconds: int
) -> dict[Key, tuple[int, int | None]]:
    """What may leave now under each limit: (mails, at once)."""
    keys = list(wants)
    rows = unit.driver.execute(
        "SELECT scope, name, granted, slots FROM ask_pace(%s, %s, %s, %s, %s, %s, %s)",
        (
            holder,
            [scope for scope, _ in keys],
            [name for _, name in keys],
            [wants[key] for key in keys],
            [paces[key].per_minute for key in keys],
            [paces[key].at_once for key in keys],
            seconds,
        ),
        prepare=True,
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def let_go(unit: UnitOfWork, holder: UUID) -> None:
    """A sender that ends leaves its slots to the others."""
    unit.run("DELETE FROM pace_hold WHERE holder = :holder", holder=holder)


def queued_until(unit: UnitOfWork, mailing_id: int, key: Key, seconds: float) -> datetime:
    """Book `seconds` more behind what of this mailing waits for a pace already; from when on they count."""
    found: datetime = unit.scalar(
        "INSERT INTO pace_queue AS q VALUES (:mailing, :scope, :name, app_now() + make_interval(secs => :seconds))"
        " ON CONFLICT (mailing_id, scope, name) DO UPDATE SET"
        "  until = greatest(q.until, app_now()) + make_interval(secs => :seconds)"
        " RETURNING until - make_interval(secs => :seconds)",
        mailing=mailing_id,
        scope=key[0],
        name=key[1],
        seconds=seconds,
    )
    return found


def park(
    unit: UnitOfWork, dispatch_id: int, mailing_id: int, token: UUID, rows: Sequence[tuple[int, datetime]], why: str
) -> None:
    """Give sends that wait for a pace their hour; they count as put off, and no attempt was made."""
    positions = [position for position, _ in rows]
    unit.driver.execute(
        "UPDATE send s SET state = 'deferred', lease = NULL, next_attempt_at = p.at, reason = 'pace', reply = %(why)s"
        " FROM unnest(%(positions)s::integer[], %(hours)s::timestamptz[]) AS p(position, at)"
        " WHERE s.dispatch_id = %(dispatch)s AND s.mailing_id = %(mailing)s AND s.position BETWEEN %(low)s AND %(high)s"
        " AND s.position = p.position AND s.state = 'claimed' AND s.lease = %(token)s",
        {
            "dispatch": dispatch_id,
            "mailing": mailing_id,
            "token": token,
            "why": why,
            "positions": positions,
            "hours": [hour for _, hour in rows],
            "low": min(positions),
            "high": max(positions),
        },
    )


def warm_up(unit: UnitOfWork, domain: str) -> Row[Any] | None:
    """(domain, started_on, caps) of a sending domain's plan."""
    return unit.one("SELECT domain, started_on, caps FROM warm_up WHERE domain = :domain", domain=domain)


def warm_ups(unit: UnitOfWork) -> list[Row[Any]]:
    """All plans: (domain, started_on, caps, used today)."""
    return unit.all(
        "SELECT w.domain, w.started_on, w.caps, coalesce(d.used, 0) AS used FROM warm_up w"
        " LEFT JOIN warm_day d ON d.domain = w.domain AND d.day = :today ORDER BY w.domain",
        today=unit.today,
    )


def set_warm_up(unit: UnitOfWork, domain: str, started_on: date, caps: Sequence[int]) -> None:
    """Write a plan over whatever was there."""
    unit.run(
        "INSERT INTO warm_up (domain, started_on, caps, set_by) VALUES (:domain, :day, :caps, :by)"
        " ON CONFLICT (domain) DO UPDATE SET started_on = excluded.started_on, caps = excluded.caps,"
        "  set_by = excluded.set_by, set_at = app_now()",
        domain=domain,
        day=started_on,
        caps=list(caps),
        by=unit.actor.user_id,
    )


def end_warm_up(unit: UnitOfWork, domain: str) -> bool:
    """Forget a plan; whether there was one."""
    return unit.run("DELETE FROM warm_up WHERE domain = :domain", domain=domain).rowcount > 0


def ask_warm_up(unit: UnitOfWork, domain: str, day: date, want: int, cap: int) -> int:
    """So many mails of a day's cap; a negative wish gives back."""
    granted: int = unit.scalar(
        "SELECT ask_warm_up(:domain, :day, :want, :cap)", domain=domain, day=day, want=want, cap=cap
    )
    return granted


def note_relay(unit: UnitOfWork, name: str, rest: float, failures: int, reason: str | None) -> None:
    """How a relay fares: `rest` is for how many seconds nobody knocks (0: it works)."""
    unit.run(
        "INSERT INTO relay_health AS h (name, resting_until, failures, reason)"
        " VALUES (:name, CASE WHEN :rest > 0 THEN now() + make_interval(secs => :rest) END, :failures, :reason)"
        " ON CONFLICT (name) DO UPDATE SET resting_until = excluded.resting_until, failures = excluded.failures,"
        "  reason = excluded.reason, changed_at = app_now()",
        name=name,
        rest=rest,
        failures=failures,
        reason=reason,
    )


def relays(unit: UnitOfWork) -> list[Row[Any]]:
    """(name, resting_until, failures, reason, changed_at) of every relay that ever failed."""
    return unit.all("SELECT name, resting_until, failures, reason, changed_at FROM relay_health ORDER BY name")


def failing(unit: UnitOfWork) -> list[Row[Any]]:
    """(name, seconds, failures) of the relays that failed last; for so many seconds nobody should knock."""
    return unit.all(
        "SELECT name, greatest(0, extract(epoch FROM resting_until - now())) AS seconds, failures FROM relay_health"
        " WHERE failures > 0"
    )
