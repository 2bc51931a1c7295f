"""The queries of own mailings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from broker.kernel.database import UnitOfWork
from broker.mailings.own.model import OwnMailing, OwnPart, OwnVariant

_OWN = (
    "SELECT o.id, o.code, o.org_id, o.base_id, b.code AS base_code, b.name AS base_name, o.name, o.goal, o.legal_basis,"
    " o.likeness, o.schedule, o.starts_at, o.send_hour, o.event_kind, o.event_field, o.event_days, o.backlog,"
    " o.category, o.held_out_bp, o.held_out_seed, o.window_days, o.cost_cents, o.cost_micros, o.state, o.problem,"
    " o.since, o.next_run_at, o.created_at FROM own_mailing o JOIN base b ON b.id = o.base_id"
)
_SETTABLE = (
    "name", "goal", "legal_basis", "likeness", "schedule", "starts_at", "send_hour", "event_kind", "event_field",
    "event_days", "backlog", "category", "held_out_bp", "window_days", "cost_cents", "cost_micros",
)  # fmt: skip


def add(unit: UnitOfWork, code: str, base_id: int, seed: int, values: Mapping[str, Any]) -> None:
    """A new draft of the actor's organisation."""
    names = [name for name in _SETTABLE if name in values]
    unit.run(
        f"INSERT INTO own_mailing (code, org_id, base_id, held_out_seed, {', '.join(names)})"  # noqa: S608 - names of ours
        f" VALUES (:code, :org, :base, :seed, {', '.join(f':{name}' for name in names)})",
        code=code,
        org=unit.actor.org,
        base=base_id,
        seed=seed,
        **{name: values[name] for name in names},
    )


def change(unit: UnitOfWork, own_id: int, values: Mapping[str, Any]) -> None:
    """Set some of its values."""
    names = [name for name in _SETTABLE if name in values]
    unit.run(
        f"UPDATE own_mailing SET {', '.join(f'{name} = :{name}' for name in names)} WHERE id = :id",  # noqa: S608 - as above
        id=own_id,
        **{name: values[name] for name in names},
    )


def by_code(unit: UnitOfWork, code: str, *, lock: bool = False) -> OwnMailing | None:
    """The own mailing of this code, where the actor may see it."""
    row = unit.one(_OWN + " WHERE o.code = :code" + (" FOR UPDATE OF o" if lock else ""), code=code)
    return None if row is None else OwnMailing(**row._asdict())


def by_id(unit: UnitOfWork, own_id: int, *, lock: bool = False) -> OwnMailing | None:
    """The own mailing of this id."""
    row = unit.one(_OWN + " WHERE o.id = :id" + (" FOR UPDATE OF o" if lock else ""), id=own_id)
    return None if row is None else OwnMailing(**row._asdict())


def of_actor(unit: UnitOfWork) -> list[OwnMailing]:
    """The organisation's own mailings, the newest first."""
    rows = unit.all(_OWN + " WHERE o.org_id = :org ORDER BY o.id DESC LIMIT 500", org=unit.actor.org)
    return [OwnMailing(**row._asdict()) for row in rows]


def of_everybody(unit: UnitOfWork) -> list[OwnMailing]:
    """All own mailings, for operators."""
    return [OwnMailing(**row._asdict()) for row in unit.all(_OWN + " ORDER BY o.id DESC LIMIT 500")]


def variants(unit: UnitOfWork, own_id: int) -> list[OwnVariant]:
    """Its variants in their order."""
    rows = unit.all(
        "SELECT v.id, v.place, s.code AS segment_code, s.name AS segment_name, s.rule_text, s.rule, v.creative_id,"
        " c.code AS creative_code, c.name AS creative_name, c.subject, coalesce(c.state = 'signed', false) AS signed"
        " FROM own_variant v LEFT JOIN segment s ON s.id = v.segment_id LEFT JOIN creative c ON c.id = v.creative_id"
        " WHERE v.own_mailing_id = :own ORDER BY v.place",
        own=own_id,
    )
    return [OwnVariant(**row._asdict()) for row in rows]


def set_variants(unit: UnitOfWork, own_id: int, rows: Sequence[tuple[int | None, int | None]]) -> None:
    """Replace the variants by these (segment, creative), in order."""
    unit.run("DELETE FROM own_variant WHERE own_mailing_id = :own", own=own_id)
    unit.run_many(
        "INSERT INTO own_variant (own_mailing_id, place, segment_id, creative_id)"
        " VALUES (:own, :place, :segment, :creative)",
        [
            {"own": own_id, "place": place, "segment": segment, "creative": creative}
            for place, (segment, creative) in enumerate(rows, start=1)
        ],
    )


