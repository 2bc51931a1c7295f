"""Places a quoted order with a signed creative."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.place import place_order


@click.command()
@click.argument("order")
@click.argument("creative")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, creative: str, org_code: str, as_json: bool) -> None:
    """Place the quote ORDER with CREATIVE, whose proof is signed; its owner is then asked to approve.

    Example: courtier order order_4t8w… crea_2b6d… --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        placed = place_order(unit, order, creative)
    show(placed, as_json)
