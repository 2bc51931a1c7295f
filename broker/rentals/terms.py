"""What an advertiser may ask of an order besides its volume: uses, net names, a guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from broker.kernel.errors import InvalidInput
from broker.kernel.money import BASIS_POINTS
from broker.kernel.settings import TradeSettings

Shortfall = Literal["up_to", "guaranteed"]
Remedy = Literal["make_good", "credit"]
MOST_USES = 52


@dataclass(frozen=True, slots=True)
class Asked:
    """The terms asked for. One use, up to the volume, every mailed name paid: what nothing else is said about.

    `use_until`: the last day of a licence's further uses. `net_names`: the volume is run and its duplicates measured.
    `remedy`: for names that a guaranteed volume lacks; `tolerance_bp` None is the trade's. `discount_bp` is an agency's
    and never an advertiser's own word: the doors of advertisers do not take it.
    """

    uses: int = 1
    use_until: date | None = None
    net_names: bool = False
    shortfall: Shortfall = "up_to"
    remedy: Remedy = "make_good"
    tolerance_bp: int | None = None
    discount_bp: int = 0


PLAIN = Asked()


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms as an order keeps them; amounts are micros a name."""

    uses: int
    use_until: date | None
    net_names: bool
    net_floor_bp: int
    run_charge_cents: int
    shortfall: Shortfall
    tolerance_bp: int
    remedy: Remedy | None
    reuse_bp: int
    discount_bp: int
    option_days: int


def settle_terms(asked: Asked, trade: TradeSettings, today: date, send_on: date | None) -> Terms:
    """Check what was asked and fill in the trade's own figures.

    Raises `bad_uses`, `bad_use_until`, `bad_shortfall`, `bad_remedy`, `bad_tolerance`.
    """
    if not 1 <= asked.uses <= MOST_USES:
        raise InvalidInput(f"A licence is for 1 to {MOST_USES} uses.", code="bad_uses", field="uses")
    first = send_on or today
    until = asked.use_until
    if asked.uses == 1 and until is not None:
        raise InvalidInput(
            "One use has its send date; a period goes with several uses.", code="bad_use_until", field="use_until"
        )
    if asked.uses > 1:
        until = until or first + timedelta(days=trade.licence_months * 365 // 12)
        if until <= first:
            raise InvalidInput(
                "The period of a licence ends after its first use.", code="bad_use_until", field="use_until"
            )
    if asked.shortfall not in ("up_to", "guaranteed"):
        raise InvalidInput("Order up_to a volume, or guaranteed.", code="bad_shortfall", field="shortfall")
    if asked.remedy not in ("make_good", "credit"):
        raise InvalidInput("What lacks is made good (make_good) or credited.", code="bad_remedy", field="remedy")
    guaranteed = asked.shortfall == "guaranteed"
    tolerance = trade.tolerance_bp if asked.tolerance_bp is None else asked.tolerance_bp
    if not 0 <= tolerance <= 5_000:
        raise InvalidInput("A tolerance is between 0 and 50 %.", code="bad_tolerance", field="tolerance")
    return Terms(
        uses=asked.uses,
        use_until=until,
        net_names=asked.net_names,
        net_floor_bp=min(trade.net_floor_bp, BASIS_POINTS),
        run_charge_cents=trade.run_charge_cents,
        shortfall=asked.shortfall,
        tolerance_bp=tolerance if guaranteed else 0,
        remedy=asked.remedy if guaranteed else None,
        reuse_bp=min(trade.reuse_bp, BASIS_POINTS),
        discount_bp=asked.discount_bp,
        option_days=trade.option_days,
    )
