"""Queries of open offers as owners browse them, and of what past sends brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from broker.catalogue.search_store import WORDS
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class OfferSearch:
    """Empty fields ask for nothing."""

    words: str = ""
    sector: str = ""
    model: str = ""
    channel: str = ""

    def where(self, today: date) -> tuple[str, dict[str, Any]]:
        """The conditions in use, and their values. An offer that has ended is no offer."""
        values: dict[str, Any] = {"today": today}
        parts = ["ends_on >= :today"]
        for name in ("sector", "model", "channel"):
            if value := getattr(self, name):
                parts.append(f"{name} = :{name}")
                values[name] = value
        if self.words:
            parts.append(WORDS)
            values["words"] = self.words
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class OwnResults:
    """What a base's affiliate mailings brought: accepted mails, persons' clicks, leads and sales not declined."""

    mails: int = 0
    clicks: int = 0
    leads: int = 0
    sales: int = 0


def newest_sql(asked: OfferSearch, today: date) -> tuple[str, dict[str, Any]]:
    """A page of the newest offers that answer, by id."""
    where, values = asked.where(today)
    return (
        f"SELECT programme_id FROM open_programme WHERE {where}"  # noqa: S608 - parts of ours
        " ORDER BY programme_id DESC LIMIT :size OFFSET :offset"
    ), values


def newest(unit: UnitOfWork, asked: OfferSearch, size: int, offset: int) -> list[int]:
    """The ids of a page of the newest offers."""
    sql, values = newest_sql(asked, unit.today)
    return [row.programme_id for row in unit.all(sql, size=size, offset=offset, **values)]


def count_offers(unit: UnitOfWork, asked: OfferSearch) -> int:
    """How many offers answer."""
    where, values = asked.where(unit.today)
    return int(unit.scalar(f"SELECT count(*) FROM open_programme WHERE {where}", **values))  # noqa: S608 - ours


def to_be_matched(unit: UnitOfWork, asked: OfferSearch) -> list[Row[Any]]:
    """id and wishes of every offer that answers."""
    where, values = asked.where(unit.today)
    return unit.all(f"SELECT programme_id, wishes FROM open_programme WHERE {where}", **values)  # noqa: S608 - ours


def own_results(unit: UnitOfWork, base_id: int) -> OwnResults:
    """What the base's affiliate mailings of the last year brought; its owner's alone."""
    row = unit.one(
        "SELECT coalesce(sum(r.mails), 0)::bigint AS mails, coalesce(sum(r.clicks), 0)::bigint AS clicks,"
        " coalesce(sum(r.leads), 0)::bigint AS leads, coalesce(sum(r.sales), 0)::bigint AS sales FROM ("
        " SELECT (SELECT count(*) FROM send x WHERE x.dispatch_id = m.dispatch_id AND x.mailing_id = m.id"
        "   AND x.state = 'accepted' AND NOT x.seed) AS mails,"
        "  (SELECT count(*) FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human') AS clicks,"
        "  (SELECT count(*) FROM conversion c WHERE c.mailing_id = m.id AND c.kind = 'lead'"
        "   AND c.state NOT IN ('refused', 'declined')) AS leads,"
        "  (SELECT count(*) FROM conversion c WHERE c.mailing_id = m.id AND c.kind = 'sale'"
        "   AND c.state NOT IN ('refused', 'declined')) AS sales"
        " FROM mailing m WHERE m.base_id = :base_id AND m.owner_id = :org AND m.kind = 'affiliate'"
        "  AND m.ended_at > app_now() - interval '1 year') r",
        base_id=base_id,
        org=unit.actor.org,
    )
    return OwnResults() if row is None else OwnResults(**row._mapping)


def sector_conversions(unit: UnitOfWork, sector: str, kind: str) -> tuple[int, int] | None:
    """(accepted mails, leads or sales) of a sector over all owners, rounded; None where too few had any."""
    row = unit.one("SELECT accepted, conversions FROM sector_conversions(:sector, :kind)", sector=sector, kind=kind)
    return None if row is None or not row.accepted else (row.accepted, row.conversions)


def mean_sale(unit: UnitOfWork, programme_id: int) -> int | None:
    """The mean amount of a programme's sales, in cents, as far as the actor sees them: an owner its own."""
    mean = unit.scalar(
        "SELECT round(avg(amount_cents)) FROM conversion WHERE programme_id = :id AND kind = 'sale'"
        " AND state IN ('approved', 'locked', 'paid') AND (advertiser_id = :org OR owner_id = :org)",
        id=programme_id,
        org=unit.actor.org,
    )
    return None if mean is None else int(mean)


def sector_clicks(unit: UnitOfWork, sector: str) -> tuple[int, int] | None:
    """The same over all owners, rounded; None where too few owners and advertisers had any."""
    row = unit.one("SELECT accepted, clicks FROM sector_clicks(:sector)", sector=sector)
    return None if row is None or not row.accepted else (row.accepted, row.clicks)


def base_facts(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """id, sector and current_snapshot_id of a base of the actor's organisation."""
    return unit.one(
        "SELECT id, sector, current_snapshot_id FROM base WHERE code = :code AND org_id = :org",
        code=code,
        org=unit.actor.org,
    )
