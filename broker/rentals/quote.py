"""Quote a card for a volume: what it costs, and until when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Protocol

from broker.accounts.mandate_store import paying_seat
from broker.accounts.store import organisation
from broker.audience.parse import parse_rule
from broker.audience.rule import Rule, fields_of
from broker.audit.record import record
from broker.bases.keep_days import require_free
from broker.catalogue.card_terms import refuse_unwanted
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import micros_to_cents
from broker.kernel.settings import CompanySettings, Settings
from broker.ledger.vat import Party
from broker.rentals import store
from broker.rentals.model import NewOrder, Order, check_volume
from broker.rentals.price import Price, price_of, run_price
from broker.rentals.regulated import check_order_sector
from broker.rentals.sale_terms import sale_terms
from broker.rentals.terms import PLAIN, Asked, Terms, settle_terms


class Counter(Protocol):
    """The part of the audience client that a quote asks."""

    def count_for_advertiser(
        self, viewer_org_id: int, card_id: int, select_rule: Rule | None, send_on: date | None = None
    ) -> Mapping[str, Any]:
        """`{"shown": n}`: the guarded figure of a selection inside a card, net of what is held on a day."""


def quote(
    unit: UnitOfWork,
    audience: Counter,
    settings: Settings,
    card_code: str,
    volume: int,
    select_text: str = "",
    send_on: date | None = None,
    asked: Asked = PLAIN,
) -> Order:
    """Price `volume` names of a card, narrowed by the card's own selects, for the advertiser that asks.

    The list price of a send is the card's base price plus the surcharge of each select used. With a day, the volume
    is held to what is free on it. Raises `Conflict` (`card_retired`, `day_kept` and its kin), `InvalidInput`
    (`under_minimum`, `over_size`, `not_free`, `volume_not_round`, `select_not_offered`, `under_smallest_count`,
    `send_date_passed`, and as `settle_terms`).
    """
    unit.actor.require("advertiser")
    card = offered(unit, card_code)
    require_send_date(unit, card.base_id, send_on)
    terms = settle_terms(asked, settings.trade, unit.today, send_on)
    rule = parse_rule(select_text) if select_text.strip() else None
    listed = card.base_price_micros + (_surcharge(rule, card.selects) if rule else 0)
    price = price_of(listed, uses=terms.uses, reuse_bp=terms.reuse_bp, discount_bp=terms.discount_bp)
    size = _size(unit, audience, card, rule, volume, send_on)
    check_volume(volume, card.minimum_order, size, settings.disclosure.rounding)
    return write_quote(unit, settings, card, card_code, volume, select_text, rule, size, send_on, terms, price)


def write_quote(
    unit: UnitOfWork,
    settings: Settings,
    card: store.CardTerms,
    card_code: str,
    volume: int,
    select_text: str,
    rule: Rule | None,
    size: int,
    send_on: date | None,
    terms: Terms,
    price: Price,
    remail: tuple[int, str] | None = None,
) -> Order:
    """Store a priced quote of the acting advertiser; `remail` is (mailing, who) of a re-mail."""
    advertiser = organisation(unit, unit.actor.org)
    if advertiser is None:
        raise NotFound("Your organisation no longer exists.")
    check_order_sector(unit, advertiser.sector or "", rule)
    sale = sale_terms(
        unit,
        card.owner_id,
        company_party(settings.company),
        Party(*paying_seat(unit)),
        settings.trade.vat_bp,
    )
    micros = price.gross_micros(volume, terms.uses)
    net = micros_to_cents(micros)
    code = new_code("order")
    order_id = store.insert_order(
        unit,
        NewOrder(
            code=code,
            advertiser_id=unit.actor.org,
            owner_id=card.owner_id,
            card_id=card.card_id,
            card_code=card_code,
            card_title=card.title,
            base_id=card.base_id,
            segment_id=card.segment_id,
            volume=volume,
            select_rule_text=select_text.strip(),
            select_rule=None if rule is None else json.dumps(rule),
            size_shown=size,
            price_micros=price.first_micros,
            commission_bp=settings.trade.commission_bp,
            vat_bp=sale.main.bp,
            net_cents=net,
            vat_cents=sale.vat_cents(1, micros, settings.trade.commission_bp),
            send_on=send_on,
            valid_until=unit.now + timedelta(days=settings.trade.quote_days),
            created_by=unit.actor.user_id,
            list_price_micros=price.list_micros,
            discount_bp=terms.discount_bp,
            reuse_bp=terms.reuse_bp,
            reuse_price_micros=price.reuse_micros,
            uses=terms.uses,
            use_until=terms.use_until,
            net_names=terms.net_names,
            net_floor_bp=terms.net_floor_bp,
            run_micros=run_price(terms.run_charge_cents, price.reuse_micros or price.first_micros),
            shortfall=terms.shortfall,
            tolerance_bp=terms.tolerance_bp,
            remedy=terms.remedy,
            option_days=terms.option_days,
            remail_of=None if remail is None else remail[0],
            remail_who=None if remail is None else remail[1],
        ),
    )
    record(unit, "order.quoted", "rental_order", code, card=card_code, volume=volume, net_cents=net, uses=terms.uses)
    order = store.order_by_id(unit, order_id)
    assert order is not None
    return order


def company_party(company: CompanySettings) -> Party:
    """The platform's company as VAT sees it."""
    return Party(company.country, company.postcode, company.vat_number)


