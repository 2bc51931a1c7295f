"""Queries of open offers as owners browse them, and of what past sends brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

_WORDS = "(words @@ websearch_to_tsquery('french', :words) OR words @@ websearch_to_tsquery('english', :words))"


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
            parts.append(_WORDS)
            values["words"] = self.words
        return " AND ".join(parts), values


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


def own_clicks(unit: UnitOfWork, base_id: int) -> tuple[int, int]:
    """(accepted mails, human clicks) of the base's affiliate mailings of the last year; its owner's alone."""
    row = unit.one(
        "SELECT coalesce(sum(r.accepted), 0)::bigint AS accepted, coalesce(sum(r.clicks), 0)::bigint AS clicks FROM ("
        " SELECT (SELECT count(*) FROM send x WHERE x.dispatch_id = m.dispatch_id AND x.mailing_id = m.id"
        "   AND x.state = 'accepted' AND NOT x.seed) AS accepted,"
        "  (SELECT count(*) FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human') AS clicks"
        " FROM mailing m WHERE m.base_id = :base_id AND m.owner_id = :org AND m.kind = 'affiliate'"
        "  AND m.ended_at > app_now() - interval '1 year') r",
        base_id=base_id,
        org=unit.actor.org,
    )
    return (0, 0) if row is None else (row.accepted, row.clicks)


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
