"""What was sent and what orders keep around a day: queries, as the worker role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from broker.audience.copy_out import copied
from broker.audience.rule import Rule
from broker.kernel.database import UnitOfWork

_DAY = "(coalesce(s.outcome_at, greatest(m.starts_at, app_now())) AT TIME ZONE 'Europe/Paris')::date"
# As store.pressed_keys: what left, may have left or will leave, and did not bounce.
_MAILS = f"""
SELECT {_DAY} AS day, s.contact_key, (m.advertiser_id = %(advertiser)s)::integer AS theirs FROM mailing m
JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
WHERE m.state <> 'failed' AND NOT s.seed AND s.bounced_at IS NULL
  AND s.state IN ('pending', 'claimed', 'attempting', 'deferred', 'accepted', 'uncertain')
  AND (m.ended_at IS NULL OR m.ended_at > app_now() - interval '31 days')
  AND {_DAY} > %(day)s::date - %(days)s AND {_DAY} < %(until)s::date + %(days)s
  AND (%(own)s OR m.kind <> 'own') AND m.dispatch_id <> %(but)s
"""  # noqa: S608 - constants of ours
# Orders and options by their hold, further uses and names made good by the choice of their day, picked sends.
_KEPT = """
WITH kept AS (
  SELECT o.code, g.rule, o.select_rule, o.volume, o.send_on, h.held_since AS since, o.advertiser_id, o.remail_of,
    o.remail_who, NULL::bigint AS earlier_of, o.id AS order_id, NULL::bigint AS picked_id, NULL::bigint AS use_dispatch
  FROM rental_order o JOIN segment g ON g.id = o.segment_id JOIN order_hold h ON h.order_id = o.id
  WHERE o.base_id = :base_id AND o.state IN ('quote', 'ordered', 'approved', 'paid', 'on_credit', 'scheduled')
    AND h.held_until > app_now()
  UNION ALL
  SELECT o.code, g.rule, o.select_rule, u.volume, u.send_on, u.chosen_at, o.advertiser_id, o.remail_of, o.remail_who,
    CASE u.kind WHEN 'make_good' THEN o.id END, NULL, NULL, coalesce(u.dispatch_id, 0)
  FROM order_use u JOIN rental_order o ON o.id = u.order_id JOIN segment g ON g.id = o.segment_id
  WHERE o.base_id = :base_id AND o.state IN ('sent', 'scheduled') AND NOT u.given_up
  UNION ALL
  SELECT t.code, g.rule, NULL, t.volume, t.send_on, t.created_at, t.advertiser_id, NULL, NULL, NULL, NULL, t.id, NULL
  FROM participation_send t JOIN segment g ON g.id = t.segment_id
  WHERE g.base_id = :base_id AND t.state IN ('picked', 'scheduled'))
SELECT code, rule, select_rule, volume, send_on AS on_date, since, advertiser_id, remail_of, remail_who, earlier_of
FROM kept k
WHERE send_on > CAST(:day AS date) - :days AND send_on < CAST(:day AS date) + :days
  AND NOT EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
    WHERE m.state <> 'planned'
      AND (d.order_id = k.order_id OR d.participation_send_id = k.picked_id OR d.id = k.use_dispatch))
ORDER BY since, code
"""
# The owner's own mailings that are planned for a day: a variant each, for as many as its segment holds.
_OWN = """
SELECT m.code, coalesce(g.rule, '{"op": "all"}') AS rule, NULL AS select_rule, 2147483647 AS volume,
  (m.starts_at AT TIME ZONE 'Europe/Paris')::date AS on_date, m.created_at AS since, m.org_id AS advertiser_id
FROM own_mailing m JOIN own_variant v ON v.own_mailing_id = m.id LEFT JOIN segment g ON g.id = v.segment_id
WHERE m.base_id = :base_id AND m.state = 'active' AND m.schedule = 'once'
  AND (m.starts_at AT TIME ZONE 'Europe/Paris')::date > CAST(:day AS date) - :days
  AND (m.starts_at AT TIME ZONE 'Europe/Paris')::date < CAST(:day AS date) + :days
  AND NOT EXISTS (SELECT 1 FROM own_run r WHERE r.own_mailing_id = m.id)
ORDER BY m.id, v.place
"""
_REACHED = """
SELECT s.contact_key FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
WHERE m.id = :mailing AND NOT s.seed AND s.state = 'accepted' AND s.bounced_at IS NULL
  AND EXISTS (SELECT 1 FROM hit h WHERE h.mailing_id = m.id AND h.position = s.position AND h.verdict = 'human')
    = (:who = 'clickers')
