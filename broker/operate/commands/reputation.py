"""How mail fares by sending domain, relay and mailbox provider; releases what is held."""

from __future__ import annotations

from dataclasses import asdict

import click

from broker.delivery.reputation import list_holds, release_hold, standing_of
from broker.delivery.reputation_model import KINDS, HoldKind
from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table


@click.command()
@click.option("--by", "kind", type=click.Choice(KINDS), default="sending_domain", help="A row for each of these.")
@click.option("--hours", type=click.IntRange(1, 9_600), default=24, help="How far back.")
@click.option("--release", "code", default="", metavar="HOLD", help="Let this held mail go on.")
@click.option("--reason", default="", help="Why it may go on.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation, kind: HoldKind, hours: int, code: str, reason: str, org_code: str, as_json: bool
) -> None:
    """Shows how mail fares and what is held; releases a hold. For the broker.

    Example: courtier reputation --by provider --as org_broker…
    """
    with acting(invocation.settings, org_code) as unit:
        if code:
            release_hold(unit, code, reason)
        found, held = standing_of(unit, kind, hours), list_holds(unit)
    if as_json:
        print_json({"standings": [asdict(one) for one in found], "holds": [asdict(one) for one in held]})
        return
    print_table(
        (kind.replace("_", " "), "accepted", "refused", "blocked", "deferred", "hard", "complaints"),
        [(one.name, one.accepted, one.refused, one.blocked, one.deferred, one.hard, one.complaints) for one in found],
    )
    for one in held:
        print(
            f"held: {one.code} {one.kind} {one.name}, {one.reason}: {one.counted} of {one.sent} since {one.at:%F %H:%M}"
        )
