"""The only place with the SQL of revenue figures by dimension.

They are read from the sums of settled mailings and the runs of those still open, never from the sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

# dimension -> (key, name): what a row is called in addresses, and on pages. All texts are ours.
DIMENSIONS: Mapping[str, tuple[str, str]] = {
    "month": ("to_char(a.day, 'YYYY-MM')", "to_char(a.day, 'YYYY-MM')"),
    "day": ("a.day::text", "a.day::text"),
    "owner": ("w.code", "coalesce(party_name(m.owner_id), '')"),
    "advertiser": ("v.code", "coalesce(party_name(m.advertiser_id), '')"),
    "card": ("coalesce(o.card_code, '')", "coalesce(o.card_title, '')"),
    "campaign": ("coalesce(o.code, g.code, '')", "coalesce(o.card_title, g.title, '')"),
    "mailing": ("m.code", "m.code"),
    "segment": ("coalesce(s.code, '')", "coalesce(s.name, '')"),
    "sector": ("coalesce(c.sector, g.sector, '')", "coalesce(c.sector, g.sector, '')"),
    "model": (
        "CASE a.kind WHEN 'click' THEN 'cpc' WHEN 'lead' THEN 'cpl' WHEN 'sale' THEN 'cpa' ELSE 'cpm' END",
        "CASE a.kind WHEN 'click' THEN 'cpc' WHEN 'lead' THEN 'cpl' WHEN 'sale' THEN 'cpa' ELSE 'cpm' END",
    ),
    "kind": ("m.kind", "m.kind"),
    "role": ("m.contract_role", "m.contract_role"),
}
_FROM = """
FROM accrued_between(:start, :end) a JOIN mailing m ON m.id = a.mailing_id JOIN dispatch d ON d.id = m.dispatch_id
LEFT JOIN organisation w ON w.id = m.owner_id LEFT JOIN organisation v ON v.id = m.advertiser_id
LEFT JOIN rental_order o ON o.id = d.order_id LEFT JOIN data_card c ON c.id = o.card_id
LEFT JOIN participation_send t ON t.id = d.participation_send_id
LEFT JOIN participation p ON p.id = t.participation_id LEFT JOIN programme g ON g.id = p.programme_id
LEFT JOIN segment s ON s.id = coalesce(o.segment_id, t.segment_id)
WHERE m.kind <> 'own'
"""
_SUMS = """
  coalesce(sum(a.events) FILTER (WHERE a.kind = 'send'), 0)::bigint AS sends,
  coalesce(sum(a.events) FILTER (WHERE a.kind = 'bounce'), 0)::bigint AS bounced,
  coalesce(sum(a.events) FILTER (WHERE a.kind IN ('click', 'lead', 'sale')), 0)::bigint AS conversions,
  sum(a.gross_micros)::bigint AS gross_micros, sum(a.owner_micros)::bigint AS owner_micros,
  sum(a.commission_micros)::bigint AS commission_micros
"""


def grouped(unit: UnitOfWork, by: str, start: datetime, end: datetime, filters: Mapping[str, str]) -> list[Row[Any]]:
    """One row for each value of a dimension: key, name, sends, bounced, conversions and micros; the largest first.

    Days and months come in their order. `filters` are dimension → key.
    """
    key, name = DIMENSIONS[by]
    wanted = "".join(f" AND {DIMENSIONS[item][0]} = :f_{item}" for item in filters)
    order = "key" if by in ("day", "month") else "gross_micros DESC, key"
    return unit.all(
        f"SELECT {key} AS key, max({name}) AS name, {_SUMS} {_FROM} {wanted} GROUP BY 1 ORDER BY {order}",
        start=start,
        end=end,
        **{f"f_{item}": value for item, value in filters.items()},
    )


def planned(unit: UnitOfWork, end: datetime) -> Row[Any]:
    """(mailings, micros, commission_micros) of what is still to leave before `end`, at its price and volume."""
    row = unit.one("SELECT * FROM planned_revenue(:end)", end=end)
    assert row is not None
    return row


def arrival(unit: UnitOfWork, since: datetime) -> Row[Any]:
    """(accepted, bounced in time) of the sends of mailings that were settled since an instant."""
    row = unit.one(
        "SELECT coalesce(sum(z.billable + z.bounced), 0)::bigint AS accepted,"
        " coalesce(sum(z.bounced), 0)::bigint AS bounced"
        " FROM settled_sends z JOIN mailing m ON m.id = z.mailing_id WHERE m.closed_at >= :since",
        since=since,
    )
    assert row is not None
    return row


def deferred(unit: UnitOfWork, month: date) -> list[Row[Any]]:
    """(account, cents) standing on the advance and third-party accounts up to the end of a month."""
    return unit.all(
        "SELECT account, sum(credit_cents - debit_cents)::bigint AS cents FROM ledger_balance"
        " WHERE account IN ('4191', '4197', '467') AND month <= CAST(:month AS date) GROUP BY account ORDER BY account",
        month=month,
    )


def conversions(unit: UnitOfWork, start: datetime, end: datetime) -> list[Row[Any]]:
    """(kind, state, number, micros) of conversions received in a span, that the actor may see."""
    return unit.all(
        "SELECT kind, state, count(*) AS number, sum(price_micros)::bigint AS micros FROM conversion"
        " WHERE received_at >= :start AND received_at < :end GROUP BY kind, state ORDER BY kind, state",
        start=start,
        end=end,
    )