"""
_EARLIER = """
SELECT s.contact_key FROM dispatch d JOIN send s ON s.dispatch_id = d.id
WHERE d.order_id = :order AND NOT s.seed AND s.state NOT IN ('cancelled', 'withheld')
"""
_KEY = np.dtype([("day", ">i4"), ("key", "S16"), ("theirs", ">i4")])


@dataclass(frozen=True, slots=True)
class Kept:
    """A volume that an order or a picked send keeps on a day since a moment, its recipients not frozen yet.

    `remail_of` is the mailing whose clickers or non-clickers (`remail_who`) it is for; `earlier_of` the order whose
    earlier recipients it leaves out (names made good); `own` a mailing of the base's owner itself.
    """

    code: str
    rule: Rule
    select_rule: Rule | None
    volume: int
    on_date: date
    since: datetime
    advertiser_id: int
    remail_of: int | None = None
    remail_who: str | None = None
    earlier_of: int | None = None
    own: bool = False

    @property
    def rank(self) -> tuple[datetime, str]:
        """Who held first comes first."""
        return self.since, self.code


def kept_volumes(unit: UnitOfWork, base_id: int, day: date, days: int) -> list[Kept]:
    """The unfrozen volumes on a base less than `days` before or after a day, who held them first standing first.

    An order counts from its option or placing on, for the days of its option; from its approval on until it is sent.
    """
    return [Kept(**row._mapping) for row in unit.all(_KEPT, base_id=base_id, day=day, days=days)]


def own_to_come(unit: UnitOfWork, base_id: int, day: date, days: int) -> list[Kept]:
    """The owner's own mailings planned less than `days` before or after a day, that nobody was drawn for yet."""
    return [Kept(**row._mapping, own=True) for row in unit.all(_OWN, base_id=base_id, day=day, days=days)]


def rank_of(unit: UnitOfWork, dispatch_id: int) -> tuple[datetime, str] | None:
    """Since when what a dispatch carries out holds its contacts, with its code; None where it holds none."""
    row = unit.one(
        "SELECT coalesce(u.chosen_at, h.held_since, t.created_at) AS since, coalesce(o.code, t.code) AS code"
        " FROM dispatch d LEFT JOIN rental_order o ON o.id = d.order_id"
        " LEFT JOIN order_hold h ON h.order_id = o.id AND o.send_on IS NOT NULL"
        " LEFT JOIN order_use u ON u.dispatch_id = d.id"
        " LEFT JOIN participation_send t ON t.id = d.participation_send_id WHERE d.id = :id",
        id=dispatch_id,
    )
    return None if row is None or row.since is None else (row.since, row.code)


def reached_keys(unit: UnitOfWork, mailing_id: int, who: str) -> list[bytes]:
    """Contact keys of whom a mailing reached and who clicked, or did not: `clickers`, `non_clickers`."""
    return [bytes(row.contact_key) for row in unit.all(_REACHED, mailing=mailing_id, who=who)]


def earlier_keys(unit: UnitOfWork, order_id: int) -> list[bytes]:
    """Contact keys of all that an order wrote to, or may have."""
    return [bytes(row.contact_key) for row in unit.all(_EARLIER, order=order_id)]


def sending_state(unit: UnitOfWork) -> tuple[object, ...]:
    """Changes when a mailing is frozen, moves or ends; and every minute, for what becomes of single mails."""
    row = unit.one(
        "SELECT date_trunc('minute', app_now()) AS minute,"
        " md5(coalesce(string_agg(id || state, ',' ORDER BY id), '')) AS states"
        " FROM mailing WHERE ended_at IS NULL OR ended_at > app_now() - interval '31 days'"
    )
    assert row is not None
    return (row.minute, row.states)


@dataclass(frozen=True, slots=True)
class DayOfMail:
    """A day's mails: keys S16, and which of them (bool) come from the advertiser that was asked about."""

    day: date
    keys: NDArray[np.bytes_]
    theirs: NDArray[np.bool_]


def mail_days(
    unit: UnitOfWork,
    day: date,
    days: int,
    *,
    until: date | None = None,
    advertiser_id: int = 0,
    own: bool = True,
    but_dispatch: int = 0,
) -> Sequence[DayOfMail]:
    """Every day with mail less than `days` before `day` or after `until` (default: `day`); from any base.

    `own`: with the owners' own mailings. `but_dispatch` is left out.
    """
    values = {"day": day, "until": until or day, "days": days, "advertiser": advertiser_id, "own": own}
    found = copied(unit, _MAILS, {**values, "but": but_dispatch}, _KEY)
    epoch = date(2000, 1, 1).toordinal()  # PostgreSQL counts its days from there
    by_day = [(date.fromordinal(epoch + int(number)), found["day"] == number) for number in np.unique(found["day"])]
    return [DayOfMail(on, found["key"][rows], found["theirs"][rows] == 1) for on, rows in by_day]
