"""The count desk: an advertiser asks for the size of selections inside cards, one or several together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from broker.audience.parse import parse_rule
from broker.audience.rule import Rule, fields_of
from broker.catalogue import search_store
from broker.catalogue.find_card import find_published_card
from broker.catalogue.model import CountDesk, PublishedCard
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.money import micros_to_cents

MOST_CARDS = 10


@dataclass(frozen=True, slots=True)
class DeskLine:
    """One card of a desk: its guarded figure with its selects, and the price of a send with their surcharges."""

    card: PublishedCard
    select_text: str
    shown: int
    price_micros: int

    @property
    def cpm_cents(self) -> int:
        """The price of a thousand sends."""
        return self.price_micros // 10


@dataclass(frozen=True, slots=True)
class DeskCount:
    """Several cards together: `shown` people stand in any of them, each counted once; 0 reads "fewer than …"."""

    shown: int
    lines: tuple[DeskLine, ...]

    @property
    def together_cents(self) -> int:
        """What all names of the lines would cost, before VAT: somebody on two cards is paid on both."""
        return sum(micros_to_cents(line.shown * line.price_micros) for line in self.lines)


def count_card(unit: UnitOfWork, audience: CountDesk, card_code: str, select_text: str = "") -> int:
    """The guarded figure of the card narrowed by its own selects; 0 reads "fewer than the smallest count shown".

    Raises `bad_rule`, `select_not_offered`, `question_budget`, `audience_unavailable`.
    """
    unit.actor.require("advertiser")
    card = find_published_card(unit, card_code)
    return int(audience.count_for_advertiser(unit.actor.org, card.card_id, _select(card, select_text))["shown"])


def count_on_desk(
    unit: UnitOfWork,
    audience: CountDesk,
    asked: Sequence[tuple[str, str]],
    send_on: date | None = None,
) -> DeskCount:
    """`asked`: (card code, select text) of up to ten different cards, of one base or several.

    Duplicates between them are taken out of the whole, and from all figures whoever the advertiser's own opt-outs and
    suppression files name. Raises as `count_card`, and `no_cards`, `too_many_cards`, `same_card`.
    """
    unit.actor.require("advertiser")
    lines = list(dict.fromkeys(asked))
    if not lines:
        raise InvalidInput("Put a card on the desk first.", code="no_cards", field="cards")
    if len(lines) > MOST_CARDS:
        raise InvalidInput(f"The desk holds {MOST_CARDS} cards at a time.", code="too_many_cards", field="cards")
    codes = [code for code, _ in lines]
    twice = next((code for code in codes if codes.count(code) > 1), None)
    if twice is not None:
        raise InvalidInput(
            f"The card {twice} stands on the desk with two selections: join them with `or` in one.",
            code="same_card",
            field="cards",
        )
    found = {card.code: card for card in search_store.cards_by_codes(unit, [code for code, _ in lines])}
    gone = next((code for code, _ in lines if code not in found), None)
    if gone is not None:
        raise NotFound(f"There is no published card {gone!r}; it may have been retired.", field="card")
    selects = [_select(found[code], text) for code, text in lines]
    told = audience.count_cards(
        unit.actor.org,
        [{"card_id": found[code].card_id, "select_rule": rule} for (code, _), rule in zip(lines, selects, strict=True)],
        send_on,
    )
    return DeskCount(
        int(told["shown"]),
        tuple(
            _line(found[code], text.strip(), rule, part)
            for (code, text), rule, part in zip(lines, selects, told["parts"], strict=True)
        ),
    )


def _line(card: PublishedCard, text: str, rule: Rule | None, part: Mapping[str, object]) -> DeskLine:
    used = set() if rule is None else {name.casefold() for name in fields_of(rule)}
    surcharge = sum(int(one["surcharge_micros"]) for one in card.selects if str(one["field"]).casefold() in used)
    return DeskLine(card, text, int(str(part["shown"])), card.base_price_micros + surcharge)


def _select(card: PublishedCard, text: str) -> Rule | None:
    if not text.strip():
        return None
    try:
        return parse_rule(text)
    except InvalidInput as error:
        sentence = f"{card.title}: {error.sentence}"
        raise InvalidInput(sentence, code=error.code, field="select_rule", details=error.details) from None
