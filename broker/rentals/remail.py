"""Write again to those of a sent mailing who clicked, or who did not: an order of its own, at the re-use rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import DisclosureSettings, Settings
from broker.rentals import terms_store as store
from broker.rentals.model import Order, check_volume
from broker.rentals.price import price_of
from broker.rentals.quote import offered, require_send_date, write_quote
from broker.rentals.terms import PLAIN, Asked, settle_terms

WHO = ("clickers", "non_clickers")
LATEST_DAYS = 180  # later the people of a mailing are no better than any others


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom a mailing reached, in round numbers of names that may be ordered again; 0: too few."""

    clickers: int
    non_clickers: int


def find_reached(unit: UnitOfWork, disclosure: DisclosureSettings, mailing_code: str) -> Reached:
    """For the advertiser of a sent mailing: how many of either kind may be written to again."""
    unit.actor.require("advertiser")
    past = store.past_mailing(unit, mailing_code)
    if past is None or (unit.actor.role != "system" and past.advertiser_id != unit.actor.org):
        raise NotFound(f"There is no mailing {mailing_code!r} of yours.", field="mailing")
    if past.state != "sent":
        raise Conflict("This mailing has not been sent to its end.", code="mailing_not_sent", field="mailing")
    reached, clickers = store.reached_by(unit, past.id)
    return Reached(_orderable(clickers, disclosure), _orderable(reached - clickers, disclosure))


def quote_remail(
    unit: UnitOfWork,
    settings: Settings,
    mailing_code: str,
    who: str,
    volume: int | None = None,
    send_on: date | None = None,
    asked: Asked = PLAIN,
) -> Order:
    """Quote a re-mail: the card and selects of the first order, its list price at the re-use rate; by default for all.

    The minimum order does not bind a re-use; the smallest number of people is the guard's difference threshold. Raises
    `bad_remail`, `mailing_not_sent`, `remail_too_late`, `too_few_people`, and as `quote`.
    """
    if who not in WHO:
        raise InvalidInput(f"Write again to {' or '.join(WHO)}.", code="bad_remail", field="who")
    reached = find_reached(unit, settings.disclosure, mailing_code)
    past = store.past_mailing(unit, mailing_code)
    assert past is not None
    if past.ended_at is not None and past.ended_at < unit.now - timedelta(days=LATEST_DAYS):
        raise Conflict(
            f"This mailing was sent over {LATEST_DAYS} days ago: book its card anew.", code="remail_too_late"
        )
    size = reached.clickers if who == "clickers" else reached.non_clickers
    if not size:
        raise InvalidInput(
            f"Fewer than {settings.disclosure.difference_threshold:,} people are left to be written to again.",
            code="too_few_people",
            field="who",
        )
    if asked.uses != 1 or asked.net_names:
        raise InvalidInput("A re-mail is one use, and its names are net.", code="bad_remail", field="uses")
    card = offered(unit, past.card_code)
    require_send_date(unit, card.base_id, send_on)
    terms = settle_terms(asked, settings.trade, unit.today, send_on)
    price = price_of(past.list_price_micros, reuse_bp=terms.reuse_bp, discount_bp=terms.discount_bp, remail=True)
    volume = size if volume is None else volume
    step = settings.disclosure.rounding
    check_volume(volume, step, size, step)
    return write_quote(
        unit,
        settings,
        card,
        past.card_code,
        volume,
        past.select_rule_text,
        past.select_rule,
        size,
        send_on,
        terms,
        price,
        remail=(past.id, who),
    )


def _orderable(people: int, disclosure: DisclosureSettings) -> int:
    """A round number of names, none below the threshold under which a group is no crowd."""
    return 0 if people < disclosure.difference_threshold else people // disclosure.rounding * disclosure.rounding
