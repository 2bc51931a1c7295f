"""The only place with the SQL of private offers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.affiliation.private_model import PrivateOffer
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT f.id, f.code, f.owner_id, f.owner_name, f.advertiser_id, f.advertiser_name, f.base_id, b.code AS base_code,
       f.title, f.message, f.sector, f.terms, f.starts_on, f.ends_on, f.state, f.reason, g.code AS programme_code,
       f.made_at
FROM private_offer f LEFT JOIN base b ON b.id = f.base_id LEFT JOIN programme g ON g.id = f.programme_id
"""
_COUNT = "SELECT count(*) FROM private_offer f"
_VISIBLE = " WHERE (:staff OR f.owner_id = :org OR f.advertiser_id = :org) "


def advertiser_named(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """id and name of the advertiser of this code."""
    return unit.one("SELECT id, name FROM advertiser_named(:code)", code=code)


def insert_offer(unit: UnitOfWork, **values: Any) -> None:
    """Insert an offer; keys are its columns, `terms` as JSON text. The owner's name is read from its organisation."""
    unit.run(
        "INSERT INTO private_offer (code, owner_id, owner_name, advertiser_id, advertiser_name, base_id, title,"
        " message, sector, terms, starts_on, ends_on, made_by) SELECT :code, o.id, o.name, :advertiser_id,"
        " :advertiser_name, :base_id, :title, :message, :sector, CAST(:terms AS jsonb), :starts_on, :ends_on, :made_by"
        " FROM organisation o WHERE o.id = :owner_id",
        **values,
    )


def lock_offer(unit: UnitOfWork, code: str) -> None:
    """Hold an offer until the commit: it is answered once."""
    unit.run("SELECT id FROM private_offer WHERE code = :code FOR UPDATE", code=code)


def answer_offer(unit: UnitOfWork, offer_id: int, state: str, reason: str, programme_id: int | None) -> None:
    """Write an answer."""
    unit.run(
        "UPDATE private_offer SET state = :state, reason = :reason, programme_id = :programme,"
        " answered_by = :by, answered_at = app_now() WHERE id = :id",
        id=offer_id,
        state=state,
        reason=reason,
        programme=programme_id,
        by=unit.actor.user_id,
    )


def offer_by_code(unit: UnitOfWork, code: str) -> PrivateOffer | None:
    """An offer that the actor made or got."""
    row = unit.one(_SELECT + _VISIBLE + "AND f.code = :code", code=code, **unit.sight)
    return None if row is None else PrivateOffer(**row._mapping)


def offers_page(unit: UnitOfWork, size: int, offset: int) -> list[PrivateOffer]:
    """The newest first."""
    rows = unit.all(
        _SELECT + _VISIBLE + "ORDER BY f.id DESC LIMIT :size OFFSET :offset", size=size, offset=offset, **unit.sight
    )
    return [PrivateOffer(**row._mapping) for row in rows]


def count_offers(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar(_COUNT + _VISIBLE, **unit.sight))
