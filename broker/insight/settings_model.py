"""What an owner may set for its base: bins and classes of RFM, borders of value tiers, the horizon of potential.

Each is kept as JSON in `insight_rule`, in versions; `from_json` reads what the form or the API brought and refuses what
makes no sense with a sentence.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from broker.kernel.errors import InvalidInput

MEASURES = ("recency_days", "frequency", "monetary_cents")
SCALE = 5  # classes are named on a scale of 1 to 5, whatever the number of bins
MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class RfmClass:
    """A name and its limits on the scale of 1 to 5: recency, and the mean of frequency and monetary value."""

    name: str
    low_r: int
    high_r: int
    low_v: int
    high_v: int


# Read from the top: the first that fits names the customer.
# Source: Hughes, Strategic Database Marketing (1994), with the segment names now usual in the trade.
DEFAULT_CLASSES: tuple[RfmClass, ...] = (
    RfmClass("champions", 4, 5, 4, 5),
    RfmClass("loyal", 3, 5, 3, 5),
    RfmClass("potential_loyal", 4, 5, 2, 2),
    RfmClass("new", 4, 5, 1, 1),
    RfmClass("promising", 3, 3, 1, 2),
    RfmClass("cannot_lose", 1, 1, 5, 5),
    RfmClass("at_risk", 1, 2, 3, 5),
    RfmClass("about_to_sleep", 2, 2, 1, 2),
    RfmClass("lost", 1, 1, 1, 2),
)


@dataclass(frozen=True, slots=True)
class RfmSettings:
    """`thresholds` by measure (bins - 1 growing numbers); a measure without any is cut at its quantiles."""

    bins: int = 5
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    classes: tuple[RfmClass, ...] = DEFAULT_CLASSES

    @property
    def names(self) -> tuple[str, ...]:
        """The classes' names, in order."""
        return tuple(row.name for row in self.classes)


@dataclass(frozen=True, slots=True)
class TierSettings:
    """Borders of large and medium customers: shares of the whole in basis points, or amounts in cents."""

    method: str = "share"
    large_bp: int = 5_000
    medium_bp: int = 8_000
    revenue_large_cents: int = 100_000
    revenue_medium_cents: int = 20_000
    margin_large_cents: int = 40_000
    margin_medium_cents: int = 8_000


@dataclass(frozen=True, slots=True)
class PotentialSettings:
    """For how many days ahead purchases are expected."""

    horizon_days: int = 365


def rfm_from_json(raw: Mapping[str, Any]) -> RfmSettings:
    """Raises `bad_bins`, `bad_thresholds`, `bad_class` (field named)."""
    bins = _whole(raw.get("bins", SCALE), "bins", 2, 10)
    thresholds = {}
    for measure, cuts in dict(raw.get("thresholds") or {}).items():
        if measure not in MEASURES:
            raise InvalidInput(
                f"There is no measure {measure!r}: {', '.join(MEASURES)}.", code="bad_thresholds", field="thresholds"
            )
        if not cuts:
            continue
        if len(cuts) != bins - 1 or any(not isinstance(cut, int | float) or isinstance(cut, bool) for cut in cuts):
            raise InvalidInput(
                f"{bins} bins of {measure.replace('_', ' ')} need {bins - 1} numbers between them;"
                f" there are {len(cuts)}.",
                code="bad_thresholds",
                field=measure,
            )
        if any(one >= other for one, other in itertools.pairwise(cuts)):
            raise InvalidInput(
                f"The numbers of {measure.replace('_', ' ')} must grow.", code="bad_thresholds", field=measure
            )
        thresholds[measure] = tuple(float(cut) for cut in cuts)
    rows = raw.get("classes")
    classes = DEFAULT_CLASSES if rows is None else tuple(_class(row) for row in rows)
    _check_cover(classes)
    return RfmSettings(bins, thresholds, classes)


def tiers_from_json(raw: Mapping[str, Any]) -> TierSettings:
    """Raises `bad_tiers` (field named)."""
    default = TierSettings()
    method = raw.get("method", default.method)
    if method not in ("share", "amount"):
        raise InvalidInput("Tiers go by share or by amount.", code="bad_tiers", field="method")
    numbers = {
        name: _whole(raw.get(name, getattr(default, name)), name, 0, 10_000 if name.endswith("_bp") else 10**12)
        for name in asdict(default)
        if name != "method"
    }
    found = TierSettings(method, **numbers)
    if method == "share" and not 0 < found.large_bp < found.medium_bp:
        raise InvalidInput(
            "The share of large customers must be more than 0 and less than that of large and medium ones together.",
            code="bad_tiers",
            field="large_bp",
        )
    if method == "amount" and not (
        0 < found.revenue_medium_cents < found.revenue_large_cents
        and 0 < found.margin_medium_cents < found.margin_large_cents
    ):
        raise InvalidInput(
            "A medium customer's amount must be more than 0 and less than a large one's.",
            code="bad_tiers",
            field="revenue_medium_cents",
        )
    return found


def potential_from_json(raw: Mapping[str, Any]) -> PotentialSettings:
    """Raises `bad_number`."""
    return PotentialSettings(_whole(raw.get("horizon_days", 365), "horizon_days", 1, 3_650))


def _class(row: Mapping[str, Any] | Sequence[Any]) -> RfmClass:
    values = [row.get(key) for key in RfmClass.__slots__] if isinstance(row, Mapping) else list(row)
    name = str(values[0] or "").strip() if values else ""
    if not name or len(name) > 60 or not name.isprintable():
        raise InvalidInput("A class needs a name of at most 60 characters.", code="bad_class", field="classes")
    limits = [_whole(value, f"the limits of {name}", 1, SCALE) for value in values[1:5]]
    if len(limits) != 4 or limits[0] > limits[1] or limits[2] > limits[3]:
        raise InvalidInput(
            f"The limits of {name} are two pairs of numbers from 1 to 5, the smaller one first.",
            code="bad_class",
            field="classes",
        )
    return RfmClass(name, *limits)


def _check_cover(classes: Sequence[RfmClass]) -> None:
    """Every place of the 5 × 5 table has a class, and no name comes twice."""
    names = [row.name.casefold() for row in classes]
    if not 1 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names):
        raise InvalidInput(
            f"There are 1 to {MOST_CLASSES} classes, each with a name of its own.", code="bad_class", field="classes"
        )
    for r, v in itertools.product(range(1, SCALE + 1), repeat=2):
        if not any(row.low_r <= r <= row.high_r and row.low_v <= v <= row.high_v for row in classes):
            raise InvalidInput(
                f"No class takes customers of recency {r} and value {v}: widen one, or add one for them.",
                code="bad_class",
                field="classes",
                details={"recency": r, "value": v},
            )


def _whole(value: object, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(
            f"{name.replace('_', ' ').capitalize()}: a whole number from {least} to {most:,} is needed.",
            code="bad_bins" if name == "bins" else "bad_number",
            field=name if name.isidentifier() else "classes",
        )
    return value
