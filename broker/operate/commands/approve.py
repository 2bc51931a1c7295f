"""Approves or refuses an order for its owner."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.approve import approve_order, refuse_order
from broker.rentals.find import find_order
from broker.rentals.review import ask_change


@click.command()
@click.argument("order")
@click.option("--refuse", "reason", help="Refuse instead, for this reason.")
@click.option("--ask-change", "wish", help="Ask the advertiser for another message instead.")
@click.option("--creative", default="", help="The creative that was read: no other is approved.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    order: str,
    reason: str | None,
    wish: str | None,
    creative: str,
    org_code: str,
    as_json: bool,
) -> None:
    """Approve ORDER in the name of the base's owner, refuse it, or ask for a change.

    Example: courtier approve order_4t8w… --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        if wish is not None:
            ask_change(unit, order, wish)
            answered = find_order(unit, order)
        else:
            answered = approve_order(unit, order, creative) if reason is None else refuse_order(unit, order, reason)
    show(answered, as_json)
