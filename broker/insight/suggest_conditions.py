"""What one may ask about a trait: a value, a tag, a run of quantile bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import TAG_MARK
from broker.audience.rule import Rule

BINS = 10
MOST_VALUES = 40  # of one category, the most frequent

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One term over one trait; `wanted` one truth value a code."""

    rule: Rule
    trait: int
    wanted: Mask


def conditions_of(
    name: str, kind: str, values: Any, given: Mask, people: NDArray[np.int64], trait: int, fewest: int
) -> list[Condition]:
    """What one may ask about a trait: values, tags or runs of bins that hold enough people."""
    size = len(given) + 1

    def condition(rule: Rule, wanted: Mask) -> Condition:
        table = np.zeros(size, dtype=np.bool_)
        table[1:] = wanted & given
        return Condition(rule, trait, table)

    if kind == "bool":
        return [
            condition({"op": "=", "field": name, "value": value}, np.array([not value, value]))
            for value in (True, False)
        ]
    if kind in ("category", "tags"):
        texts = values.to_pylist()
        by_text: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            if text is not None and given[place]:
                for part in text.split(TAG_MARK) if kind == "tags" else (text,):
                    by_text.setdefault(part, []).append(place)
        sizes = {text: int(people[1:][places].sum()) for text, places in by_text.items() if text}
        frequent = sorted((text for text in sizes if sizes[text] >= fewest), key=lambda text: (-sizes[text], text))
        op = "has" if kind == "tags" else "="
        found = []
        for text in frequent[:MOST_VALUES]:
            wanted = np.zeros(len(texts), dtype=np.bool_)
            wanted[by_text[text]] = True
            found.append(condition({"op": op, "field": name, "value": text}, wanted))
        return found if len(by_text) > 1 else []
    if kind != "number":
        return []
    return [
        condition(_range(name, low, high, edge), wanted) for low, high, edge, wanted in _runs(values, given, people)
    ]


def _runs(values: Any, given: Mask, people: NDArray[np.int64]) -> list[tuple[Any, Any, str, Mask]]:
    """Runs of up to BINS quantile bins: (lowest, highest value, which end is open, values inside)."""
    numbers = np.asarray(values)
    weights = people[1:] * given
    order = np.argsort(numbers, kind="stable")
    total = int(weights.sum())
    if total == 0:
        return []
    bins = np.zeros(len(numbers), dtype=np.int64)
    bins[order] = np.minimum((np.cumsum(weights[order]) - weights[order]) * BINS // total, BINS - 1)
    filled = np.unique(bins[given & (weights > 0)])
    if len(filled) < 2:
        return []
    runs = []
    for start in range(len(filled)):
        for end in range(start, len(filled)):
            if (start, end) == (0, len(filled) - 1):
                continue
            inside = given & (bins >= filled[start]) & (bins <= filled[end])
            low, high = numbers[inside].min(), numbers[inside].max()
            edge = "low" if start == 0 else "high" if end == len(filled) - 1 else ""
            within = given & (numbers <= high if edge == "low" else numbers >= low)
            runs.append((low, high, edge, within if edge else given & (numbers >= low) & (numbers <= high)))
    return runs


def _range(name: str, low: Any, high: Any, edge: str) -> Rule:
    if edge == "low":
        return {"op": "<=", "field": name, "value": _plain(high)}
    if edge == "high":
        return {"op": ">=", "field": name, "value": _plain(low)}
    if low == high:
        return {"op": "=", "field": name, "value": _plain(low)}
    return {"op": "between", "field": name, "low": _plain(low), "high": _plain(high)}


def _plain(value: Any) -> int | float:
    found: int | float = value.item()
    return int(found) if isinstance(found, float) and found.is_integer() and abs(found) < 2**53 else found
