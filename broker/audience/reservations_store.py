"""What was sent and what orders keep around a day: queries, as the worker role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from broker.audience.copy_out import copied
from broker.audience.rule import Rule
from broker.kernel.database import UnitOfWork

_DAY = "(coalesce(s.outcome_at, greatest(m.starts_at, app_now())) AT TIME ZONE 'Europe/Paris')::date"
# As store.pressed_keys: what left, may have left or will leave, and did not bounce.
_MAILS = f"""
SELECT {_DAY} AS day, s.contact_key FROM mailing m
JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
WHERE m.state <> 'failed' AND NOT s.seed AND s.bounced_at IS NULL
  AND s.state IN ('pending', 'claimed', 'attempting', 'deferred', 'accepted', 'uncertain')
  AND (m.ended_at IS NULL OR m.ended_at > app_now() - interval '31 days')
  AND {_DAY} > %(day)s::date - %(days)s AND {_DAY} < %(day)s::date + %(days)s
"""  # noqa: S608 - constants of ours
_KEPT = """
WITH kept AS (
  SELECT o.code, g.rule, o.select_rule, o.volume, o.send_on, o.created_at, o.id AS order_id, NULL::bigint AS picked_id
  FROM rental_order o JOIN segment g ON g.id = o.segment_id
  WHERE o.base_id = :base_id AND (o.state IN ('approved', 'paid', 'on_credit', 'scheduled')
    OR (o.state = 'ordered' AND o.updated_at > app_now() - make_interval(days => :option_days)))
  UNION ALL
  SELECT t.code, g.rule, NULL, t.volume, t.send_on, t.created_at, NULL, t.id
  FROM participation_send t JOIN segment g ON g.id = t.segment_id
  WHERE g.base_id = :base_id AND t.state IN ('picked', 'scheduled'))
SELECT code, rule, select_rule, volume, send_on FROM kept k
WHERE send_on > CAST(:day AS date) - :days AND send_on < CAST(:day AS date) + :days
  AND NOT EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
    WHERE m.state <> 'freezing' AND (d.order_id = k.order_id OR d.participation_send_id = k.picked_id))
ORDER BY created_at, code
"""
_KEY = np.dtype([("day", ">i4"), ("key", "S16")])


@dataclass(frozen=True, slots=True)
class Kept:
    """A volume that an order or a picked send keeps on a day, its recipients not frozen yet."""

    code: str
    rule: Rule
    select_rule: Rule | None
    volume: int
    on_date: date


def kept_volumes(unit: UnitOfWork, base_id: int, day: date, days: int, option_days: int) -> list[Kept]:
    """The unfrozen volumes on a base less than `days` before or after a day, in the order they were made.

    An order counts from its placing: as an option for `option_days`, from its approval on until it is sent.
    """
    rows = unit.all(
        _KEPT,
        base_id=base_id,
        day=day,
        days=days,
        option_days=option_days,
    )
    return [Kept(row.code, row.rule, row.select_rule, row.volume, row.send_on) for row in rows]


def sending_state(unit: UnitOfWork) -> tuple[object, ...]:
    """Changes when a mailing is frozen, moves or ends; and every minute, for what becomes of single mails."""
    row = unit.one(
        "SELECT date_trunc('minute', app_now()) AS minute,"
        " md5(coalesce(string_agg(id || state, ',' ORDER BY id), '')) AS states"
        " FROM mailing WHERE ended_at IS NULL OR ended_at > app_now() - interval '31 days'"
    )
    assert row is not None
    return (row.minute, row.states)


def mail_days(unit: UnitOfWork, day: date, days: int) -> Sequence[tuple[date, NDArray[np.bytes_]]]:
    """(day, contact keys S16 of its mails) for every day less than `days` before or after `day`; from any base."""
    found = copied(unit, _MAILS, {"day": day, "days": days}, _KEY)
    epoch = date(2000, 1, 1).toordinal()  # PostgreSQL counts its days from there
    return [
        (date.fromordinal(epoch + int(number)), found["key"][found["day"] == number])
        for number in np.unique(found["day"])
    ]
