"""What an order costs, in whole micros: list price, agency discount, re-use rate, net-name clause.

Worked tables stand in docs/orders.md. Every function is exact: no float, and what is rounded is rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker.kernel.errors import InvalidInput
from broker.kernel.money import BASIS_POINTS, MICROS_PER_CENT

ChargeKind = Literal["net_floor", "run"]


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a send in micros: of the first use, and of each further one (0 where there is none)."""

    list_micros: int
    first_micros: int
    reuse_micros: int

    def gross_micros(self, volume: int, uses: int) -> int:
        """All sends of an order."""
        return volume * (self.first_micros + (uses - 1) * self.reuse_micros)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a mailing costs besides its sends: `quantity` names at `unit_micros`."""

    kind: ChargeKind
    quantity: int
    unit_micros: int

    @property
    def micros(self) -> int:
        """In all."""
        return self.quantity * self.unit_micros


def price_of(list_micros: int, *, uses: int = 1, reuse_bp: int, discount_bp: int = 0, remail: bool = False) -> Price:
    """From the list price (card and selects): the agency's discount, then the re-use rate; each rounded down.

    A re-mail is a re-use from its first send on. Raises `bad_discount`, `price_too_low` (nothing would be left).
    """
    if not 0 <= discount_bp < BASIS_POINTS:
        raise InvalidInput("A discount is between 0 and 99.99 %.", code="bad_discount", field="discount")
    first = list_micros * (BASIS_POINTS - discount_bp) // BASIS_POINTS
    again = first * reuse_bp // BASIS_POINTS
    price = Price(list_micros, again if remail else first, again if uses > 1 else 0)
    if min(first, again) <= 0:
        raise InvalidInput("The price of a send would round to nothing.", code="price_too_low", field="discount")
    return price


def run_price(run_charge_cents: int, price_micros: int) -> int:
    """Micros for a name that was run and is not paid, from cents a thousand: never more than a name's price, so that
    an order under the clause never costs more than without."""
    return min(run_charge_cents * MICROS_PER_CENT // 1_000, price_micros)


def net_name_charges(supplied: int, mailed: int, floor_bp: int, price_micros: int, run_micros: int) -> list[Charge]:
    """The clause: of `supplied` names run, `mailed` were left after duplicates. Paid are those, but at least the floor
    share (rounded up to a whole name); the rest costs the run charge. The mailed ones are paid by their sends."""
    if not 0 <= mailed <= supplied:
        raise InvalidInput("More names were mailed than run.", code="bad_net_names")
    floor = -(-supplied * floor_bp // BASIS_POINTS)
    paid = max(mailed, floor)
    charges = [Charge("net_floor", paid - mailed, price_micros), Charge("run", supplied - paid, run_micros)]
    return [charge for charge in charges if charge.micros]


def split_charge(micros: int, commission_bp: int) -> tuple[int, int]:
    """(owner's micros, commission) of a charge: the commission rounded down, the rest the owner's."""
    commission = micros * commission_bp // BASIS_POINTS
    return micros - commission, commission


def names_short(ordered: int, mailed: int, tolerance_bp: int) -> int:
    """How many names of a guaranteed volume are missing: all of them once the tolerance is exceeded, else none."""
    missing = max(0, ordered - mailed)
    return missing if missing * BASIS_POINTS > ordered * tolerance_bp else 0
