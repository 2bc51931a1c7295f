"""Measuring in turns: peer, ours, peer, ours, … so that a machine's drift meets all alike.

Figures are medians of the rounds with minimum and maximum; a ratio is taken round by round (ours over the peer that ran
beside it), then its median. What a figure means (a rate or seconds) is said by `unit`.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click

FEWEST_ROUNDS = 5
Measure = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """One contender's rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds)

    def as_json(self) -> dict[str, float]:
        """Median, minimum, maximum."""
        return {"median": self.median, "min": min(self.rounds), "max": max(self.rounds)}


@dataclass(frozen=True)
class Bench:
    """The outcome of one benchmark: `ours` and `peers` in `unit`."""

    name: str
    unit: str
    ours: Figure
    peers: Mapping[str, Figure]
    goals: Mapping[str, str]  # peer -> the ratio aimed at, as written in the goals
    notes: Mapping[str, object]

    def ratios(self) -> dict[str, Figure]:
        """Ours over each peer, round by round."""
        return {
            name: Figure(tuple(one / other for one, other in zip(self.ours.rounds, peer.rounds, strict=True)))
            for name, peer in self.peers.items()
        }

    def as_json(self) -> dict[str, object]:
        """The keys of `courtier bench --json`."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.as_json(),
            "peers": {name: peer.as_json() for name, peer in self.peers.items()},
            "ratio": {name: ratio.as_json() for name, ratio in self.ratios().items()},
            "goals": dict(self.goals),
            "runs": len(self.ours.rounds),
            "machine": machine(),
            "notes": dict(self.notes),
        }


def take_turns(ours: Measure, peers: Mapping[str, Measure], rounds: int) -> tuple[Figure, dict[str, Figure]]:
    """Run every contender once unmeasured, then `rounds` times in turns (at least five)."""
    contenders = {**peers, "ours": ours}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(max(rounds, FEWEST_ROUNDS) + 1):
        for name, measure in contenders.items():
            click.echo(f"\r  round {number}: {name:<40}", err=True, nl=False)
            figure = measure()
            if number:  # the first round warms caches and is not counted
                taken[name].append(figure)
    click.echo("\r" + " " * 60 + "\r", err=True, nl=False)
    figures = {name: Figure(tuple(values)) for name, values in taken.items()}
    return figures.pop("ours"), figures


def machine() -> str:
    """What it ran on: cores, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.machine()}, Python {version}"
