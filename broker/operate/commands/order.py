"""Places a quoted order with a signed creative, and takes its later steps."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from broker.audience.client import AudienceClient
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.front import audience_socket
from broker.operate.output import json_option, print_json, print_table
from broker.rentals.availability import find_availability, take_option
from broker.rentals.credit import order_on_credit
from broker.rentals.find import find_order
from broker.rentals.forecast import forecast_order
from broker.rentals.place import place_order
from broker.rentals.sign_order import set_purchase_order
from broker.rentals.uses import give_up_use, list_uses, plan_use


@click.command()
@click.argument("order")
@click.argument("creative", required=False)
@click.option("--option", "hold", is_flag=True, help="Hold the quote's contacts on its day for a few days.")
@click.option("--on-credit", is_flag=True, help="Put the approved order on credit instead of paying it.")
@click.option("--use-on", type=DAY, help="The day of the next use, names made good first.")
@click.option("--give-up-use", "give_up", is_flag=True, help="Give up the next use; what was prepaid is credited.")
@click.option("--free", is_flag=True, help="What is free on the order's day.")
@click.option("--uses", is_flag=True, help="The further uses of the order.")
@click.option("--forecast", is_flag=True, help="The clicks that past mailings let expect.")
@click.option("--purchase-order", help="Your own number, on the order and its invoices; with CREATIVE too.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    order: str,
    creative: str | None,
    hold: bool,
    on_credit: bool,
    use_on: datetime | None,
    give_up: bool,
    free: bool,
    uses: bool,
    forecast: bool,
    purchase_order: str | None,
    org_code: str,
    as_json: bool,
) -> None:
    """Place the quote ORDER with CREATIVE, whose proof is signed; its owner is then asked to approve.

    With an option instead of a creative, another step of the order; with neither, the order as it stands.

    \b
    Example: courtier order order_4t8w… crea_2b6d… --as org_9x1c…
             courtier order order_4t8w… --on-credit --as org_9x1c…
    """
    chosen = [hold, on_credit, use_on is not None, give_up, free, uses, forecast, creative is not None]
    if sum(chosen) > 1:
        raise InvalidInput("One step of an order at a time.", code="one_step")
    settings = invocation.settings
    audience = AudienceClient(audience_socket(settings))
    with acting(settings, org_code) as unit:
        found: Any
        if purchase_order is not None:
            set_purchase_order(unit, order, purchase_order)
        if creative is not None:
            found = place_order(unit, order, creative, audience)
        elif hold:
            found = take_option(unit, audience, settings, order)
        elif on_credit:
            found = order_on_credit(unit, order)
        elif use_on is not None:
            found = plan_use(unit, order, use_on.date())
        elif give_up:
            found = give_up_use(unit, order)
        elif free:
            found = find_availability(unit, audience, order)
        elif uses:
            _show_uses(unit, order, as_json)
            return
        else:
            found = find_order(unit, order)
            found = forecast_order(unit, found) if forecast else found
            if found is None:
                raise InvalidInput(
                    "Too few mailings of this kind were sent for a forecast.", code="no_forecast", field="order"
                )
    show(found, as_json)


def _show_uses(unit: UnitOfWork, code: str, as_json: bool) -> None:
    found = [asdict(use) for use in list_uses(unit, find_order(unit, code))]
    columns = ("kind", "volume", "price_micros", "use_until", "send_on", "mailing", "state")
    if as_json:
        print_json({"uses": [{name: use[name] for name in columns} for use in found]})
    else:
        print_table(columns, [tuple(use[name] for name in columns) for use in found])