def require_send_date(unit: UnitOfWork, base_id: int, send_on: date | None) -> None:
    """Refuse a day that has passed (`send_date_passed`), and one that the owner keeps (`day_kept` and its kin)."""
    if send_on is None:
        return
    if send_on < unit.today:
        raise InvalidInput("The send date has passed.", code="send_date_passed", field="send_on")
    require_free(unit, base_id, send_on)


def offered(unit: UnitOfWork, card_code: str) -> store.CardTerms:
    """A card that is published, and that the acting advertiser may book."""
    card = store.card_terms(unit, card_code)
    if card is None:
        raise NotFound(f"There is no data card {card_code!r}.", field="card")
    if card.state != "published":
        raise Conflict(
            "This card is no longer offered. Search the catalogue for another.", code="card_retired", field="card"
        )
    refuse_unwanted(unit, card_code)
    return card


def _size(
    unit: UnitOfWork, audience: Counter, card: store.CardTerms, rule: Rule | None, volume: int, send_on: date | None
) -> int:
    """The guarded figure that the volume is held to."""
    size = card.size_shown
    if rule is not None:
        size = int(audience.count_for_advertiser(unit.actor.org, card.card_id, rule)["shown"])
        if size == 0:
            raise InvalidInput(
                "Too few people match this selection for it to be counted. Widen it.",
                code="under_smallest_count",
                field="select_rule",
            )
    if send_on is None:
        return size
    free = int(audience.count_for_advertiser(unit.actor.org, card.card_id, rule, send_on)["shown"])
    if volume > free and volume <= size:
        raise InvalidInput(
            f"About {free:,} of these names are free on {send_on}: others hold them, or they have had enough mail."
            " Order fewer, or choose another day."
            if free
            else f"Fewer of these names than may be shown are free on {send_on}. Choose another day.",
            code="not_free",
            field="volume",
            details={"free": free, "send_on": send_on.isoformat()},
        )
    return min(size, free) if free else size


def _surcharge(rule: Rule, selects: list[dict[str, Any]]) -> int:
    """Micros a send for the selects that a rule uses; a field is paid for once however often it is asked."""
    # Rules name fields in any case.
    prices = {str(select["field"]).casefold(): int(select.get("surcharge_micros", 0)) for select in selects}
    used = {name.casefold() for name in fields_of(rule)}
    foreign = sorted(used - prices.keys())
    if foreign:
        offered = ", ".join(sorted(prices)) or "none"
        raise InvalidInput(
            f"This card offers no select on {', '.join(foreign)}; it offers: {offered}.",
            code="select_not_offered",
            field="select_rule",
            details={"offered": offered},
        )
    return sum(prices[name] for name in used)
