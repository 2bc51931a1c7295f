"""Lists orders, or shows one with its retroplanning."""

from __future__ import annotations

from typing import get_args

import click

from broker.kernel.money import format_cents
from broker.mailings.plan_order import plan_order
from broker.operate.acting import acting, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table, say
from broker.rentals.find import list_orders
from broker.rentals.model import Order, OrderState


@click.command()
@click.argument("order", required=False)
@click.option("--state", default="", type=click.Choice(["", *get_args(OrderState)]), help="Only those in this state.")
@click.option("--page", default=1, type=click.IntRange(1), help="Which page of 50.")
@click.option("--as", "org_code", default="", metavar="ORG", help="As this organisation sees them (default: all).")
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str | None, state: str, page: int, org_code: str, as_json: bool) -> None:
    """List orders, newest first (with --json one a line); with ORDER, show that one and its plan.

    Example: courtier orders --state ordered --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        if order is not None:
            found, steps = plan_order(unit, order)
        else:
            listed = list_orders(unit, state, page)
    if order is not None:
        show(found, as_json)
        if steps and not as_json:
            print()
            rows = [(s.due_on, s.code.replace("_", " "), s.who, s.state.replace("_", " "), s.done_on) for s in steps]
            print_table(("due", "step", "who", "state", "done"), rows)
        return
    if as_json:
        for one in listed.items:
            print_json(_keys(one))
        return
    if not listed.items:
        say("There are no such orders. `courtier quote CARD VOLUME --as ORG` begins one.")
        return
    print_table(
        ("order", "state", "card", "advertiser", "volume", "incl. VAT", "send on"),
        [
            (
                one.code,
                one.state.replace("_", " "),
                one.card_title,
                one.advertiser_name,
                f"{one.volume:,}",
                format_cents(one.total_cents),
                one.send_on,
            )
            for one in listed.items
        ],
    )
    if listed.pages > 1:
        say(f"Page {listed.number} of {listed.pages}; --page {listed.number % listed.pages + 1} shows another one.")


def _keys(order: Order) -> dict[str, object]:
    return {
        "code": order.code,
        "state": order.state,
        "card": order.card_code,
        "card_title": order.card_title,
        "advertiser": order.advertiser_name,
        "volume": order.volume,
        "total_cents": order.total_cents,
        "send_on": order.send_on,
        "creative": order.creative_code,
    }
