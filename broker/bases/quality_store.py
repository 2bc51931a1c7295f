"""The queries of quality."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Row

from broker.bases.quality_model import Measured, Part
from broker.kernel.database import UnitOfWork


def measured(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """Every measured snapshot of a base, newest first."""
    return unit.all(
        "SELECT number, contacts, arrivals, departures, rentable, score, parts, facts, measured_at FROM base_quality"
        " WHERE base_id = :base ORDER BY number DESC LIMIT 400",
        base=base_id,
    )


def add_quality(
    unit: UnitOfWork,
    base_id: int,
    snapshot_id: int,
    number: int,
    counts: Measured,
    score: int,
    parts: Sequence[Part],
    facts: dict[str, Any],
) -> None:
    """What a snapshot is worth; measured once."""
    unit.run(
        "INSERT INTO base_quality (base_id, snapshot_id, number, contacts, arrivals, departures, rentable, score,"
        " parts, facts) VALUES (:base, :snapshot, :number, :contacts, :arrivals, :departures, :rentable, :score,"
        " CAST(:parts AS jsonb), CAST(:facts AS jsonb)) ON CONFLICT (snapshot_id) DO NOTHING",
        base=base_id,
        snapshot=snapshot_id,
        number=number,
        contacts=counts.contacts,
        arrivals=counts.arrivals,
        departures=counts.departures,
        rentable=counts.rentable,
        score=score,
        parts=json.dumps([asdict(part) for part in parts]),
        facts=json.dumps(facts),
    )
