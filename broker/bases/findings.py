"""What the checks met in one block of rows, or in all blocks so far.

A block's findings are made where the block is checked, in whatever process, and added to the file's in any order; they
are kept beside the rows, so that an import that was killed goes on with what it had found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from broker.bases.sensitive import ValueWatch
from broker.bases.traits import TraitWatch

MOST_DOMAINS = 500_000  # of mail, remembered for finding misspelt ones


@dataclass(slots=True)
class Findings:
    """`reasons`, `warnings` and `normalised` are code → rows; `watches` and `types` are by column."""

    reasons: Counter[str] = field(default_factory=Counter)
    normalised: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    watches: dict[str, ValueWatch] = field(default_factory=dict)
    types: dict[str, TraitWatch] = field(default_factory=dict)

    def add(self, other: Findings) -> None:
        """Take in another block's."""
        self.reasons.update(other.reasons)
        self.normalised.update(other.normalised)
        self.warnings.update(other.warnings)
        if len(self.domains) < MOST_DOMAINS:
            self.domains.update(other.domains)
        for name, watch in other.watches.items():
            self.watches.setdefault(name, ValueWatch()).add(watch)
        for name, type_ in other.types.items():
            self.types.setdefault(name, TraitWatch(month_first=type_.month_first, given=type_.given)).add(type_)

    def as_dict(self) -> dict[str, Any]:
        """For a file of JSON."""
        return {
            "reasons": self.reasons,
            "normalised": self.normalised,
            "warnings": self.warnings,
            "domains": self.domains,
            "watches": {name: watch.as_dict() for name, watch in self.watches.items()},
            "types": {name: asdict(watch) for name, watch in self.types.items()},
        }

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Findings:
        """From what `as_dict` gave."""
        return Findings(
            Counter(kept["reasons"]),
            Counter(kept["normalised"]),
            Counter(kept["warnings"]),
            Counter(kept["domains"]),
            {name: ValueWatch.of(watch) for name, watch in kept["watches"].items()},
            {name: TraitWatch(**watch) for name, watch in kept["types"].items()},
        )
