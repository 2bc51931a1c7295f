"""The guard's memory: what was shown of which set. Workers' rows; the front has no right on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from broker.audience.fingerprint import Fingerprint
from broker.audience.guard import Anchor, Decision
from broker.kernel.database import UnitOfWork

_SIGN = 1 << 63


def lock_answers(unit: UnitOfWork, base_ids: Sequence[int]) -> None:
    """One guarded answer at a time per base: two near sets asked at once must not both become anchors."""
    for base_id in sorted(set(base_ids)):  # in one order, so that two questions never wait for each other
        unit.run("SELECT pg_advisory_xact_lock(7203811, :base_id)", base_id=base_id % 2**31)


def asked_before(unit: UnitOfWork, viewer_org_id: int, snapshot_id: int, rule_hash: bytes) -> bool:
    """Whether this viewer asked this very question on this snapshot."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM guard_answer WHERE snapshot_id = :snapshot_id AND viewer_org_id = :viewer"
            " AND rule_hash = :rule_hash)",
            snapshot_id=snapshot_id,
            viewer=viewer_org_id,
            rule_hash=rule_hash,
        )
    )


def figure_of_kin(unit: UnitOfWork, base_ids: Sequence[int], kin: int) -> int | None:
    """The figure that a set of this kin was shown with, of any of these bases; the first one for ever."""
    found: int | None = unit.scalar(
        "SELECT shown FROM guard_answer WHERE base_id = ANY(:bases) AND kin = :kin ORDER BY id LIMIT 1",
        bases=list(base_ids),
        kin=_signed(kin),
    )
    return found


def anchors_near(unit: UnitOfWork, base_ids: Sequence[int], low: int, high: int) -> Iterator[Anchor]:
    """The anchors ever shown of these bases, to anybody, whose count was from `low` to `high`; oldest first."""
    rows = unit.all(
        "SELECT true_count, cell_key, sketch, shown FROM guard_answer WHERE base_id = ANY(:bases) AND anchor"
        " AND sketch IS NOT NULL AND true_count BETWEEN :low AND :high ORDER BY id",
        bases=list(base_ids),
        low=low,
        high=high,
    )
    for row in rows:
        yield Anchor(row.true_count, row.cell_key % 2**64, np.frombuffer(row.sketch, dtype="<u2"), row.shown)


def remember(
    unit: UnitOfWork,
    viewer_org_id: int,
    of: Sequence[tuple[int, int]],
    rule_hash: bytes,
    question: dict[str, Any],
    asked: Fingerprint,
    answer: Decision,
) -> None:
    """Keep what was shown of a question about `of`: (base, snapshot) pairs, one row each."""
    unit.run_many(
        "INSERT INTO guard_answer (viewer_org_id, base_id, snapshot_id, rule_hash, rule, true_count, shown, anchor,"
        " cell_key, kin, sketch) VALUES (:viewer, :base_id, :snapshot_id, :rule_hash, CAST(:rule AS jsonb),"
        " :true_count, :shown, :anchor, :cell_key, :kin, :sketch)",
        [
            {
                "viewer": viewer_org_id,
                "base_id": base_id,
                "snapshot_id": snapshot_id,
                "rule_hash": rule_hash,
                "rule": json.dumps(question),
                "true_count": asked.count,
                "shown": answer.figure.shown,
                "anchor": answer.anchor,
                "cell_key": _signed(asked.key),
                "kin": _signed(asked.kin),
                "sketch": asked.sketch.astype("<u2").tobytes() if answer.anchor else None,
            }
            for base_id, snapshot_id in of
        ],
    )


def spend_question(unit: UnitOfWork, viewer_org_id: int, base_id: int) -> tuple[int, int]:
    """Count one question of a viewer about a base; how many that makes today, and in twelve months."""
    today: int = unit.scalar(
        "INSERT INTO guard_budget (viewer_org_id, base_id, day, asked) VALUES (:viewer, :base_id, :day, 1)"
        " ON CONFLICT (viewer_org_id, base_id, day) DO UPDATE SET asked = guard_budget.asked + 1 RETURNING asked",
        viewer=viewer_org_id,
        base_id=base_id,
        day=unit.today,
    )
    year: int = unit.scalar(
        "SELECT sum(asked) FROM guard_budget WHERE viewer_org_id = :viewer AND base_id = :base_id"
        " AND day > CAST(:day AS date) - 365",
        viewer=viewer_org_id,
        base_id=base_id,
        day=unit.today,
    )
    return today, year


def _signed(number: int) -> int:
    """A sum modulo 2⁶⁴ as a bigint holds it."""
    return number - 2 * _SIGN if number >= _SIGN else number
