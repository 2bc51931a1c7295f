"""The only place with the SQL of the micro-unit sub-ledger."""

from __future__ import annotations

from collections.abc import Sequence

from broker.billing.model import Share
from broker.kernel.database import UnitOfWork

# The time is asked for once, where the column's default would ask for every row.
# The span of the positions stands beside them: no plan then reads more than it.
_ADD_SENDS = """
INSERT INTO accrual (dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros, at)
SELECT s.dispatch_id, s.mailing_id, s.position, 'send', s.price_micros, s.price_micros - c.micros, c.micros,
  (SELECT app_now())
FROM send s JOIN mailing m ON m.id = s.mailing_id
CROSS JOIN LATERAL (SELECT s.price_micros * m.commission_bp * (s.position + 1) / 10000
                         - s.price_micros * m.commission_bp * s.position / 10000 AS micros) c
WHERE s.dispatch_id = %(dispatch)s AND s.mailing_id = %(mailing)s
  AND s.position BETWEEN %(low)s AND %(high)s AND s.position = ANY(%(positions)s)
  AND s.state = 'accepted' AND NOT s.seed AND s.price_micros > 0 AND m.closed_at IS NULL
ON CONFLICT DO NOTHING
"""


def add_sends(unit: UnitOfWork, mailing_id: int, dispatch_id: int, positions: Sequence[int]) -> int:
    """One balanced row for each accepted, priced send of the list that has none; returns how many were added.

    The commission is that of `model.share_of_send`. Seeds cost nothing; a closed mailing accrues nothing more. In a
    pipelined unit, where no result is known yet, the number returned means nothing.
    """
    values = {"dispatch": dispatch_id, "mailing": mailing_id, "positions": list(positions)}
    values |= {"low": min(positions), "high": max(positions)}
    return unit.driver.execute(_ADD_SENDS, values, prepare=True).rowcount


def add_bounces(unit: UnitOfWork, mailing_id: int, dispatch_id: int, positions: Sequence[int]) -> int:
    """The reversing row of each accrued send of the list, unless the mailing is closed; returns how many were added.

    The mailing's row is locked in share, so that no bounce slips in while the mailing is being settled.
    """
    return unit.run(
        "INSERT INTO accrual"
        " (dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros)"
        " SELECT a.dispatch_id, a.mailing_id, a.position, 'bounce', -a.gross_micros, -a.owner_micros,"
        " -a.commission_micros FROM unnest(CAST(:positions AS integer[])) AS k (position)"
        " JOIN accrual a ON a.position = k.position JOIN mailing m ON m.id = a.mailing_id"
        " WHERE a.dispatch_id = :dispatch AND a.mailing_id = :mailing"
        " AND a.kind = 'send' AND m.closed_at IS NULL FOR SHARE OF m"
        " ON CONFLICT DO NOTHING",
        dispatch=dispatch_id,
        mailing=mailing_id,
        positions=list(positions),
    ).rowcount


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