def move(
    unit: UnitOfWork,
    own_id: int,
    from_states: Sequence[str],
    to_state: str,
    *,
    next_run_at: datetime | None = None,
    since: date | None = None,
) -> bool:
    """Change its state if it is in one of these; False when somebody was faster."""
    done = unit.run(
        "UPDATE own_mailing SET state = :to, next_run_at = :next, since = coalesce(:since, since), problem = NULL"
        " WHERE id = :id AND state = ANY(:states)",
        id=own_id,
        to=to_state,
        states=list(from_states),
        next=next_run_at,
        since=since,
    )
    return done.rowcount == 1


def note(unit: UnitOfWork, own_id: int, problem: str | None, next_run_at: datetime | None = None) -> None:
    """What went wrong, for its owner; when it runs next."""
    unit.run(
        "UPDATE own_mailing SET problem = :problem, next_run_at = coalesce(:next, next_run_at) WHERE id = :id",
        id=own_id,
        problem=problem,
        next=next_run_at,
    )


def segment_id(unit: UnitOfWork, base_id: int, code: str) -> int | None:
    """A segment in use of a base."""
    found: int | None = unit.scalar(
        "SELECT id FROM segment WHERE code = :code AND base_id = :base AND archived_at IS NULL", code=code, base=base_id
    )
    return found


def creative_id(unit: UnitOfWork, org_id: int, code: str) -> int | None:
    """A message of the owner's."""
    found: int | None = unit.scalar(
        "SELECT id FROM creative WHERE code = :code AND org_id = :org", code=code, org=org_id
    )
    return found


def parts(unit: UnitOfWork, own_id: int, most: int = 400) -> list[OwnPart]:
    """What its runs made, the newest day first."""
    rows = unit.all(
        "SELECT r.run_on, v.place, s.name AS segment_name, m.code AS mailing_code, m.state, t.people, t.held_out,"
        " t.exclusions FROM own_run r JOIN own_part t ON t.run_id = r.id JOIN own_variant v ON v.id = t.variant_id"
        " LEFT JOIN segment s ON s.id = v.segment_id LEFT JOIN mailing m ON m.id = t.mailing_id"
        " WHERE r.own_mailing_id = :own ORDER BY r.run_on DESC, v.place LIMIT :most",
        own=own_id,
        most=most,
    )
    return [OwnPart(**row._asdict()) for row in rows]


def mailings_under_way(unit: UnitOfWork, own_id: int) -> list[tuple[str, str]]:
    """(code, state) of its mailings that have not ended."""
    rows = unit.all(
        "SELECT m.code, m.state FROM own_run r JOIN own_part t ON t.run_id = r.id JOIN mailing m ON m.id = t.mailing_id"
        " WHERE r.own_mailing_id = :own AND m.state IN ('frozen', 'sending', 'paused') ORDER BY m.id",
        own=own_id,
    )
    return [(row.code, row.state) for row in rows]


def sums(unit: UnitOfWork, own_id: int) -> dict[str, int]:
    """What became of all its mails: people, by state, clicks, opt-outs, held out."""
    row = unit.one(
        "WITH mine AS (SELECT m.id, m.dispatch_id FROM own_run r JOIN own_part t ON t.run_id = r.id"
        "  JOIN mailing m ON m.id = t.mailing_id WHERE r.own_mailing_id = :own),"
        " sent AS (SELECT s.state, s.bounced_at FROM mine JOIN send s ON s.dispatch_id = mine.dispatch_id"
        "  AND s.mailing_id = mine.id WHERE NOT s.seed)"
        " SELECT (SELECT count(*) FROM sent) AS frozen,"
        " (SELECT count(*) FROM sent WHERE state = 'accepted') AS accepted,"
        " (SELECT count(*) FROM sent WHERE state IN ('refused', 'uncertain')) AS lost,"
        " (SELECT count(*) FROM sent WHERE bounced_at IS NOT NULL) AS bounced,"
        " (SELECT count(*) FROM mine JOIN hit h ON h.mailing_id = mine.id WHERE h.verdict = 'human') AS clicks,"
        " (SELECT count(*) FROM mine JOIN opt_out x ON x.mailing_id = mine.id) AS opt_outs,"
        " (SELECT coalesce(sum(t.held_out), 0) FROM own_run r JOIN own_part t ON t.run_id = r.id"
        "  WHERE r.own_mailing_id = :own) AS held_out,"
        " (SELECT count(*) FROM own_run WHERE own_mailing_id = :own) AS runs",
        own=own_id,
    )
    assert row is not None
    return {name: int(value) for name, value in row._asdict().items()}


def effect(unit: UnitOfWork, own_id: int) -> list[Any]:
    """(variant_id, held, people, buyers, spend_cents, squares, first_day, last_day) of each side of each variant."""
    return unit.all("SELECT * FROM own_effect(:own)", own=own_id)


def purchases_until(unit: UnitOfWork, base_id: int) -> date | None:
    """The last day of the base's purchase log."""
    found: date | None = unit.scalar("SELECT purchases_until(:base)", base=base_id)
    return found
