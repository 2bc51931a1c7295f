"""Queries of the catalogue's search: published cards only, a table of public columns without policies."""

from __future__ import annotations

from typing import Any

from broker.catalogue.model import PublishedCard
from broker.catalogue.search_model import SIZE_BANDS, CardSearch
from broker.catalogue.store import PUBLISHED
from broker.kernel.database import UnitOfWork

# Both languages at once: the words of a search may be French or English, as those of a card may.
WORDS = "(words @@ websearch_to_tsquery('french', :words) OR words @@ websearch_to_tsquery('english', :words))"
_FIT = (
    "(ts_rank(words, websearch_to_tsquery('french', :words)) + ts_rank(words, websearch_to_tsquery('english', :words)))"
)
_IN_REGION = (
    "EXISTS (SELECT 1 FROM jsonb_array_elements(profile -> 'region') r"
    " WHERE r ->> 'value' = :region AND (r ->> 'share')::int >= 1)"
)
_FILTERS = {
    "words": WORDS,
    "sector": "sector = :sector",
    "region": _IN_REGION,
    "kind": "contact_kind = :kind",
    "language": ":language = ANY (languages)",
    "size": "size_shown BETWEEN :low AND :high",
    "most_cents": "base_price_micros <= CAST(:most_cents AS bigint) * 10",
}
_SORTS = {
    "fit": f"{_FIT} DESC, size_shown DESC, card_id DESC",
    "newest": "card_id DESC",
    "size": "size_shown DESC, card_id DESC",
    "price": "base_price_micros, card_id DESC",
    "results": "clicks_bp DESC NULLS LAST, card_id DESC",
}
_FACETS = {
    "sector": "sector",
    "kind": "contact_kind",
    "language": "unnest(languages)",
    "size": f"width_bucket(size_shown, ARRAY[{', '.join(str(low) for low, _ in SIZE_BANDS[1:])}]::bigint[])::text",
}


def cards_page(unit: UnitOfWork, asked: CardSearch, limit: int, offset: int) -> list[PublishedCard]:
    """Cards that answer a search, in its order."""
    where, values = _where(asked)
    rows = unit.all(
        f"{PUBLISHED} {where} ORDER BY {_SORTS[asked.order]} LIMIT :limit OFFSET :offset",
        limit=limit,
        offset=offset,
        **{"words": "", **values},
    )
    return [PublishedCard(**row._mapping) for row in rows]


def count_cards(unit: UnitOfWork, asked: CardSearch) -> int:
    """How many cards answer."""
    where, values = _where(asked)
    return int(unit.scalar(f"SELECT count(*) FROM published_card {where}", **values))  # noqa: S608 - parts of ours


def facet(unit: UnitOfWork, asked: CardSearch, name: str) -> dict[str, int]:
    """How many cards each value of a facet has, under all other filters of the search."""
    where, values = _where(asked, but=name)
    rows = unit.all(
        f"SELECT {_FACETS[name]} AS value, count(*) AS cards FROM published_card {where} GROUP BY 1 ORDER BY 2 DESC, 1",  # noqa: S608 - ours
        **values,
    )
    return {row.value: row.cards for row in rows}


def people_by_region(unit: UnitOfWork, asked: CardSearch) -> dict[str, int]:
    """About how many people of each region the cards that answer hold together, from the guarded sheets."""
    where, values = _where(asked, but="region")
    rows = unit.all(
        "SELECT r ->> 'value' AS region, sum(size_shown * (r ->> 'share')::int / 100)::bigint AS people"  # noqa: S608 - ours
        f" FROM (SELECT size_shown, profile FROM published_card {where}) c,"
        " jsonb_array_elements(c.profile -> 'region') r WHERE r ->> 'share' IS NOT NULL GROUP BY 1",
        **values,
    )
    return {row.region: row.people for row in rows}


def cards_by_codes(unit: UnitOfWork, codes: list[str]) -> list[PublishedCard]:
    """Published cards of these codes, in no order."""
    return [PublishedCard(**row._mapping) for row in unit.all(f"{PUBLISHED} WHERE code = ANY(:codes)", codes=codes)]


def card_refusal(unit: UnitOfWork, code: str) -> str:
    """Why the acting organisation is not taken by a card: advertiser, sector, or nothing."""
    return str(unit.scalar("SELECT card_refusal(:code)", code=code) or "")


def _where(asked: CardSearch, but: str = "") -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {
        "words": asked.words,
        "sector": asked.sector,
        "region": asked.region,
        "kind": asked.kind,
        "language": asked.language,
        "most_cents": asked.most_cents,
    }
    used = {name: value for name, value in values.items() if value and name != but}
    parts = [_FILTERS[name] for name in used]
    if asked.size is not None and but != "size":
        parts.append(_FILTERS["size"])
        used |= {"low": SIZE_BANDS[asked.size][0], "high": SIZE_BANDS[asked.size][1]}
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), used
