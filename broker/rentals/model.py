"""An order: its row and its state table, written here once; tests hold the database and docs/orders.md to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.money import BASIS_POINTS, micros_to_cents

OrderState = Literal[
    "quote",
    "ordered",
    "approved",
    "refused",
    "paid",
    "on_credit",
    "scheduled",
    "sending",
    "sent",
    "settled",
    "cancelled",
    "expired",
]
Party = Literal["advertiser", "owner"]


@dataclass(frozen=True, slots=True)
class Transition:
    """One possible step. `parties` may take it from pages and API; without any, workers alone take it."""

    start: OrderState
    end: OrderState
    parties: tuple[Party, ...]
    when: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("quote", "ordered", ("advertiser",), "the advertiser places it with a signed creative"),
    Transition("quote", "cancelled", ("advertiser",), "the advertiser drops the quote"),
    Transition("quote", "expired", (), "its date of validity has passed"),
    Transition("ordered", "approved", ("owner",), "the owner accepts advertiser and creative"),
    Transition("ordered", "refused", ("owner",), "the owner refuses, with a reason"),
    Transition("ordered", "cancelled", ("advertiser",), "the advertiser withdraws"),
    Transition("ordered", "expired", (), "nobody answered before the send date"),
    Transition("approved", "paid", (), "the gateway captured the prepayment"),
    Transition("approved", "on_credit", (), "the advertiser has credit terms"),
    Transition("approved", "cancelled", ("advertiser", "owner"), "one of them withdraws before the payment"),
    Transition("paid", "scheduled", (), "its mailing exists"),
    Transition("on_credit", "scheduled", (), "its mailing exists"),
    Transition("paid", "cancelled", (), "stopped before its mailing exists; the deposit is credited"),
    Transition("on_credit", "cancelled", ("advertiser", "owner"), "one of them withdraws before its mailing exists"),
    Transition("scheduled", "sending", (), "the first batch leaves"),
    Transition("scheduled", "cancelled", ("advertiser", "owner"), "its mailing is stopped; the deposit is credited"),
    Transition("sending", "sent", (), "no send is waiting any more"),
    Transition("sending", "cancelled", ("advertiser", "owner"), "its mailing is stopped; what left is billed"),
    Transition("sent", "settled", (), "invoiced to the advertiser and shared with the owner"),
    Transition("sent", "scheduled", (), "the mailing of a further use, or of names made good, exists"),
    Transition("scheduled", "sent", (), "a further use failed or was stopped before it left"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What a quote says and an order keeps. Prices are micros a send, amounts cents; they never change once quoted.

    `price_micros` is a send of the first use, `reuse_price_micros` of each further one (0: there is none), both after
    discount and re-use rate of `list_price_micros`; an agency's discount is between it and the broker, and an owner
    reads none.
    """

    code: str
    state: OrderState = "quote"
    advertiser_id: int
    owner_id: int
    card_id: int
    card_code: str
    card_title: str
    base_id: int
    segment_id: int
    volume: int
    select_rule_text: str
    size_shown: int
    price_micros: int
    vat_bp: int
    net_cents: int
    vat_cents: int
    send_on: date | None
    valid_until: datetime
    list_price_micros: int
    discount_bp: int
    reuse_bp: int
    reuse_price_micros: int
    uses: int
    use_until: date | None
    net_names: bool
    net_floor_bp: int
    run_micros: int
    shortfall: str
    tolerance_bp: int
    remedy: str | None
    remail_who: str | None
    option_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder(OrderTerms):
    """A fresh quote as it is stored; `select_rule` is JSON, `remail_of` the id of a mailing."""

    commission_bp: int
    select_rule: str | None
    created_by: int | None
    remail_of: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(OrderTerms):
    """A booking of one data card, as its reader may see it.

    `owner_name` is empty for the advertiser while the order is only a quote; `creative_code` is None until placed;
    `commission_bp`, what the broker keeps, is None for the advertiser. `remail_of` is the code of the mailing whose
    `clickers` or `non_clickers` are written to again. `refusal`: why it was refused, or ended by a party.
    `held_until`: its contacts are kept for it on its day until then; None where nothing is held.
    """

    id: int
    advertiser_name: str
    owner_name: str
    creative_id: int | None
    creative_code: str | None
    commission_bp: int | None
    contract_role: str
    refusal: str | None
    created_at: datetime
    updated_at: datetime
    remail_of: str | None
    held_until: datetime | None

    @property
    def total_cents(self) -> int:
        """Net and VAT: what a prepayment takes."""
        return self.net_cents + self.vat_cents

    @property
    def gross_micros(self) -> int:
        """All sends of all uses, in micros."""
        return self.volume * (self.price_micros + (self.uses - 1) * self.reuse_price_micros)

    @property
    def sends(self) -> int:
        """The sends of all uses."""
        return self.volume * self.uses

    @property
    def discount_cents(self) -> int:
        """What the agency's discount takes off."""
        return micros_to_cents(self.gross_micros * BASIS_POINTS // (BASIS_POINTS - self.discount_bp)) - self.net_cents


def transition(start: str, end: str) -> Transition | None:
    """The step from one state to another, or None when there is none."""
    return next((step for step in TRANSITIONS if (step.start, step.end) == (start, end)), None)


def require_transition(order: Order, end: OrderState) -> None:
    """Refuse an impossible step with a sentence that says where the order stands."""
    if order.state == end:
        raise Conflict(
            f"The order {order.code} is {end.replace('_', ' ')} already. Load it again to see who acted.",
            code="order_state",
            details={"state": order.state},
        )
    if transition(order.state, end) is None:
        raise Conflict(
            f"The order {order.code} is {order.state.replace('_', ' ')} and can no longer become"
            f" {end.replace('_', ' ')}. Load it again to see who acted.",
            code="order_state",
            details={"state": order.state},
        )


def check_volume(volume: int, minimum: int, size_shown: int, step: int) -> None:
    """An order is for a round number of names between the card's minimum and the figure shown.

    Round, because an exact volume would let an advertiser find the exact size of an audience (ARCHITECTURE section 5).
    """
    if volume < minimum:
        raise InvalidInput(
            f"The smallest order of this card is {minimum:,} names.",
            code="under_minimum",
            field="volume",
            details={"minimum": minimum},
        )
    if volume > size_shown:
        raise InvalidInput(
            f"The count shows about {size_shown:,} names; order at most that many.",
            code="over_size",
            field="volume",
            details={"size_shown": size_shown},
        )
    if volume % step:
        example = max(-(-minimum // step) * step, volume - volume % step)
        raise InvalidInput(
            f"Order a multiple of {step:,} names, for example {example:,}.",
            code="volume_not_round",
            field="volume",
            details={"step": step, "example": example},
        )


def states_table() -> str:
    """The state table as Markdown, printed in docs/orders.md."""
    rows = ["| from | to | who | when |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {step.start} | {step.end} | {' or '.join(step.parties) or 'the system'} | {step.when} |"
        for step in TRANSITIONS
    ]
    return "\n".join(rows) + "\n"
