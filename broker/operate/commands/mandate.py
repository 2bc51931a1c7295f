"""Gives, ends and lists agencies' mandates."""

from __future__ import annotations

from datetime import datetime

import click

from broker.accounts.give_mandate import end_mandate, give_mandate, list_mandates
from broker.accounts.mandate_model import BillTo
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Let an agency order in an advertiser's name, and see who may.

    Example: courtier mandate list --as org_9x1c…
    """


@command.command()
@click.argument("agency")
@click.option("--bill-to", type=click.Choice(["advertiser", "agency"]), required=True, help="Who is invoiced.")
@click.option("--until", type=DAY, help="The last day; none: until it is ended.")
@click.option("--reference", default="", help="Of the written mandate.")
@as_option
@json_option
@click.pass_obj
def give(
    invocation: Invocation,
    agency: str,
    bill_to: BillTo,
    until: datetime | None,
    reference: str,
    org_code: str,
    as_json: bool,
) -> None:
    """Let AGENCY order in the name of the advertiser that --as names.

    Example: courtier mandate give org_7k2m… --bill-to agency --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        last = until.date() if until else None
        given = give_mandate(unit, agency, bill_to, ends_on=last, reference=reference)
    show(given, as_json)


@command.command()
@click.argument("mandate")
@as_option
@json_option
@click.pass_obj
def end(invocation: Invocation, mandate: str, org_code: str, as_json: bool) -> None:
    """End MANDATE at once; what was ordered stays ordered.

    Example: courtier mandate end man_4t8w… --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        ended = end_mandate(unit, mandate)
    show(ended, as_json)


@command.command("list")
@as_option
@json_option
@click.pass_obj
def show_all(invocation: Invocation, org_code: str, as_json: bool) -> None:
    """The mandates that an organisation is a party of.

    Example: courtier mandate list --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        found = list_mandates(unit)
    if as_json:
        keys = ("code", "agency_code", "advertiser_code", "bill_to", "starts_on", "ends_on", "state")
        print_json({"mandates": [{key: getattr(one, key) for key in keys} for one in found]})
        return
    print_table(
        ("mandate", "agency", "advertiser", "invoices to", "from", "until", "state"),
        [
            (one.code, one.agency_name, one.advertiser_name, one.bill_to, one.starts_on, one.ends_on, one.state)
            for one in found
        ],
    )
