"""Questions of an owner about its own mail and about pressure, to the audience process: exact, its own base alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from broker.audience.desk_means import DeskMeans, day_or_none, number, number_or_none
from broker.audience.own_people import OWN_EXCLUSIONS, own_masks
from broker.audience.references import checked_rule
from broker.audience.reservations import check_send_date, pressure_over
from broker.audience.rule import clean_rule
from broker.kernel.errors import InvalidInput

MOST_DAYS = 31
MOST_RULES = 20


def count_own(means: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{parts: [{people, left, exclusions}], left}`: each rule takes its people in order, so that nobody counts twice.

    Of a standing mailing these are all whom it could ever reach: its event leaves fewer each day.
    """
    base_id, owner_id = number(arguments, "base_id"), number(arguments, "owner_id")
    basis, rules = arguments.get("basis"), arguments.get("rules")
    if basis not in ("consent", "customers", "either") or not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise InvalidInput("A count of own mail needs a legal basis and up to 20 rules.", code="bad_question")
    with means.database.begin() as unit:
        snapshot = means.snapshot(unit, base_id)
        columns = snapshot.table(unit.today).columns
        send_on = day_or_none(arguments, "send_on") or unit.today
        masks = own_masks(unit, means.settings.trade, snapshot, owner_id, basis, max(send_on, unit.today))
        taken = np.zeros(len(snapshot.noise), dtype=np.bool_)
        parts = []
        for raw in rules:
            rule = checked_rule(unit, base_id, clean_rule(raw), columns)
            left = snapshot.mask(rule, unit.today).copy()
            people, tally = int(np.count_nonzero(left)), {}
            for name, mask in (*((name, masks[name]) for name in OWN_EXCLUSIONS), ("duplicates", taken)):
                tally[name] = int(np.count_nonzero(left & mask))
                left &= ~mask
            taken |= left
            parts.append({"people": people, "left": int(np.count_nonzero(left)), "exclusions": tally})
    return {"parts": parts, "left": int(np.count_nonzero(taken))}


def pressure_days(means: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{people, days: [{day, pressed, reserved, left}]}`: how many of a rule's people each day of a span would lose.

    `but` is the code of an order or picked send that is looked at itself: what it keeps is no conflict of its own.
    """
    base_id, length = number(arguments, "base_id"), number(arguments, "length")
    start = day_or_none(arguments, "start")
    if start is None or not 1 <= length <= MOST_DAYS:
        raise InvalidInput(f"Ask for a first day and 1 to {MOST_DAYS} days.", code="bad_question")
    days = [start + timedelta(days=away) for away in range(length)]
    with means.database.begin() as unit:
        check_send_date(unit, start)
        snapshot = means.snapshot(unit, base_id)
        columns = snapshot.table(unit.today).columns
        members = snapshot.mask(checked_rule(unit, base_id, clean_rule(arguments.get("rule")), columns), unit.today)
        members = members & snapshot.consent & ~snapshot.minor
        found = pressure_over(
            unit,
            means.settings.trade,
            snapshot,
            days,
            number_or_none(arguments, "advertiser_id"),
            but_code=str(arguments.get("but") or ""),
        )
        rows = []
        for day, one in zip(days, found, strict=True):
            pressed = int(np.count_nonzero(members & one.pressed))
            reserved = int(np.count_nonzero(members & one.reserved & ~one.pressed))
            left = int(np.count_nonzero(members & ~one.pressed & ~one.reserved))
            rows.append({"day": day.isoformat(), "pressed": pressed, "reserved": reserved, "left": left})
    return {"people": int(np.count_nonzero(members)), "days": rows}
