"""What a base's mailings earned its owner, read where it was written: documents and accruals."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

# A settled mailing earned what its self-bill says (its accruals where none was issued, as agent) in the month it was
# closed; another one what was accrued, in the month it began.
_EARNED = """
SELECT m.kind, m.closed_at IS NOT NULL AS settled,
  date_trunc('month', coalesce(m.closed_at, m.started_at, m.created_at) AT TIME ZONE 'Europe/Paris')::date AS month,
  b.net_cents AS billed_cents, coalesce(a.owner_micros, 0) AS owner_micros,
  coalesce(a.commission_micros, 0) AS commission_micros
FROM mailing m CROSS JOIN LATERAL share_of_mailing(m.id) a
LEFT JOIN LATERAL (SELECT sum(CASE i.kind WHEN 'fee' THEN -i.net_cents ELSE i.net_cents END)::bigint AS net_cents
  FROM invoice i WHERE i.mailing_id = m.id
    AND (i.kind IN ('self_bill', 'owner_invoice') OR i.kind = 'fee' AND i.role = 'agent_of_owner')) b ON true
WHERE m.base_id = :base AND m.owner_id = :org AND m.kind <> 'own'
  AND coalesce(m.closed_at, m.started_at, m.created_at) >= CAST(:first AS date)
"""


def earned(unit: UnitOfWork, base_id: int, first: date) -> list[Row[Any]]:
    """One row a mailing since a day: kind, settled, month, billed_cents, owner_micros, commission_micros."""
    return unit.all(_EARNED, base=base_id, org=unit.actor.org, first=first)
