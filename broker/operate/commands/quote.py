"""Quotes a data card for an advertiser."""

from __future__ import annotations

from datetime import datetime

import click

from broker.audience.client import AudienceClient
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.front import audience_socket
from broker.operate.output import json_option
from broker.rentals.quote import quote


@click.command()
@click.argument("card")
@click.argument("volume", type=click.IntRange(1))
@click.option("--select", default="", help="The card's own selects, as a rule.")
@click.option("--send-on", type=click.DateTime(["%Y-%m-%d"]), help="The wished day.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    card: str,
    volume: int,
    select: str,
    send_on: datetime | None,
    org_code: str,
    as_json: bool,
) -> None:
    """Quote VOLUME names of CARD for an advertiser; selects are counted by the running audience process.

    Example: courtier quote card_7m2k… 30000 --select "gender = F" --as org_9x1c…
    """
    settings = invocation.settings
    with acting(settings, org_code) as unit:
        audience = AudienceClient(audience_socket(settings))
        found = quote(unit, audience, settings, card, volume, select, send_on.date() if send_on else None)
    show(found, as_json)
