"""Open offers for an owner: the newest, or those that fit one of its bases best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.audience.rule import EVERYBODY, Rule
from broker.catalogue import offers_store, programme_store
from broker.catalogue.match import Match, Profile, Revenue, match_of, revenue_of
from broker.catalogue.offer_model import wishes_of
from broker.catalogue.offers_store import OfferSearch, OwnResults
from broker.catalogue.programme_model import Programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.paging import Page, offset


class ProfileDesk(Protocol):
    """The part of the audience client that tells an owner its own base's profile."""

    def own_profile(self, base_id: int, rule: Rule) -> Mapping[str, Any]:
        """`{people, profile: {field: [{value, count, base}]}}`."""


@dataclass(frozen=True, slots=True)
class Matched:
    """An offer, with how it fits the base asked about (None: no base was)."""

    programme: Programme
    match: Match | None
    revenue: Revenue | None


def browse_offers(
    unit: UnitOfWork,
    audience: ProfileDesk,
    asked: OfferSearch,
    base_code: str = "",
    *,
    page: int = 1,
    size: int = 25,
) -> Page[Matched]:
    """Open offers that answer; with a base those that fit it best come first, else the newest."""
    unit.actor.require("owner")
    skip, total = offset(page, size), offers_store.count_offers(unit, asked)
    if not base_code:
        found = programme_store.programmes_by_ids(unit, offers_store.newest(unit, asked, size, skip))
        return Page([Matched(one, None, None) for one in found], total, page, size)
    base = _base(unit, base_code)
    profile = base_profile(audience, base)
    matches = {
        row.programme_id: match_of(wishes_of(row.wishes), profile, base.sector)
        for row in offers_store.to_be_matched(unit, asked)
    }
    best = sorted(matches, key=lambda one: (-matches[one].score, -one))[skip : skip + size]
    own, known = offers_store.own_results(unit, base.id), Known()
    return Page(
        [
            Matched(one, matches[one.id], expected_revenue(unit, one, own, known))
            for one in programme_store.programmes_by_ids(unit, best)
        ],
        total,
        page,
        size,
    )


def match_programme(unit: UnitOfWork, audience: ProfileDesk, programme: Programme, base_code: str) -> Matched:
    """One offer beside one of the actor's bases."""
    unit.actor.require("owner")
    base = _base(unit, base_code)
    found = match_of(wishes_of(programme.wishes), base_profile(audience, base), base.sector)
    return Matched(programme, found, expected_revenue(unit, programme, offers_store.own_results(unit, base.id), {}))


def base_profile(audience: ProfileDesk, base: Any) -> Profile:
    """The exact profile of a base, for its owner; none before the first import."""
    if base.current_snapshot_id is None:
        return {}
    profile: Profile = audience.own_profile(base.id, EVERYBODY)["profile"]
    return profile


Known = dict[tuple[str, str], tuple[int, int] | None]  # sector, kind → what it brought, asked once a page


def expected_revenue(unit: UnitOfWork, programme: Programme, own: OwnResults, known: Known) -> Revenue:
    """What a thousand mails may bring; where clicks, leads or sales are paid, from one's own and the sector's past."""
    if programme.model == "cpm":
        return revenue_of("cpm", programme.price_micros, None, programme.commission_bp or 0, (0, 0), None)
    kind = {"cpc": "click", "cpl": "lead", "cpa": "sale"}[programme.model]
    asked = (programme.sector, kind)
    if asked not in known:
        known[asked] = (
            offers_store.sector_clicks(unit, programme.sector)
            if kind == "click"
            else offers_store.sector_conversions(unit, *asked)
        )
    sector = known[asked]
    rate = programme.rate_cents
    if programme.rate_bp is not None:
        mean = offers_store.mean_sale(unit, programme.id)
        rate = None if mean is None else mean * programme.rate_bp // 10_000
    paid = (own.mails, getattr(own, f"{kind}s"))
    return revenue_of(programme.model, programme.price_micros, rate, programme.commission_bp or 0, paid, sector)


def _base(unit: UnitOfWork, code: str) -> Any:
    base = offers_store.base_facts(unit, code)
    if base is None:
        raise NotFound(f"There is no base {code!r} of yours.", field="base")
    return base
