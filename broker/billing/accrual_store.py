"""The only place with the SQL of the micro-unit sub-ledger.

A line is one send (or bounce, click, lead, sale); lines written together are one row of `accrual_sum`, a run, which
names their positions. The view `accrual` shows the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg.pq import PipelineStatus

from broker.billing.model import Share
from broker.kernel.database import UnitOfWork

# One row where all that is asked for is accepted at one price, as it mostly is: then it is only counted. Otherwise one
# row a price, of those that are. The span of the positions stands beside them: no plan then reads more than it.
_ADD_SENDS = """
WITH wanted AS (
  SELECT %(positions)s::int4multirange - coalesce((
    SELECT range_agg(a.positions) FROM accrual_sum a
    WHERE line_keys(a.mailing_id, a.kind, a.positions) && line_keys(%(mailing)s, 'send', %(positions)s::int4multirange)
  ), '{}') AS positions),
found AS (
  SELECT count(*) AS sends, min(s.price_micros) AS price, max(s.price_micros) AS highest FROM send s, wanted w
  WHERE s.dispatch_id = %(dispatch)s AND s.mailing_id = %(mailing)s AND s.position BETWEEN %(low)s AND %(high)s
    AND s.position <@ w.positions AND s.state = 'accepted' AND NOT s.seed AND s.price_micros > 0),
whole AS (
  SELECT f.price, f.price = f.highest AND f.sends = (run_sums(w.positions, 0, 0)).sends AS whole
  FROM found f, wanted w),
run AS (
  SELECT w.positions, x.price FROM wanted w, whole x WHERE x.whole
  UNION ALL
  SELECT range_agg(int4range(s.position, s.position + 1)), s.price_micros FROM send s, wanted w
  WHERE (SELECT whole IS false FROM whole)
    AND s.dispatch_id = %(dispatch)s AND s.mailing_id = %(mailing)s AND s.position BETWEEN %(low)s AND %(high)s
    AND s.position <@ w.positions AND s.state = 'accepted' AND NOT s.seed AND s.price_micros > 0
  GROUP BY s.price_micros)
INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, commission_bp, sends, gross_micros, owner_micros,
  commission_micros, at)
SELECT m.id, 'send', r.positions, r.price, m.commission_bp, c.sends, c.sends * r.price,
  c.sends * r.price - c.commission, c.commission, app_now()
FROM run r CROSS JOIN mailing m CROSS JOIN LATERAL run_sums(r.positions, r.price, m.commission_bp) c
WHERE m.id = %(mailing)s AND m.closed_at IS NULL
RETURNING sends
"""
# What is taken back is what stands in a run of sends and in none of bounces.
_ADD_BOUNCES = """
WITH asked AS (
  SELECT line_keys(%(mailing)s, 'send', %(positions)s::int4multirange) AS sends,
         line_keys(%(mailing)s, 'bounce', %(positions)s::int4multirange) AS bounces),
back AS (
  SELECT coalesce(range_agg(a.positions), '{}') AS positions FROM accrual_sum a, asked k
  WHERE line_keys(a.mailing_id, a.kind, a.positions) && k.bounces),
open AS (SELECT id FROM mailing WHERE id = %(mailing)s AND closed_at IS NULL FOR SHARE),
run AS (
  SELECT a.price_micros, a.commission_bp, a.commission_micros,
    a.positions * %(positions)s::int4multirange - b.positions AS positions
  FROM accrual_sum a, asked k, back b WHERE line_keys(a.mailing_id, a.kind, a.positions) && k.sends)
INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, commission_bp, sends, gross_micros, owner_micros,
  commission_micros, at)
SELECT o.id, 'bounce', r.positions, r.price_micros, r.commission_bp, c.sends, -c.sends * r.price_micros,
  c.commission - c.sends * r.price_micros, -c.commission, app_now()
FROM run r CROSS JOIN open o CROSS JOIN LATERAL (
  SELECT x.sends, CASE WHEN r.commission_bp IS NULL THEN r.commission_micros ELSE x.commission END AS commission
  FROM run_sums(r.positions, r.price_micros, r.commission_bp) x) c
WHERE NOT isempty(r.positions)
RETURNING sends
"""


def add_sends(unit: UnitOfWork, mailing_id: int, dispatch_id: int, positions: Sequence[int]) -> int:
    """A line for each accepted, priced send of the list that has none; returns how many were added.

    The commission is that of `model.share_of_send`. Seeds cost nothing; a closed mailing accrues nothing more. In a
    pipelined unit, where no result is known yet, 0 is returned.
    """
    return _add(unit, _ADD_SENDS, mailing_id, dispatch_id, positions)


def add_bounces(unit: UnitOfWork, mailing_id: int, dispatch_id: int, positions: Sequence[int]) -> int:
    """The reversing line of each accrued send of the list, unless the mailing is closed; returns how many were added.

    The mailing's row is locked in share, so that no bounce slips in while the mailing is being settled.
    """
    return _add(unit, _ADD_BOUNCES, mailing_id, dispatch_id, positions)


def _add(unit: UnitOfWork, sql: str, mailing_id: int, dispatch_id: int, positions: Sequence[int]) -> int:
    values = {
        "dispatch": dispatch_id,
        "mailing": mailing_id,
        "positions": as_ranges(positions),
        "low": min(positions),
        "high": max(positions),
    }
    cursor = unit.driver.execute(sql, values, prepare=True)
    if unit.driver.info.pipeline_status != PipelineStatus.OFF:
        return 0
    return sum(row[0] for row in cursor.fetchall())


def as_ranges(positions: Iterable[int]) -> str:
    """Positions in any order as the text of an `int4multirange`: 1, 2, 3, 7 are `{[1,4),[7,8)}`."""
    ranges: list[str] = []
    first = last = None
    for position in sorted(set(positions)):
        if last is None or position != last + 1:
            if last is not None:
                ranges.append(f"[{first},{last + 1})")
            first = position
        last = position
    if last is not None:
        ranges.append(f"[{first},{last + 1})")
    return f"{{{','.join(ranges)}}}"


def accrued(unit: UnitOfWork, mailing_id: int) -> tuple[int, Share]:
    """How many sends of a mailing are billable, and the sums of all that it accrued in micros."""
    row = unit.one(
        "SELECT coalesce(sum(CASE kind WHEN 'bounce' THEN -sends WHEN 'send' THEN sends ELSE 0 END), 0) AS billable,"
        " coalesce(sum(gross_micros), 0) AS gross, coalesce(sum(owner_micros), 0) AS owner,"
        " coalesce(sum(commission_micros), 0) AS commission FROM accrual_sum WHERE mailing_id = :mailing",
        mailing=mailing_id,
    )
    assert row is not None
    return int(row.billable), Share(int(row.gross), int(row.owner), int(row.commission))
