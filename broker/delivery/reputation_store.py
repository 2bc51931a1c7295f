"""The queries of reputation: counts by hour, and mail that is held."""

# ruff: noqa: S608 (statements are put together from constants of this file only)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from broker.delivery.reputation_model import KINDS, Hold, HoldKind, Reason, Standing
from broker.kernel.database import UnitOfWork

_COUNTED = ("accepted", "refused", "blocked", "deferred", "uncertain", "hard", "soft", "complaints")
_HOLD = (
    "SELECT p.code, p.kind, p.name, p.reason, p.sent, p.counted, p.at, p.released_at, u.name AS released_by,"
    " p.release_reason FROM reputation_pause p LEFT JOIN app_user u ON u.id = p.released_by"
)


def add(unit: UnitOfWork, sending_domain: str, relay: str, provider: str, counts: Mapping[str, int]) -> None:
    """Add to the row of this hour."""
    add_all(unit, sending_domain, [((relay, provider), counts)])


def add_all(unit: UnitOfWork, sending_domain: str, rows: Sequence[tuple[tuple[str, str], Mapping[str, int]]]) -> None:
    """Add to many rows of this hour: ((relay, provider), counts), in an order that all writers keep."""
    if not rows:
        return
    names = ", ".join(_COUNTED)
    unit.run(
        f"INSERT INTO mail_tally AS t (hour, sending_domain, relay, provider, {names})"
        f" SELECT (SELECT date_trunc('hour', app_now())), :domain, relay, provider, {names}"
        " FROM unnest(CAST(:relays AS text[]), CAST(:providers AS text[]),"
        f" {', '.join(f'CAST(:{one} AS integer[])' for one in _COUNTED)}) AS u (relay, provider, {names})"
        " ON CONFLICT (hour, sending_domain, relay, provider) DO UPDATE SET "
        + ", ".join(f"{one} = t.{one} + excluded.{one}" for one in _COUNTED),
        domain=sending_domain,
        relays=[relay for (relay, _), _ in rows],
        providers=[provider for (_, provider), _ in rows],
        **{one: [counts.get(one, 0) for _, counts in rows] for one in _COUNTED},
    )


def known_provider(unit: UnitOfWork, name: str) -> bool:
    """Whether mails to this domain were counted under its own name lately."""
    return (
        unit.one(
            "SELECT 1 FROM mail_tally WHERE provider = :name AND hour > app_now() - interval '60 days' LIMIT 1",
            name=name,
        )
        is not None
    )


def standings(unit: UnitOfWork, kind: HoldKind, since: datetime) -> list[Standing]:
    """Sums of each name of a kind since a time, or since it was last released; most mails first."""
    assert kind in KINDS
    sums = ", ".join(f"coalesce(sum(t.{one}), 0)::bigint AS {one}" for one in _COUNTED)
    rows = unit.all(
        f"SELECT t.{kind} AS name, {sums} FROM mail_tally t"
        " LEFT JOIN (SELECT name, max(released_at) AS at FROM reputation_pause"
        "   WHERE kind = :kind AND released_at IS NOT NULL GROUP BY name) r"
        f" ON r.name = t.{kind} WHERE t.hour >= date_trunc('hour', CAST(:since AS timestamptz))"
        f" AND (r.at IS NULL OR t.hour > r.at) AND t.{kind} <> '' GROUP BY 1 ORDER BY sum(t.accepted) DESC, 1",
        kind=kind,
        since=since,
    )
    return [Standing(kind=kind, **row._mapping) for row in rows]


def sums(unit: UnitOfWork, kind: HoldKind, since: datetime, until: datetime) -> list[Standing]:
    """Sums of each name of a kind in a span of time."""
    assert kind in KINDS
    counted = ", ".join(f"coalesce(sum({one}), 0)::bigint AS {one}" for one in _COUNTED)
    rows = unit.all(
        f"SELECT {kind} AS name, {counted} FROM mail_tally WHERE hour >= :since AND hour < :until AND {kind} <> ''"
        " GROUP BY 1 ORDER BY sum(accepted) DESC, 1",
        since=since,
        until=until,
    )
    return [Standing(kind=kind, **row._mapping) for row in rows]


def hold(unit: UnitOfWork, code: str, kind: HoldKind, name: str, reason: Reason, sent: int, counted: int) -> bool:
    """Hold mail; False where it is held already."""
    return bool(
        unit.run(
            "INSERT INTO reputation_pause (code, kind, name, reason, sent, counted)"
            " VALUES (:code, :kind, :name, :reason, :sent, :counted)"
            " ON CONFLICT (kind, name) WHERE released_at IS NULL DO NOTHING",
            code=code,
            kind=kind,
            name=name,
            reason=reason,
            sent=sent,
            counted=counted,
        ).rowcount
    )


def holds(unit: UnitOfWork, *, released: bool, most: int = 100) -> Sequence[Hold]:
    """Open holds, or released ones, the newest first."""
    which = "IS NOT NULL" if released else "IS NULL"
    rows = unit.all(f"{_HOLD} WHERE p.released_at {which} ORDER BY p.id DESC LIMIT :most", most=most)
    return [Hold(**row._mapping) for row in rows]


def hold_by_code(unit: UnitOfWork, code: str) -> Hold | None:
    """One hold."""
    row = unit.one(f"{_HOLD} WHERE p.code = :code", code=code)
    return None if row is None else Hold(**row._mapping)


def release(unit: UnitOfWork, code: str, reason: str) -> bool:
    """End a hold with a person's reason; False when it is over already."""
    return bool(unit.scalar("SELECT release_pause(:code, :reason)", code=code, reason=reason))


def held_names(unit: UnitOfWork) -> list[tuple[str, str]]:
    """(kind, name) of everything that is held now; a sending domain whose records are gone is, too."""
    rows = unit.all(
        "SELECT kind, name FROM reputation_pause WHERE released_at IS NULL"
        " UNION SELECT 'sending_domain', domain FROM sending_domain WHERE state = 'broken' AND retired_at IS NULL"
    )
    return [(row.kind, row.name) for row in rows]


def forget_tally(unit: UnitOfWork, before: datetime) -> int:
    """Forget counts from before this time; how many rows."""
    return unit.run("DELETE FROM mail_tally WHERE hour < :before", before=before).rowcount
