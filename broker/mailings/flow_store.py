"""The queries of how a mailing leaves: its flow, its test, its waves, and the watch over it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.mailings.subject_test import Decision, VariantCount

_PROGRESS = (
    "SELECT recipients, variants, test_size, released, tested_at, decide_at, winner FROM mailing_progress"
    " WHERE mailing_id = :id"
)
_INNER = frozenset({"id", "mailing_id", "set_by"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mailing is; see the table mailing_progress."""

    recipients: int
    variants: int
    test_size: int
    released: int | None
    tested_at: datetime | None
    decide_at: datetime | None
    winner: int | None


def shown(unit: UnitOfWork, mailing_id: int) -> dict[str, Any] | None:
    """Flow, progress, waves and alarms for whoever is party to the mailing."""
    found: dict[str, Any] | None = unit.scalar("SELECT flow_of_mailing(:id)", id=mailing_id)
    return None if found is None else {part: _without_ids(rows) for part, rows in found.items()}


def _without_ids(rows: Any) -> Any:
    """Rows of `flow_of_mailing` as they are told outside: the database's own numbers stay inside."""
    if isinstance(rows, list):
        return [_without_ids(row) for row in rows]
    if isinstance(rows, dict):
        return {name: value for name, value in rows.items() if name not in _INNER}
    return rows


def set_flow(
    unit: UnitOfWork, mailing_id: int, shares: Sequence[int], gap_minutes: int, start_by: datetime | None
) -> bool:
    """Set how a mailing leaves; False when it has begun, or is not the actor's to steer."""
    return bool(
        unit.scalar(
            "SELECT set_mailing_flow(:id, CAST(:shares AS smallint[]), :gap, :start_by)",
            id=mailing_id,
            shares=list(shares),
            gap=gap_minutes,
            start_by=start_by,
        )
    )


def flow_row(unit: UnitOfWork, mailing_id: int) -> Row[Any] | None:
    """(shares, gap_minutes, start_by), for workers."""
    return unit.one("SELECT shares, gap_minutes, start_by FROM mailing_flow WHERE mailing_id = :id", id=mailing_id)


def recipients_of(unit: UnitOfWork, dispatch_id: int, mailing_id: int) -> int:
    """How many were frozen, seeds left out."""
    count: int = unit.scalar(
        "SELECT count(*) FROM send WHERE dispatch_id = :dispatch AND mailing_id = :id AND NOT seed",
        dispatch=dispatch_id,
        id=mailing_id,
    )
    return count


def begin(
    unit: UnitOfWork, mailing_id: int, progress: Progress, ends: Sequence[int], first_opens: datetime | None
) -> None:
    """Write the parts of a mailing; again is the same."""
    done = unit.run(
        "INSERT INTO mailing_progress (mailing_id, recipients, variants, test_size, released, winner)"
        " VALUES (:id, :recipients, :variants, :test_size, :released, :winner) ON CONFLICT DO NOTHING",
        id=mailing_id,
        recipients=progress.recipients,
        variants=progress.variants,
        test_size=progress.test_size,
        released=progress.released,
        winner=progress.winner,
    )
    if done.rowcount != 1:
        return
    unit.run_many(
        "INSERT INTO mailing_wave (mailing_id, number, upto, opens_at) VALUES (:id, :number, :upto, :opens)",
        [
            {"id": mailing_id, "number": number, "upto": end, "opens": first_opens if number == 1 else None}
            for number, end in enumerate(ends, start=1)
        ],
    )


def progress_of(unit: UnitOfWork, mailing_id: int, *, lock: bool = False) -> Progress | None:
    """How far a mailing is; None where it leaves at once, all of it."""
    row = unit.one(_PROGRESS + " FOR UPDATE" if lock else _PROGRESS, id=mailing_id)
    return None if row is None else Progress(**row._asdict())


