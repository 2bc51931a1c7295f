"""Measure our figures beside named peers, in turns in one run."""

from __future__ import annotations

import importlib

import click

from broker.operate.bench.cases import CaseBench
from broker.operate.bench.turns import FEWEST_ROUNDS, Bench
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table

# Each is a module of broker/operate/bench/ with `run(settings, size, rounds) -> Bench`, imported only when asked for.
BENCHES = ("import", "count", "send", "track", "ledger", "leave")


@click.command()
@click.argument("name", type=click.Choice(BENCHES))
@click.option("--size", type=click.IntRange(1), help="How much is worked on; each benchmark has its own default.")
@click.option(
    "--rounds", type=click.IntRange(FEWEST_ROUNDS), default=FEWEST_ROUNDS, show_default=True, help="Rounds counted."
)
@json_option
@click.pass_obj
def command(invocation: Invocation, name: str, size: int | None, rounds: int, as_json: bool) -> None:
    """Measure NAME. Machines are noisy: read the ratios, not the figures.

    Example: courtier bench count --size 1000000
    """
    outcome: Bench | CaseBench = importlib.import_module(f"broker.operate.bench.bench_{name}").run(
        invocation.settings, size, rounds
    )
    if as_json:
        print_json(outcome.as_json())
        return
    for title, bench in outcome.cases.items() if isinstance(outcome, CaseBench) else (("", outcome),):
        if title:
            click.echo(f"\n{title}")
        _show(bench)
    for key, value in outcome.notes.items():
        click.echo(f"{key}: {value}")


def _show(bench: Bench) -> None:
    """One table: ours, then each peer with its ratio and goal."""
    ratios = bench.ratios()
    rows = [("courtier", bench.ours, None), *((peer, figure, ratios[peer]) for peer, figure in bench.peers.items())]
    print_table(
        ("", f"median ({bench.unit})", "min", "max", "ours / peer", "goal"),
        (
            (
                label,
                f"{figure.median:,.4g}",
                f"{min(figure.rounds):,.4g}",
                f"{max(figure.rounds):,.4g}",
                f"{ratio.median:.3f} [{min(ratio.rounds):.3f}-{max(ratio.rounds):.3f}]" if ratio else "",
                bench.goals.get(label, ""),
            )
            for label, figure, ratio in rows
        ),
    )
