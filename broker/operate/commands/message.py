"""Reads the thread of an order, or writes to it."""

from __future__ import annotations

import click

from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.rentals.thread import read_thread, write_message


@click.command()
@click.argument("order")
@click.argument("text", required=False)
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, text: str | None, org_code: str, as_json: bool) -> None:
    """Show the messages of ORDER as an organisation reads them; with TEXT, write one first.

    Example: courtier message order_4t8w… "Which offer is it?" --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        messages = read_thread(unit, order) if text is None else write_message(unit, order, text)
    if as_json:
        keys = ("code", "party", "writer", "at", "text")
        print_json({"messages": [{key: getattr(one, key) for key in keys} for one in messages]})
        return
    print_table(
        ("at", "party", "writer", "message"),
        [(f"{one.at:%Y-%m-%d %H:%M}", one.party, one.writer, one.text) for one in messages],
    )