def released_is_sent(unit: UnitOfWork, dispatch_id: int, mailing_id: int, released: int) -> bool:
    """Whether nothing under `released` waits for its first attempt or is under way; put-off sends do not count."""
    row = unit.one(
        "SELECT 1 FROM send WHERE dispatch_id = :dispatch AND mailing_id = :id AND position < :released"
        " AND state IN ('pending', 'claimed', 'attempting') LIMIT 1",
        dispatch=dispatch_id,
        id=mailing_id,
        released=released,
    )
    return row is None


def note_tested(unit: UnitOfWork, mailing_id: int, wait_minutes: int) -> None:
    """The test group was sent: the wait begins."""
    unit.run(
        "UPDATE mailing_progress SET tested_at = app_now(), decide_at = app_now() + make_interval(mins => :wait)"
        " WHERE mailing_id = :id AND tested_at IS NULL",
        id=mailing_id,
        wait=wait_minutes,
    )


def unjudged(unit: UnitOfWork, mailing_id: int) -> bool:
    """Whether clicks wait for their verdict."""
    return unit.one("SELECT 1 FROM hit WHERE mailing_id = :id AND verdict IS NULL LIMIT 1", id=mailing_id) is not None


def put_off(unit: UnitOfWork, mailing_id: int, seconds: int) -> None:
    """Decide a little later."""
    unit.run(
        "UPDATE mailing_progress SET decide_at = app_now() + make_interval(secs => :seconds) WHERE mailing_id = :id",
        id=mailing_id,
        seconds=seconds,
    )


def test_counts(unit: UnitOfWork, dispatch_id: int, mailing_id: int, progress: Progress) -> list[VariantCount]:
    """The test group by variant."""
    rows = unit.all(
        "SELECT s.position % :variants AS variant, count(*) AS written, count(*) FILTER (WHERE EXISTS ("
        "  SELECT 1 FROM hit h WHERE h.mailing_id = s.mailing_id AND h.position = s.position"
        "   AND h.verdict = 'human')) AS clickers"
        " FROM send s WHERE s.dispatch_id = :dispatch AND s.mailing_id = :id AND s.position < :size AND NOT s.seed"
        " AND s.state = 'accepted' AND s.bounced_at IS NULL GROUP BY 1",
        variants=progress.variants,
        size=progress.test_size,
        dispatch=dispatch_id,
        id=mailing_id,
    )
    found = {row.variant: VariantCount(row.variant, row.written, row.clickers) for row in rows}
    return [found.get(number, VariantCount(number, 0, 0)) for number in range(progress.variants)]


def write_decision(unit: UnitOfWork, mailing_id: int, decision: Decision) -> None:
    """Keep the winner; the first wave of the rest opens now."""
    unit.run(
        "UPDATE mailing_progress SET winner = :winner, decided_at = app_now(), decision = CAST(:decision AS jsonb)"
        " WHERE mailing_id = :id AND winner IS NULL",
        id=mailing_id,
        winner=decision.winner,
        decision=json.dumps(decision.keys()),
    )
    unit.run(
        "UPDATE mailing_wave SET opens_at = app_now() WHERE mailing_id = :id AND number = 1 AND opens_at IS NULL",
        id=mailing_id,
    )


def choose(unit: UnitOfWork, mailing_id: int, decision: Decision) -> bool:
    """Keep the winner that a person chose; False when there is one, or the test is not the actor's to end."""
    return bool(
        unit.scalar(
            "SELECT choose_mailing_variant(:id, CAST(:winner AS smallint), CAST(:decision AS jsonb))",
            id=mailing_id,
            winner=decision.winner,
            decision=json.dumps(decision.keys()),
        )
    )


def open_due_wave(unit: UnitOfWork, mailing_id: int, gap_minutes: int) -> int | None:
    """Open the next wave if its hour has come; its number. The one behind it gets its hour, counted from now."""
    row = unit.one(
        "UPDATE mailing_wave SET opened_at = app_now() WHERE mailing_id = :id AND opened_at IS NULL"
        " AND opens_at <= app_now() RETURNING number, upto",
        id=mailing_id,
    )
    if row is None:
        return None
    last = unit.run(
        "UPDATE mailing_wave SET opens_at = app_now() + make_interval(mins => :gap)"
        " WHERE mailing_id = :id AND number = :next",
        id=mailing_id,
        gap=gap_minutes,
        next=row.number + 1,
    ).rowcount
    unit.run(
        "UPDATE mailing_progress SET released = :released WHERE mailing_id = :id",
        id=mailing_id,
        released=row.upto if last else None,
    )
    number: int = row.number
    return number


