"""What became of a base's mails and people outside its snapshot, for its quality; as the worker's role."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from broker.kernel.database import UnitOfWork

# Over the last year, by relation. A 5.x.x in the SMTP dialogue is a bounce (DOMAIN section 5); what is uncertain counts
# for neither side. A complaint counts for the base whose mail it answered.
_RATES = """
WITH mine AS (
  SELECT id, dispatch_id FROM mailing WHERE base_id = :base AND starts_at > app_now() - interval '1 year'
), complained AS (
  SELECT DISTINCT i.dispatch_id, i.mailing_id, i.position FROM inbound i JOIN mine m ON m.id = i.mailing_id
  WHERE i.kind = 'complaint' AND i.dispatch_id IS NOT NULL
)
SELECT coalesce(c.relation, 'prospect') AS relation,
  count(*) FILTER (WHERE s.state IN ('accepted', 'refused')) AS sent,
  count(*) FILTER (WHERE s.state = 'refused' OR s.bounced_at IS NOT NULL) AS bounced,
  count(x.position) AS complained
FROM mine m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed
LEFT JOIN contact c ON c.id = s.contact_id
LEFT JOIN complained x ON x.dispatch_id = s.dispatch_id AND x.mailing_id = s.mailing_id AND x.position = s.position
GROUP BY 1
"""


def rates(unit: UnitOfWork, base_id: int) -> dict[str, tuple[int, int, int]]:
    """Relation → (sent, bounced, complained) of the base's mails over the last year, seeds left out."""
    rows = unit.all(_RATES, base=base_id)
    return {row.relation: (row.sent, row.bounced, row.complained) for row in rows}


def last_clicks(unit: UnitOfWork, base_id: int) -> pa.Table:
    """(contact_id, day) of the last human click, or message, of each contact that ever made one."""
    rows = unit.all(
        "SELECT s.contact_id, max(e.at)::date AS day FROM ("
        " SELECT dispatch_id, mailing_id, position, at FROM hit WHERE verdict = 'human'"
        " UNION ALL SELECT dispatch_id, mailing_id, position, received_at FROM inbound"
        " WHERE kind IN ('other', 'unsubscribe') AND dispatch_id IS NOT NULL) e"
        " JOIN mailing m ON m.id = e.mailing_id AND m.base_id = :base"
        " JOIN send s ON s.dispatch_id = e.dispatch_id AND s.mailing_id = e.mailing_id AND s.position = e.position"
        " WHERE s.contact_id IS NOT NULL GROUP BY 1",
        base=base_id,
    )
    return _table([(row.contact_id, row.day) for row in rows])


def last_visits(unit: UnitOfWork, base_id: int) -> pa.Table:
    """(contact_id, day) of the last visit that the owner reported of each contact."""
    rows = unit.all("SELECT contact_id, max(day) AS day FROM visit WHERE base_id = :base GROUP BY 1", base=base_id)
    return _table([(row.contact_id, row.day) for row in rows])


def suppressed_contacts(unit: UnitOfWork, base_id: int) -> list[int]:
    """Contacts of a base who are suppressed everywhere or for this base."""
    rows = unit.all(
        "SELECT DISTINCT c.id FROM suppression s JOIN contact c ON c.contact_key = s.contact_key"
        " WHERE c.base_id = :base AND (s.scope = 'everywhere' OR (s.scope = 'base' AND s.base_id = :base))",
        base=base_id,
    )
    return [row.id for row in rows]


def _table(rows: list[tuple[int, date]]) -> pa.Table:
    return pa.table(
        {
            "contact_id": pa.array([contact for contact, _ in rows], pa.int64()),
            "day": pa.array([day for _, day in rows], pa.date32()),
        }
    )
