"""Run the whole main job on a fresh demo instance, then serve the pages."""

from __future__ import annotations

import click

from broker.operate.cli import Invocation
from broker.operate.demo.instance import WANTED_CONTACTS
from broker.operate.demo.run import run_demo
from broker.operate.output import json_option, print_json


@click.command()
@click.option(
    "--contacts",
    type=click.IntRange(2_000, 5_000_000),
    default=WANTED_CONTACTS,
    show_default=True,
    help="People in the large base's file.",
)
@click.option(
    "--volume", type=click.IntRange(100), default=30_000, show_default=True, help="Names the advertiser orders."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed writes the same files.")
@click.option("--no-serve", is_flag=True, help="End after the report instead of serving the pages.")
@json_option
@click.pass_obj
def command(invocation: Invocation, contacts: int, volume: int, seed: int, no_serve: bool, as_json: bool) -> None:
    """Run the main job end to end: import, publish, book, send, react, settle.

    Everything is real but the recipients, who are simulated, and the payment gateway, which is a local fake. The demo
    has an instance of its own: an earlier demo's data are removed, nothing else is touched.

    Example: courtier demo --contacts 150000 --volume 30000 --no-serve --json
    """
    result = run_demo(
        invocation.settings, contacts=contacts, volume=volume, seed=seed, serve=not no_serve and not as_json
    )
    if as_json:
        print_json(result)