def seconds_to_next(unit: UnitOfWork, mailing_id: int) -> int | None:
    """Seconds until the test is decided or the next wave opens; None when neither is to come."""
    seconds = unit.scalar(
        "SELECT extract(epoch FROM min(at) - app_now()) FROM ("
        "  SELECT decide_at AS at FROM mailing_progress WHERE mailing_id = :id AND winner IS NULL"
        "  UNION ALL SELECT opens_at FROM mailing_wave WHERE mailing_id = :id AND opened_at IS NULL) next",
        id=mailing_id,
    )
    return None if seconds is None else max(0, int(seconds) + 1)


def watched(unit: UnitOfWork, dispatch_id: int, mailing_id: int) -> Row[Any]:
    """(sent, bounces, complaints) of a mailing so far, and (new_sent, new_bounces, new_complaints) known since then.

    Since a person last let it go on after a stop, from the beginning without one. What was in flight when it stopped
    became known before the release. A refusal for good (5.x.x) in the dialogue is a bounce.
    """
    row = unit.one(
        "WITH released AS (SELECT coalesce(max(released_at), '-infinity') AS at FROM mailing_alarm"
        "  WHERE mailing_id = :id AND kind = 'stop'),"
        " complained AS (SELECT i.position, min(i.read_at) AS at FROM inbound i"
        "  WHERE i.mailing_id = :id AND i.kind = 'complaint' GROUP BY i.position)"
        " SELECT count(*) AS sent, count(*) FILTER (WHERE s.outcome_at > r.at) AS new_sent,"
        " count(*) FILTER (WHERE s.state = 'refused' OR s.bounced_at IS NOT NULL) AS bounces,"
        " count(*) FILTER (WHERE (s.state = 'refused' AND s.outcome_at > r.at) OR s.bounced_at > r.at) AS new_bounces,"
        " (SELECT count(*) FROM complained) AS complaints,"
        " (SELECT count(*) FROM complained c, released x WHERE c.at > x.at) AS new_complaints"
        " FROM send s, released r WHERE s.dispatch_id = :dispatch AND s.mailing_id = :id AND NOT s.seed"
        " AND s.state IN ('accepted', 'refused')",
        dispatch=dispatch_id,
        id=mailing_id,
    )
    assert row is not None
    return row


def has_alarm(unit: UnitOfWork, mailing_id: int, kind: str, reason: str) -> bool:
    """Whether an alarm of this kind and reason stands that nobody released."""
    return (
        unit.one(
            "SELECT 1 FROM mailing_alarm WHERE mailing_id = :id AND kind = :kind AND reason = :reason"
            " AND released_at IS NULL",
            id=mailing_id,
            kind=kind,
            reason=reason,
        )
        is not None
    )


def add_alarm(unit: UnitOfWork, mailing_id: int, kind: str, reason: str, sentence: str, figures: Sequence[int]) -> None:
    """Write down what was found."""
    unit.run(
        "INSERT INTO mailing_alarm (mailing_id, kind, reason, sentence, sent, bounces, complaints)"
        " VALUES (:id, :kind, :reason, :sentence, :sent, :bounces, :complaints)",
        id=mailing_id,
        kind=kind,
        reason=reason,
        sentence=sentence,
        sent=figures[0],
        bounces=figures[1],
        complaints=figures[2],
    )


def release(unit: UnitOfWork, mailing_id: int, reason: str) -> int:
    """Release what stands stopped; how many stops there were."""
    count: int = unit.scalar("SELECT release_mailing(:id, :reason)", id=mailing_id, reason=reason)
    return count
