"""What became of a base's mails, for its quality."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork


def rates(unit: UnitOfWork, base_id: int) -> tuple[int, int, int]:
    """(sent, bounced, complained) of the base's contacts over the last year."""
    row = unit.one(
        "SELECT count(*) FILTER (WHERE s.state = 'sent') AS sent,"
        " count(*) FILTER (WHERE s.bounced_at IS NOT NULL) AS bounced FROM mailing m"
        " JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
        " WHERE m.base_id = :base AND m.starts_at > app_now() - interval '1 year'",
        base=base_id,
    )
    complained: int = unit.scalar(
        "SELECT count(*) FROM suppression s WHERE s.reason = 'complaint' AND s.at > app_now() - interval '1 year'"
        " AND EXISTS (SELECT 1 FROM contact c WHERE c.base_id = :base AND c.contact_key = s.contact_key)",
        base=base_id,
    )
    return (row.sent, row.bounced, complained) if row else (0, 0, complained)
