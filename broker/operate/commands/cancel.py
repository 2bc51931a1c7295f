"""Withdraws from an order, with its mailing where it has one."""

from __future__ import annotations

import click

from broker.mailings.withdraw import withdraw_order
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option


@click.command()
@click.argument("order")
@click.option("--reason", default="", help="Why; the other side reads it.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, reason: str, org_code: str, as_json: bool) -> None:
    """Withdraw from ORDER as one of its parties. Once its mailing is planned that is stopped with it: what has left is
    billed, the rest of what was paid is credited.

    Example: courtier cancel order_4t8w… --reason "Out of stock." --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        cancelled = withdraw_order(unit, order, reason)
    show(cancelled, as_json)
