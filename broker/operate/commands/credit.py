"""Shows or sets how far an advertiser may order before it pays."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import click

from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.rentals.credit import find_credit, set_credit_limit


@click.command()
@click.argument("advertiser")
@click.option("--limit", help="The new limit in EUR, VAT included; 0 ends the terms for new orders.")
@json_option
@click.pass_obj
def command(invocation: Invocation, advertiser: str, limit: str | None, as_json: bool) -> None:
    """Credit terms of ADVERTISER, in the broker's name: limit, what of it is used, what is left.

    Example: courtier credit org_9x1c… --limit 12000
    """
    with acting(invocation.settings) as unit:
        found = find_credit(unit, advertiser) if limit is None else set_credit_limit(unit, advertiser, _cents(limit))
    values = {
        "limit_cents": found.limit_cents,
        "used_cents": found.used_cents,
        "left_cents": found.left_cents,
        "prepaid": found.prepaid,
        "set_at": found.set_at,
    }
    if as_json:
        print_json(values)
    else:
        print_table(("what", "value"), [(name.replace("_", " "), value) for name, value in values.items()])


def _cents(limit: str) -> int:
    """`12000` or `12000.50` EUR in cents."""
    try:
        cents = Decimal(limit.replace(",", ".")) * 100
        whole = int(cents)
    except (InvalidOperation, ValueError, OverflowError):
        whole, cents = 0, Decimal(-1)
    if cents != whole:
        raise InvalidInput(f"The limit {limit!r} is no amount in EUR, as 12000 or 12000.50.", code="bad_limit")
    return whole
