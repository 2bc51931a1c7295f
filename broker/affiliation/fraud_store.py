"""The only place with the SQL of fraud signs."""

from __future__ import annotations

from broker.affiliation.fraud_signs import Traced
from broker.kernel.database import UnitOfWork


def traced(unit: UnitOfWork, programme_id: int, days: int) -> list[Traced]:
    """Leads and sales reported lately, with the clicks of the same recipients."""
    rows = unit.all(
        "SELECT c.id, c.owner_id, c.mailing_id, c.position, c.kind, c.happened_at, c.clicked_at,"
        " coalesce(array_agg(md5(concat_ws('|', h.ip, h.user_agent)) ORDER BY h.id)"
        "   FILTER (WHERE h.ip IS NOT NULL), '{}') AS devices,"
        " coalesce(array_agg(h.at ORDER BY h.id) FILTER (WHERE h.ip IS NOT NULL), '{}') AS moments,"
        " coalesce(array_agg(h.verdict ORDER BY h.id) FILTER (WHERE h.ip IS NOT NULL), '{}') AS verdicts"
        " FROM conversion c LEFT JOIN hit h ON h.mailing_id = c.mailing_id AND h.position = c.position"
        " WHERE c.programme_id = :programme AND c.kind <> 'click' AND c.state <> 'refused'"
        " AND c.received_at > app_now() - make_interval(days => :days) GROUP BY c.id ORDER BY c.id",
        programme=programme_id,
        days=days,
    )
    return [
        Traced(
            row.id, row.owner_id, row.mailing_id, row.position, row.kind, row.happened_at, row.clicked_at,
            tuple(zip(row.devices, row.moments, row.verdicts, strict=True)),
        )
        for row in rows
    ]  # fmt: skip


def write_sign(unit: UnitOfWork, conversion_id: int, sign: str, evidence: str) -> None:
    """Write a sign, or its newer evidence."""
    unit.run(
        "INSERT INTO conversion_sign (conversion_id, advertiser_id, sign, evidence)"
        " SELECT c.id, c.advertiser_id, :sign, CAST(:evidence AS jsonb) FROM conversion c WHERE c.id = :id"
        " ON CONFLICT (conversion_id, sign) DO UPDATE SET evidence = excluded.evidence",
        id=conversion_id,
        sign=sign,
        evidence=evidence,
    )


def programmes_with_reports(unit: UnitOfWork, hours: int) -> list[int]:
    """Ids of programmes to which leads or sales were reported lately."""
    return [
        row.programme_id
        for row in unit.all(
            "SELECT DISTINCT programme_id FROM conversion WHERE kind <> 'click'"
            " AND received_at > app_now() - make_interval(hours => :hours)",
            hours=hours,
        )
    ]
