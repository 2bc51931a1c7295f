"""The only place with the SQL of the micro-unit sub-ledger.

A line is one send (or bounce, click, lead, sale); lines written together are one row of `accrual_sum`, a run, which
names their positions. The view `accrual` shows the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg.pq import PipelineStatus

from broker.billing.model import Share
from broker.kernel.database import UnitOfWork

_ADD_SENDS = "SELECT add_send_lines(%(mailing)s, %(dispatch)s, %(positions)s::int4multirange)"
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
    values = {"mailing": mailing_id, "dispatch": dispatch_id, "positions": as_ranges(positions)}
    return _add(unit, _ADD_SENDS, values)


def add_bounces(unit: UnitOfWork, mailing_id: int, positions: Sequence[int]) -> int:
    """The reversing line of each accrued send of the list, unless the mailing is closed; returns how many were added.

    The mailing's row is locked in share, so that no bounce slips in while the mailing is being settled.
    """
    return _add(unit, _ADD_BOUNCES, {"mailing": mailing_id, "positions": as_ranges(positions)})


def _add(unit: UnitOfWork, sql: str, values: dict[str, object]) -> int:
    cursor = unit.driver.execute(sql, values, prepare=True)
    if unit.driver.info.pipeline_status != PipelineStatus.OFF:
        return 0
    return sum(row[0] for row in cursor.fetchall())


def as_ranges(positions: Iterable[int]) -> str:
    """Positions in any order as the text of an `int4multirange`: 1, 2, 3, 7 are `{[1,4),[7,8)}`."""
    left = set(positions)
    if left and max(left) - min(left) + 1 == len(left):
        return f"{{[{min(left)},{max(left) + 1})}}"
    ranges: list[list[int]] = []
    for position in sorted(left):
        if ranges and ranges[-1][1] == position:
            ranges[-1][1] += 1
        else:
            ranges.append([position, position + 1])
    return "{" + ",".join(f"[{first},{end})" for first, end in ranges) + "}"


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
