"""The geometry of a flow chart (Sankey) of two columns, drawn as SVG by a template: no script, no inline style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, NODE, GAP, HEIGHT = 820.0, 12.0, 9.0, 380.0
LABEL = 215.0  # room for names on either side
LEAST = 2.0  # pixels of the thinnest band


@dataclass(frozen=True, slots=True)
class Node:
    """A bar; `label_y` is where its name stands."""

    name: str | None
    customers: int
    x: float
    y: float
    height: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Band:
    """A flow: `path` of an SVG, and how thick it is. `moved` is false where nothing changed."""

    source: str | None
    target: str | None
    customers: int
    path: str
    width: float
    moved: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """What a template draws; all lengths in pixels of the view box."""

    width: float
    height: float
    left: list[Node]
    right: list[Node]
    bands: list[Band]


def flow(moves: Iterable[Mapping[str, Any]], order: Sequence[str]) -> Flow | None:
    """`moves` as {from, to, customers}, None standing for nobody before or after; None without any."""
    rows = [row for row in moves if row["customers"]]
    if not rows:
        return None
    names: list[str | None] = [*order, None]
    names += sorted({row[side] for row in rows for side in ("from", "to")} - set(names), key=str)
    whole = sum(row["customers"] for row in rows)
    sides = {side: _sums(rows, side, names) for side in ("from", "to")}
    most = max(len(side) for side in sides.values())
    scale = (HEIGHT - GAP * (most - 1)) / whole
    left = _column(sides["from"], LABEL, scale)
    right = _column(sides["to"], WIDTH - LABEL - NODE, scale)
    starts = {node.name: node.y for node in left}
    ends = {node.name: node.y for node in right}
    bands = []
    for row in sorted(rows, key=lambda row: (names.index(row["from"]), names.index(row["to"]))):
        thick = row["customers"] * scale
        y0, y1 = starts[row["from"]] + thick / 2, ends[row["to"]] + thick / 2
        starts[row["from"]] += thick
        ends[row["to"]] += thick
        x0, x1 = LABEL + NODE, WIDTH - LABEL - NODE
        middle = (x0 + x1) / 2
        path = f"M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"
        bands.append(Band(row["from"], row["to"], row["customers"], path, max(thick, LEAST), row["from"] != row["to"]))
    tall = max((node.y + node.height for node in (*left, *right)), default=0.0)
    labels = max((node.label_y for node in (*left, *right)), default=0.0)
    return Flow(WIDTH, max(tall, labels) + 10, left, right, bands)


def _sums(rows: Sequence[Mapping[str, Any]], side: str, names: Sequence[str | None]) -> list[tuple[str | None, int]]:
    found = [(name, sum(row["customers"] for row in rows if row[side] == name)) for name in names]
    return [(name, count) for name, count in found if count]


def _column(sums: Sequence[tuple[str | None, int]], x: float, scale: float) -> list[Node]:
    """Bars from the top; names are pushed down where bars are too thin to part them."""
    nodes, y, free = [], 4.0, 0.0
    for name, count in sums:
        height = count * scale
        label = max(y + height / 2 + 5, free + 17)
        free = label
        nodes.append(Node(name, count, x, y, max(height, 1.0), label))
        y += height + GAP
    return nodes
