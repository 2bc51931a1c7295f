"""The question `suggest_segments` as the audience process answers it: for the base's owner alone, within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from broker.audience.columns import with_derived
from broker.audience.desk import CountDesk, base_asked_about
from broker.insight.suggest import suggest_segments, target_of


def suggest_call(desk: CountDesk, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{base_id, target, months?, most?}` → `{suggestions: [{rule_text, rule, size, rate, lift, lift_low, lift_high,
    held_out, p_value, tells_all}], rate, contacts, traits, seen, tried}`; the fields of `Suggestions`.

    Exact figures: the caller has checked that the base is the actor's. Raises `no_snapshot`, `bad_target`,
    `no_purchases`.
    """
    target = target_of(arguments.get("target", "bought"), arguments.get("months", 12))
    most = arguments.get("most", 10)
    with desk.database.begin() as unit:
        snapshot = desk.snapshot(unit, base_asked_about(arguments))
        today = unit.today
    columns = with_derived(snapshot.table(today).columns)
    found = suggest_segments(
        snapshot.fast, columns, snapshot.noise, target, today, most=most if isinstance(most, int) else 10
    )
    return asdict(found)
