"""Withdraws from an order before it is paid."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.cancel import cancel_order


@click.command()
@click.argument("order")
@click.option("--reason", default="", help="Why; the other side reads it.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, reason: str, org_code: str, as_json: bool) -> None:
    """Withdraw from ORDER as one of its parties; once it is paid, cancel its mailing instead.

    Example: courtier cancel order_4t8w… --reason "Out of stock." --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        cancelled = cancel_order(unit, order, reason)
    show(cancelled, as_json)
