"""What an affiliate offer says beside its price: how it is paid, its caps, whom it wishes for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from broker.kernel.errors import InvalidInput

Model = Literal["cpm", "cpc", "cpl", "cpa"]
Channel = Literal["email", "newsletter", "sms", "social"]
MODELS: tuple[Model, ...] = ("cpm", "cpc", "cpl", "cpa")
CHANNELS: tuple[Channel, ...] = ("email", "newsletter", "sms", "social")
Joining = Literal["open", "case_by_case"]
JOINING: tuple[Joining, ...] = ("open", "case_by_case")
LONGEST_ATTRIBUTION, LONGEST_REPORT = 90, 60  # days
LONGEST_VALIDATION = 67  # days: 30 by default, one extension (docs/affiliation.md)
GENDERS = ("F", "M")


@dataclass(frozen=True, slots=True)
class Wishes:
    """Whom an offer is for; empty: whoever. `ages` are years, both ends included."""

    genders: tuple[str, ...] = ()
    ages: tuple[int, int] | None = None
    regions: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()  # of the bases

    def as_json(self) -> dict[str, Any]:
        """As the row keeps it: empty wishes left out."""
        every = {"genders": self.genders, "ages": self.ages, "regions": self.regions, "sectors": self.sectors}
        return {name: list(value) for name, value in every.items() if value}


@dataclass(frozen=True, slots=True)
class JoinRules:
    """Which requests are answered at once: refused below `least_contacts`, from a base of another sector (where some
    are named), or from an owner named by its code. Empty rules answer nothing."""

    least_contacts: int | None = None
    sectors: tuple[str, ...] = ()
    refused_owners: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the row keeps it: empty rules left out."""
        every = {"sectors": list(self.sectors), "refused_owners": list(self.refused_owners)}
        return {name: value for name, value in every.items() if value} | (
            {} if self.least_contacts is None else {"least_contacts": self.least_contacts}
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """How an offer is paid and capped. CPM by `cpm_cents`; a click, lead or sale by `rate_cents`, a sale also by a
    share of it (`rate_bp`). Beside the model's rate an offer may pay more kinds (`click_cents` … `sale_bp`): a mixed
    offer. `most_names` over all owners, `owner_cap_cents` for one of them, `day_cap_cents` for one day."""

    model: Model = "cpm"
    channel: Channel = "email"
    cpm_cents: int = 0
    rate_cents: int | None = None
    rate_bp: int | None = None
    most_names: int | None = None
    owner_cap_cents: int | None = None
    validation_days: int = 30
    terms: str = ""
    wishes: Wishes = field(default_factory=Wishes)
    joining: Joining = "open"
    join_rules: JoinRules = field(default_factory=JoinRules)
    day_cap_cents: int | None = None
    attribution_days: int = 30
    report_days: int = 7
    click_cents: int | None = None
    lead_cents: int | None = None
    sale_cents: int | None = None
    sale_bp: int | None = None


def join_rules_of(raw: Mapping[str, Any]) -> JoinRules:
    """A row's rules of joining."""
    return JoinRules(raw.get("least_contacts"), tuple(raw.get("sectors", ())), tuple(raw.get("refused_owners", ())))


def wishes_of(raw: Mapping[str, Any]) -> Wishes:
    """A row's wishes."""
    ages = raw.get("ages")
    return Wishes(
        tuple(raw.get("genders", ())),
        None if not ages else (int(ages[0]), int(ages[1])),
        tuple(raw.get("regions", ())),
        tuple(raw.get("sectors", ())),
    )


def check_offer(offer: Offer) -> None:
    """Raises `bad_model`, `bad_channel`, `bad_price`, `bad_rate`, `bad_cap`, `bad_validation`, `bad_joining`,
    `bad_days`, `bad_wish`."""
    if offer.model not in MODELS:
        raise InvalidInput(f"An offer is paid by {', '.join(MODELS)}.", code="bad_model", field="model")
    if offer.channel not in CHANNELS:
        raise InvalidInput(f"An offer goes by {', '.join(CHANNELS)}.", code="bad_channel", field="channel")
    if offer.model == "cpm":
        if offer.cpm_cents <= 0:
            raise InvalidInput("The price per thousand must be at least one cent.", code="bad_price", field="cpm_cents")
        if offer.rate_cents is not None or offer.rate_bp is not None:
            raise InvalidInput("An offer per thousand has no other rate.", code="bad_rate", field="rate_cents")
    else:
        _check_rate(offer)
    _check_mixed(offer)
    for name in ("most_names", "owner_cap_cents", "day_cap_cents"):
        cap = getattr(offer, name)
        if cap is not None and cap <= 0:
            raise InvalidInput("A cap is positive; leave it empty for none.", code="bad_cap", field=name)
    if offer.joining not in JOINING:
        raise InvalidInput(f"Owners join: {', '.join(JOINING)}.", code="bad_joining", field="joining")
    for name, most in (("attribution_days", LONGEST_ATTRIBUTION), ("report_days", LONGEST_REPORT)):
        if not 1 <= getattr(offer, name) <= most:
            raise InvalidInput(f"Give 1 to {most} days.", code="bad_days", field=name)
    if not 0 <= offer.validation_days <= LONGEST_VALIDATION:
        raise InvalidInput(
            f"Leads and sales are validated within 0 to {LONGEST_VALIDATION} days.",
            code="bad_validation",
            field="validation_days",
        )
    _check_wishes(offer.wishes)


def _check_rate(offer: Offer) -> None:
    paid_by_share = offer.rate_bp is not None
    if offer.cpm_cents:
        raise InvalidInput("Only an offer by CPM has a price per thousand.", code="bad_price", field="cpm_cents")
    if paid_by_share and (offer.model != "cpa" or offer.rate_cents is not None):
        raise InvalidInput(
            "A share is paid of a sale (CPA) alone, and instead of an amount.", code="bad_rate", field="rate_bp"
        )
    if paid_by_share and not 1 <= (offer.rate_bp or 0) <= 10_000:
        raise InvalidInput("A share is more than 0 and at most 100 %.", code="bad_rate", field="rate_bp")
    if not paid_by_share and (offer.rate_cents or 0) <= 0:
        raise InvalidInput("Give the amount for a click, lead or sale.", code="bad_rate", field="rate_cents")


def _check_mixed(offer: Offer) -> None:
    """What is paid beside the model's own kind: never the same kind twice."""
    more = {"click": (offer.click_cents,), "lead": (offer.lead_cents,), "sale": (offer.sale_cents, offer.sale_bp)}
    main = {"cpc": "click", "cpl": "lead", "cpa": "sale"}.get(offer.model)
    for kind, rates in more.items():
        given = [rate for rate in rates if rate is not None]
        if given and kind == main:
            raise InvalidInput(
                f"The model itself pays a {kind}: leave this rate empty.", code="bad_rate", field=f"{kind}_cents"
            )
        if len(given) > 1 or any(rate <= 0 for rate in given):
            raise InvalidInput(
                "Pay a positive amount, or for a sale a share instead.", code="bad_rate", field=f"{kind}_cents"
            )
    if offer.sale_bp is not None and offer.sale_bp > 10_000:
        raise InvalidInput("A share is at most 100 %.", code="bad_rate", field="sale_bp")


def _check_wishes(wishes: Wishes) -> None:
    if any(gender not in GENDERS for gender in wishes.genders):
        raise InvalidInput("Wish for F, M, or both.", code="bad_wish", field="wishes")
    if wishes.ages is not None and not 0 <= wishes.ages[0] <= wishes.ages[1] <= 130:
        raise InvalidInput("Ages go from a lower to a higher number of years.", code="bad_wish", field="wishes")


def check_dates(starts_on: date, ends_on: date, today: date) -> None:
    """An offer ends after it starts, and not in the past."""
    if ends_on < starts_on or ends_on < today:
        raise InvalidInput("The programme must end after it starts, and not in the past.", field="ends_on")
