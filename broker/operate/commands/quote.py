"""Quotes a data card for an advertiser, or a re-mail of one of its mailings."""

from __future__ import annotations

from datetime import date, datetime

import click

from broker.audience.client import AudienceClient
from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.front import audience_socket
from broker.operate.output import json_option
from broker.rentals.quote import quote
from broker.rentals.remail import WHO, quote_remail
from broker.rentals.sign_order import set_purchase_order
from broker.rentals.terms import Asked


@click.command()
@click.argument("card")
@click.argument("volume", type=click.IntRange(1), required=False)
@click.option("--select", default="", help="The card's own selects, as a rule.")
@click.option("--send-on", type=DAY, help="The wished day.")
@click.option("--uses", type=int, default=1, help="How many times the names may be written to: a licence.")
@click.option("--use-until", type=DAY, help="The last day of a licence's uses.")
@click.option("--net-names", is_flag=True, help="Run the volume, and pay by the net-name clause.")
@click.option("--guaranteed", is_flag=True, help="Guarantee the volume, within the tolerance.")
@click.option("--remedy", type=click.Choice(["make_good", "credit"]), default="make_good", help="For what lacks.")
@click.option("--tolerance", type=click.FloatRange(0, 50), help="Per cent by which a guaranteed volume may lack.")
@click.option("--discount", type=click.FloatRange(0, 99), default=0.0, help="An agency's discount in per cent.")
@click.option("--to", "who", type=click.Choice(WHO), help="Write again to these of the mailing given as CARD.")
@click.option("--purchase-order", default="", help="Your own number, on quote, order and invoices.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    card: str,
    volume: int | None,
    select: str,
    send_on: datetime | None,
    uses: int,
    use_until: datetime | None,
    net_names: bool,
    guaranteed: bool,
    remedy: str,
    tolerance: float | None,
    discount: float,
    who: str | None,
    purchase_order: str,
    org_code: str,
    as_json: bool,
) -> None:
    """Quote VOLUME names of CARD for an advertiser; selects are counted by the running audience process.

    \b
    Example: courtier quote card_7m2k… 30000 --select "gender = F" --as org_9x1c…
             courtier quote card_7m2k… 30000 --uses 3 --use-until 2027-06-30 --guaranteed --as org_9x1c…
             courtier quote mail_5q8r… --to clickers --as org_9x1c…
    """
    settings = invocation.settings
    asked = Asked(
        uses=uses,
        use_until=_day(use_until),
        net_names=net_names,
        shortfall="guaranteed" if guaranteed else "up_to",
        remedy="credit" if remedy == "credit" else "make_good",
        tolerance_bp=None if tolerance is None else round(tolerance * 100),
        discount_bp=round(discount * 100),
    )
    with acting(settings, org_code) as unit:
        if who is not None:
            found = quote_remail(unit, settings, card, who, volume, _day(send_on), asked)
        elif volume is None:
            raise InvalidInput("Say how many names of the card.", code="volume_missing", field="volume")
        else:
            audience = AudienceClient(audience_socket(settings))
            found = quote(unit, audience, settings, card, volume, select, _day(send_on), asked)
        if purchase_order:
            found = set_purchase_order(unit, found.code, purchase_order)
    show(found, as_json)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
