"""Approves or refuses an order for its owner."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.approve import approve_order, refuse_order


@click.command()
@click.argument("order")
@click.option("--refuse", "reason", help="Refuse instead, for this reason.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, reason: str | None, org_code: str, as_json: bool) -> None:
    """Approve ORDER in the name of the base's owner, or refuse it.

    Example: courtier approve order_4t8w… --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        answered = approve_order(unit, order) if reason is None else refuse_order(unit, order, reason)
    show(answered, as_json)
