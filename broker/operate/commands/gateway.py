"""Reads the payment gateway's balance, compares it with the books, says how advertisers pay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import cast, get_args

import click

from broker.billing.gateway.connect import list_connect
from broker.billing.gateway.gateway_balance import ask_reading_now, explain_gateway_line
from broker.billing.gateway.gateway_payouts import ask_gateway_payout
from broker.billing.gateway.payment_rules import METHODS, find_rule, set_rule
from broker.billing.gateway.play_fake import Part, deliver, play_fake
from broker.billing.gateway.reconcile_gateway import list_lines, reconcile_gateway
from broker.operate.acting import acting, acting_database, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """The payment gateway: its balance against the books, owners' accounts, ways to pay (docs/payments.md)."""


@command.command()
@click.pass_obj
def read(invocation: Invocation) -> None:
    """Have a worker read the balance and its lines.

    Example: courtier gateway read
    """
    with acting(invocation.settings) as unit:
        ask_reading_now(unit)
    print("A worker reads it.")


@command.command()
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@json_option
@click.pass_obj
def reconcile(invocation: Invocation, first: datetime, last: datetime, as_json: bool) -> None:
    """Compare the balance with the books, line by line, with the cause of each difference.

    Example: courtier gateway reconcile --from 2026-10-01 --to 2026-10-31
    """
    with acting(invocation.settings) as unit:
        found = reconcile_gateway(unit, first.date(), last.date())
    if as_json:
        print_json(asdict(found))
        return
    for name in ("available_cents", "pending_cents", "lines_cents", "ledger_cents", "unexplained_cents", "equal"):
        print(f"{name.replace('_', ' ')}: {getattr(found, name):,}")
    rows = [(one.side, one.code, one.kind, one.day, one.cents, one.cause) for one in found.differences]
    print_table(("side", "code", "kind", "day", "cents", "cause"), rows)


@command.command()
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@json_option
@click.pass_obj
def lines(invocation: Invocation, first: datetime, last: datetime, as_json: bool) -> None:
    """List the lines of the balance with what the books say of each.

    Example: courtier gateway lines --from 2026-10-01 --to 2026-10-31
    """
    keys = ("code", "kind", "amount_cents", "fee_cents", "booked_cents", "moved_on", "available", "whose")
    with acting(invocation.settings) as unit:
        rows = [dict(row._mapping) for row in list_lines(unit, first.date(), last.date())]
    if as_json:
        print_json({"items": [{name: row[name] for name in keys} for row in rows]})
    else:
        print_table(keys, [tuple(row[name] for name in keys) for row in rows])


@command.command()
@click.argument("line")
@click.argument("account")
@click.option("--party", default="", help="The organisation, for an account of parties.")
@click.pass_obj
def explain(invocation: Invocation, line: str, account: str, party: str) -> None:
    """Say to which account a line belongs that nothing of ours made.

    Example: courtier gateway explain gwl_x1 627
    """
    with acting(invocation.settings) as unit:
        explain_gateway_line(unit, line, account, party)
    print(f"{line}: {account}; a worker books it")


@command.command()
@click.argument("cents", type=int)
@json_option
@click.pass_obj
def payout(invocation: Invocation, cents: int, as_json: bool) -> None:
    """Send CENTS of the balance to our bank.

    Example: courtier gateway payout 250000
    """
    with acting(invocation.settings) as unit:
        show(ask_gateway_payout(unit, cents), as_json)


@command.command()
@json_option
@click.pass_obj
def accounts(invocation: Invocation, as_json: bool) -> None:
    """List owners' accounts at the gateway, with the papers that it asks for.

    Example: courtier gateway accounts
    """
    with acting(invocation.settings) as unit:
        found = list_connect(unit)
    rows = [(one.code, one.owner, one.standing, ", ".join(one.due)) for one in found]
    names = ("code", "owner", "standing", "due")
    if as_json:
        print_json({"items": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table(names, rows)


@command.command()
@click.argument("advertiser")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="A way to pay; may be repeated.")
@click.option("--debit", type=click.Choice(["wait", "credit"]), help="While a direct debit is under way its order …")
@json_option
@click.pass_obj
def rule(invocation: Invocation, advertiser: str, methods: tuple[str, ...], debit: str | None, as_json: bool) -> None:
    """Show or set how ADVERTISER may pay.

    Example: courtier gateway rule org_9x1c… --method card --method sepa_debit --debit wait
    """
    with acting(invocation.settings) as unit:
        found = find_rule(unit, invocation.settings, advertiser)
        if methods or debit:
            found = set_rule(unit, invocation.settings, advertiser, methods or found.methods, debit or found.debit)
        show(found, as_json)


@command.command()
@click.argument("part", type=click.Choice([name.replace("_", "-") for name in get_args(Part)]))
@click.argument("code")
@click.option("--cents", type=click.IntRange(min=1), default=None, help="Not all of the payment.")
@click.option("--fee", type=click.IntRange(min=0), default=0, help="Cents that the gateway keeps for it.")
@click.option("--reason", default="", help="Of a debit that fails, in the gateway's words.")
@click.option("--print", "printed", is_flag=True, help="Print the webhook instead of delivering it.")
@click.pass_obj
def fake(invocation: Invocation, part: str, code: str, cents: int | None, fee: int, reason: str, printed: bool) -> None:
    """Have the demo's fake gateway do PART to the payment, order or payout CODE. A real gateway is never told.

    Example: courtier gateway fake dispute order_9x1c… --fee 2000
    """
    settings, named = invocation.settings, cast(Part, part.replace("-", "_"))
    with acting_database(settings) as database:
        payload, signature = play_fake(database, settings, named, code, cents or 0, fee, reason)
        if printed:
            print_json({"body": payload.decode(), "signature": signature})
            return
        deliver(database, settings, payload, signature)
    print("The fake did it and told us; a worker reads it.")
