"""Answers the change that an owner asked for."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.review import make_change


@click.command()
@click.argument("order")
@click.argument("creative")
@click.option("--note", default="", help="A note to the owner, in the thread of the order.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, creative: str, note: str, org_code: str, as_json: bool) -> None:
    """Put CREATIVE, whose proof is signed, in the place of the one that the owner of ORDER wants changed.

    Example: courtier change order_4t8w… crea_2b6d… --note "Less red, as you asked" --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        changed = make_change(unit, order, creative, note)
    show(changed, as_json)
