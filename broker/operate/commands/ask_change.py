"""Asks an advertiser for a change before its order is answered."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option
from broker.rentals.find import find_order
from broker.rentals.review import ask_change


@click.command()
@click.argument("order")
@click.argument("wish")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, wish: str, org_code: str, as_json: bool) -> None:
    """Ask for WISH in the name of the base's owner; ORDER waits until it is made.

    Example: courtier ask-change order_4t8w… "Name the price in the subject." --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        ask_change(unit, order, wish)
        found = find_order(unit, order)
    show(found, as_json)
