"""The only place with the programmes' SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.catalogue.programme_model import Programme
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT g.id, g.code, g.advertiser_id, coalesce(party_name(g.advertiser_id), '') AS advertiser_name, g.title,
       g.description, g.sector, g.model, g.price_micros,
       commission_shown(NULL, g.id) AS commission_bp, g.budget_cents, g.creative_id,
       c.code AS creative_code, g.starts_on, g.ends_on, g.state, g.created_at, g.channel, g.rate_cents, g.rate_bp,
       g.most_names, g.owner_cap_cents, g.validation_days, g.wishes, g.terms, g.terms_version, g.joining, g.join_rules,
       g.day_cap_cents, g.attribution_days, g.report_days, g.click_cents, g.lead_cents, g.sale_cents, g.sale_bp,
       g.only_owner_id IS NOT NULL AS private
FROM programme g JOIN creative c ON c.id = g.creative_id
"""
# A private one is seen by its owner, any one by who joined it, also when it has ended.
_VISIBLE = """ (:staff OR g.advertiser_id = :org OR (:owner AND (
  (g.state = 'open' AND (g.only_owner_id IS NULL OR g.only_owner_id = :org))
  OR EXISTS (SELECT 1 FROM participation j WHERE j.programme_id = g.id AND j.owner_id = :org)))) """
# Those who opened them, and the broker, look at the programmes themselves; owners at the open ones (open_programme:
# a table without policies, so that words use their index).
_LISTED = """
 WHERE (:words = '' OR g.words @@ websearch_to_tsquery('french', :words)
        OR g.words @@ websearch_to_tsquery('english', :words))
   AND (:sector = '' OR g.sector = :sector) AND
"""
_COUNT = "SELECT count(*) FROM programme g"


def creative_of(unit: UnitOfWork, code: str, org_id: int) -> Row[Any] | None:
    """id and state of an advertiser's creative."""
    return unit.one("SELECT id, state FROM creative WHERE code = :code AND org_id = :org", code=code, org=org_id)


def insert_programme(unit: UnitOfWork, **values: Any) -> None:
    """Insert an open programme; keys are its columns, `wishes` as JSON text."""
    unit.run(
        "INSERT INTO programme (code, advertiser_id, title, description, sector, model, price_micros, commission_bp,"
        " budget_cents, creative_id, starts_on, ends_on, channel, rate_cents, rate_bp, most_names, owner_cap_cents,"
        " validation_days, wishes, terms, joining, join_rules, day_cap_cents, attribution_days, report_days,"
        " click_cents, lead_cents, sale_cents, sale_bp, only_owner_id, postback_key)"
        " VALUES (:code, :advertiser_id, :title, :description, :sector, :model,"
        " :price_micros, :commission_bp, :budget_cents, :creative_id, :starts_on, :ends_on, :channel, :rate_cents,"
        " :rate_bp, :most_names, :owner_cap_cents, :validation_days, CAST(:wishes AS jsonb), :terms,"
        " :joining, CAST(:join_rules AS jsonb), :day_cap_cents, :attribution_days, :report_days, :click_cents,"
        " :lead_cents, :sale_cents, :sale_bp, :only_owner_id, :postback_key)",
        **values,
    )


def programme_by_code(unit: UnitOfWork, code: str) -> Programme | None:
    """A programme the actor may see."""
    row = unit.one(_SELECT + "WHERE g.code = :code AND" + _VISIBLE, code=code, **_sight(unit))
    return None if row is None else Programme(**row._mapping)


def programmes_page(unit: UnitOfWork, words: str, sector: str, size: int, offset: int) -> list[Programme]:
    """An advertiser's own programmes, all of them for staff; the newest first."""
    rows = unit.all(
        _SELECT + _LISTED + _VISIBLE + "ORDER BY g.id DESC LIMIT :size OFFSET :offset",
        words=words,
        sector=sector,
        size=size,
        offset=offset,
        **_sight(unit),
    )
    return [Programme(**row._mapping) for row in rows]


def count_programmes(unit: UnitOfWork, words: str, sector: str) -> int:
    """How many there are of them."""
    return int(unit.scalar(_COUNT + _LISTED + _VISIBLE, words=words, sector=sector, **_sight(unit)))


def programmes_by_ids(unit: UnitOfWork, ids: list[int]) -> list[Programme]:
    """Programmes the actor may see, in the order of their ids here."""
    rows = unit.all(_SELECT + "WHERE g.id = ANY(:ids) AND" + _VISIBLE, ids=ids, **_sight(unit))
    found = {row.id: Programme(**row._mapping) for row in rows}
    return [found[one] for one in ids if one in found]


def close_programme(unit: UnitOfWork, programme_id: int, org_id: int) -> None:
    """Close an advertiser's programme."""
    unit.run(
        "UPDATE programme SET state = 'closed' WHERE id = :id AND advertiser_id = :org", id=programme_id, org=org_id
    )


def change_programme(unit: UnitOfWork, programme_id: int, **values: Any) -> None:
    """Set columns of an advertiser's own programme; keys are columns that the front may write."""
    sets = ", ".join(
        f"{name} = CAST(:{name} AS jsonb)" if name == "join_rules" else f"{name} = :{name}" for name in values
    )
    unit.run(
        f"UPDATE programme SET {sets} WHERE id = :id AND advertiser_id = :org",  # noqa: S608 - names of ours
        id=programme_id,
        org=unit.actor.org,
        **values,
    )


def secret_of(unit: UnitOfWork, programme_id: int) -> Row[Any] | None:
    """postback_key, postback_version and former_postback_until of an advertiser's own programme."""
    return unit.one(
        "SELECT postback_key, postback_version, former_postback_until FROM programme"
        " WHERE id = :id AND advertiser_id = :org",
        id=programme_id,
        org=unit.actor.org,
    )


def use_of(unit: UnitOfWork, programme_id: int) -> tuple[int, int]:
    """(micros of clicks, leads and sales, micros reserved by picked sends) of a programme, over all owners."""
    row = unit.one(
        "SELECT coalesce((SELECT u.micros FROM programme_use u WHERE u.programme_id = g.id AND u.owner_id = 0"
        " AND u.day = 'epoch'), 0)::bigint AS used, (SELECT coalesce(sum(t.volume), 0) FROM participation_send t"
        " JOIN participation p ON p.id = t.participation_id WHERE p.programme_id = g.id AND t.state <> 'withdrawn'"
        " AND NOT t.newsletter)::bigint * g.price_micros AS reserved FROM programme g WHERE g.id = :id",
        id=programme_id,
    )
    return (0, 0) if row is None else (row.used, row.reserved)


def _sight(unit: UnitOfWork) -> dict[str, object]:
    return {**unit.sight, "owner": unit.actor.role == "owner"}
