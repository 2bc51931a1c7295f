"""Publish a segment as a data card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from broker.audience.check import check_rule
from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.card_terms import check_terms
from broker.catalogue.find_card import find_card
from broker.catalogue.model import CardTerms, CountDesk, DataCard
from broker.catalogue.segments import find_segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule, refuse_sensitive_text
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.money import cpm_cents_to_micros
from broker.kernel.settings import TradeSettings


def publish_card(
    unit: UnitOfWork,
    audience: CountDesk,
    segment_code: str,
    title: str,
    description: str,
    sector: str,
    cpm_cents: int,
    minimum_order: int,
    selects: Sequence[Mapping[str, Any]] = (),
    terms: CardTerms | None = None,
    rules: TradeSettings | None = None,
) -> DataCard:
    """Put a segment into the catalogue, if enough of it can be rented and what is said of it may be said.

    `selects`: `{field, label, surcharge_micros}` of each field that advertisers may combine. Raises `under_floor`
    (a Conflict; details `size`, `floor`, `count`, `exclusions`), `low_quality`, `consent_coverage`, `sensitive_text`,
    `unknown_field`, `bad_price`, and of the terms `bad_language`, `bad_approval`, `unknown_advertiser`.
    """
    asked, limits = terms or CardTerms(), rules or TradeSettings()
    unit.actor.require("owner")
    for text, field, name in ((title, "title", "title"), (sector, "sector", "sector")):
        if not text.strip():
            raise InvalidInput(f"A card needs a {name}.", code=f"missing_{name}", field=field)
    for text, field in ((title, "title"), (description, "description"), (sector, "sector")):
        refuse_sensitive_text(text, field)
    price = cpm_cents_to_micros(cpm_cents)
    if price <= 0:
        raise InvalidInput("The price per thousand must be at least one cent.", code="bad_price", field="cpm_cents")
    if minimum_order <= 0:
        raise InvalidInput("The minimum order must be positive.", code="bad_minimum", field="minimum_order")
    check_terms(unit, asked)
    segment = find_segment(unit, segment_code)
    refuse_sensitive_rule(segment.rule)
    offered = _offered(unit, segment.base_id, selects)
    sized = audience.size_card(segment.base_id, segment.rule)
    if not sized["reaches_floor"]:
        raise _under_floor(sized)
    _check_worth(store.quality_score(unit, segment.base_id), sized, limits)
    code = new_code("card")
    store.insert_card(
        unit,
        code=code,
        org_id=unit.actor.org,
        base_id=segment.base_id,
        segment_id=segment.id,
        snapshot_id=sized["snapshot_id"],
        title=title.strip(),
        description=description.strip(),
        sector=sector.strip(),
        size_shown=sized["size_shown"],
        base_price_micros=price,
        minimum_order=minimum_order,
        selects=json.dumps(offered),
        profile=json.dumps(sized["profile"]),
        tables=json.dumps(sized["tables"]),
        languages=list(asked.languages),
        approval=asked.approval,
        approval_days=asked.approval_days,
        approval_note=asked.approval_note.strip(),
        refused_sectors=list(asked.refused_sectors),
        refused_advertisers=list(asked.refused_advertisers),
    )
    near = sized.get("near_card", "")
    record(unit, "card.published", "data_card", code, segment=segment_code, size_shown=sized["size_shown"], near=near)
    return find_card(unit, code)


def _offered(unit: UnitOfWork, base_id: int, selects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The selects with their fields named as the base names them."""
    columns = store.base_columns(unit, base_id) or []
    labels = {column.name: column.label for column in columns}
    offered: dict[str, dict[str, Any]] = {}
    for select in selects:
        asked = {"op": "missing", "field": str(select.get("field", ""))}
        name = check_rule(asked, columns)["field"]
        refuse_sensitive_rule({"op": "missing", "field": name})
        surcharge = select.get("surcharge_micros", 0)
        if not isinstance(surcharge, int) or surcharge < 0:
            raise InvalidInput("A surcharge is a whole number of micro-euro.", code="bad_price", field="selects")
        label = str(select.get("label") or labels[name])
        refuse_sensitive_text(label, "selects")
        offered[name] = {"field": name, "label": label, "surcharge_micros": surcharge}
    return list(offered.values())


def _check_worth(score: int | None, sized: Mapping[str, Any], limits: TradeSettings) -> None:
    """Quality of the base and proofs of consent in the segment, where the settings ask for them."""
    if score is not None and score < limits.card_quality:
        raise Conflict(
            f"The base's quality is {score} of 100; a card needs {limits.card_quality}. The page Quality says what"
            " would raise it.",
            code="low_quality",
            details={"score": score, "needed": limits.card_quality},
        )
    proved = sized["count"] - sized["exclusions"].get("consent", 0)
    if proved * 10_000 < sized["count"] * limits.card_consent_bp:
        raise Conflict(
            f"{proved:,} of the segment's {sized['count']:,} contacts have a whole proof of consent; a card needs"
            f" {limits.card_consent_bp / 100:g} %. Complete the proofs, or leave those without out of the segment.",
            code="consent_coverage",
            details={"proved": proved, "count": sized["count"]},
        )


def _under_floor(sized: Mapping[str, Any]) -> Conflict:
    cost = ", ".join(f"{name} {lost:,}" for name, lost in sized["exclusions"].items() if lost)
    taken = f" Taken away: {cost}." if cost else ""
    return Conflict(
        f"{sized['rentable']:,} of the segment's {sized['count']:,} contacts can be rented; a card needs"
        f" {sized['floor']:,}.{taken} Widen the rule, or offer the base to programmes, which have no floor.",
        code="under_floor",
        details={
            "size": sized["rentable"],
            "floor": sized["floor"],
            "count": sized["count"],
            "exclusions": sized["exclusions"],
        },
    )
