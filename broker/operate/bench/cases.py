"""A benchmark of several cases: each a `Bench`, shown under its name inside the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.operate.bench.turns import Bench, Figure, machine


@dataclass(frozen=True)
class CaseBench:
    """Several cases of one benchmark in one `unit`. A peer need not take part in every case."""

    name: str
    unit: str
    cases: Mapping[str, Bench]
    notes: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """As `Bench.as_json`, with the cases' names inside: `ours.CASE`, `peers.PEER.CASE`, `ratio.PEER.CASE`."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": {case: bench.ours.as_json() for case, bench in self.cases.items()},
            "peers": self._by_peer({case: bench.peers for case, bench in self.cases.items()}),
            "ratio": self._by_peer({case: bench.ratios() for case, bench in self.cases.items()}),
            "goals": {case: dict(bench.goals) for case, bench in self.cases.items()},
            "runs": min(len(bench.ours.rounds) for bench in self.cases.values()),
            "machine": machine(),
            "notes": dict(self.notes),
        }

    def _by_peer(self, figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for case, by_peer in figures.items():
            for peer, figure in by_peer.items():
                found.setdefault(peer, {})[case] = figure.as_json()
        return found
