"""Refuses an order for its owner, with a reason."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.approve import refuse_order


@click.command()
@click.argument("order")
@click.option("--reason", required=True, help="Why; the advertiser reads it.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, reason: str, org_code: str, as_json: bool) -> None:
    """Refuse ORDER in the name of the base's owner.

    Example: courtier refuse order_4t8w… --reason "We take no loans." --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        refused = refuse_order(unit, order, reason)
    show(refused, as_json)
