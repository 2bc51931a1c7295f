"""Pays owners: propose, approve by a second person, the bank's file, what came back, holds on suspicion."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import click

from broker.billing.bank.export_sepa import make_sepa_file
from broker.billing.bank.left_out import left_out
from broker.billing.bank.owner_balances import owner_balances
from broker.billing.bank.payout_holds import clear_hold, hold_payouts, list_holds, release_hold
from broker.billing.bank.payout_thresholds import list_thresholds, set_threshold
from broker.billing.bank.payouts import approve_payout, confirm_payout, fail_payout, propose_payouts
from broker.billing.bank.return_payout import return_payout
from broker.billing.bank.take_status import take_status
from broker.billing.bank.velocity import list_alerts
from broker.billing.gateway.transfer_store import payouts_page
from broker.kernel.errors import Conflict
from broker.kernel.money import format_cents
from broker.operate.acting import acting, show
from broker.operate.as_person import as_person, by_option
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table, say

OWED = (
    "owner", "owner_code", "owed_cents", "state", "due_on", "waiting_cents", "contested_cents", "under_way_cents",
    "books_cents", "gateway_cents", "threshold_cents",
)  # fmt: skip
SHOWN = ("owner", "owed_cents", "state", "due_on", "under_way_cents", "books_cents", "gateway_cents")
COLUMNS = ("code", "owner", "amount_cents", "state", "proposed_by", "approved_by", "paid_on", "returned_on", "held")
LONG_AGO = date(2000, 1, 1)
LEFT_OUT = {
    "org_frozen": "it is frozen",
    "account_waits": "its account is too new",
    "no_account": "no account of it is approved",
    "below": "below the threshold, and not due yet",
    "negative": "it owes us: that nets into its next payout",
}


@click.group()
def command() -> None:
    """Money for owners, under four eyes (docs/payments.md)."""


@command.command("list")
@click.option("--state", "states", multiple=True, help="Only these: proposed, approved, exported, paid, returned …")
@json_option
@click.pass_obj
def list_(invocation: Invocation, states: tuple[str, ...], as_json: bool) -> None:
    """List payouts, those that wait for somebody first.

    Example: courtier payout list --state proposed
    """
    with acting(invocation.settings) as unit:
        rows = [{name: getattr(row, name) for name in COLUMNS} for row in payouts_page(unit, states, 1_000)]
    _print(rows, as_json)


@command.command()
@click.option("--until", type=DAY, required=True, help="What falls due until this day.")
@by_option
@json_option
@click.pass_obj
def propose(invocation: Invocation, until: datetime, by: str, as_json: bool) -> None:
    """Propose a payout for each owner with something due.

    Example: courtier payout propose --until 2026-12-31 --by anna@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        made = propose_payouts(unit, invocation.settings, until.date())
        left = left_out(unit, invocation.settings, until.date())
    rows = [{"code": one.code, "owner": one.owner, "amount_cents": one.amount_cents, "state": one.state}
            for one in made]  # fmt: skip
    if not as_json:
        for one in left:
            until_then = f" (due {one.due_on})" if one.why == "below" else ""
            say(f"{one.owner} was left out, {format_cents(one.cents)}: {LEFT_OUT[one.why]}{until_then}")
    _print(rows, as_json)


@command.command()
@click.argument("code")
@by_option
@json_option
@click.pass_obj
def approve(invocation: Invocation, code: str, by: str, as_json: bool) -> None:
    """Approve a payout: another person than proposed it.

    Example: courtier payout approve pout_x1 --by bernard@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        show(approve_payout(unit, code, invocation.settings.payment.day_limit_cents), as_json)


@command.command("file")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder.")
@json_option
@click.pass_obj
def file_(invocation: Invocation, out: Path, as_json: bool) -> None:
    """Write the bank's file (pain.001) of all that is approved; what cannot be paid as it stands is left out.

    Example: courtier payout file --out bank
    """
    with acting(invocation.settings) as unit:
        made = make_sepa_file(unit, invocation.settings, LONG_AGO, unit.today)
        if made is None:
            raise Conflict("Nothing is approved and waits for a file.", code="nothing_to_export")
        out.mkdir(parents=True, exist_ok=True)
        (out / made.name).write_bytes(made.content)
    for code, why in made.left_out:
        say(f"{code} was left out: {why}")
    values = {"file": str(out / made.name), "transfers": made.transfers, "cents": made.cents}
    left = [{"code": code, "why": why} for code, why in made.left_out]
    if as_json:
        print_json({**values, "left_out": left})
    else:
        print_table(("what", "value"), list(values.items()))


@command.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def status(invocation: Invocation, report: Path, as_json: bool) -> None:
    """Read the bank's answer to a file (pain.002): what it refused can be proposed again.

    Example: courtier payout status pain002.xml
    """
    with acting(invocation.settings) as unit:
        show(take_status(unit, report.read_bytes()), as_json)


@command.command()
@click.argument("code")
@click.argument("day", type=DAY)
@click.pass_obj
def confirm(invocation: Invocation, code: str, day: datetime) -> None:
    """Say that a payout has left the account; a bank statement says so by itself.

    Example: courtier payout confirm pout_x1 2026-12-03
    """
    with acting(invocation.settings) as unit:
        confirm_payout(unit, code, day.date())
    print(f"{code} has left; a worker books it")


@command.command()
@click.argument("code")
@click.option("--reason", required=True)
@click.pass_obj
def fail(invocation: Invocation, code: str, reason: str) -> None:
    """Give a payout up that has not left; its documents can be proposed again.

    Example: courtier payout fail pout_x1 --reason "Account changed"
    """
    with acting(invocation.settings) as unit:
        fail_payout(unit, code, reason)
    print(f"{code} is given up")


@command.command()
@click.argument("code")
@click.argument("day", type=DAY)
@click.option("--reason", required=True, help="The bank's code: AC04 …")
@click.pass_obj
def returned(invocation: Invocation, code: str, day: datetime, reason: str) -> None:
    """Say that the bank sent a payout back: it is undone in the books and its account held.

    Example: courtier payout returned pout_x1 2026-12-05 --reason AC04
    """
    with acting(invocation.settings) as unit:
        return_payout(unit, code, day.date(), reason)
    print(f"{code} came back; a worker sets the books right")


@command.command()
@click.argument("organisation")
@click.option("--reason", required=True)
@by_option
@click.pass_obj
def hold(invocation: Invocation, organisation: str, reason: str, by: str) -> None:
    """Hold what is paid to an organisation, on suspicion of fraud.

    Example: courtier payout hold org_x1 --reason "Called from a foreign number" --by anna@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        print(hold_payouts(unit, organisation, reason).code)


@command.command()
@click.argument("code")
@click.option("--finding", required=True, help="What you found.")
@by_option
@click.pass_obj
def clear(invocation: Invocation, code: str, finding: str, by: str) -> None:
    """The first person says what was found about a hold.

    Example: courtier payout clear phold_x1 --finding "Called back" --by anna@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        clear_hold(unit, code, finding)
    print(f"{code}: another person releases it")


@command.command()
@click.argument("code")
@by_option
@click.pass_obj
def release(invocation: Invocation, code: str, by: str) -> None:
    """A second person lets payouts go.

    Example: courtier payout release phold_x1 --by bernard@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        release_hold(unit, code)
    print(f"{code} is released")


@command.command()
@json_option
@click.pass_obj
def balances(invocation: Invocation, as_json: bool) -> None:
    """Show what each owner is owed, in our books and at the gateway; below zero it owes us and is not paid.

    Example: courtier payout balances
    """
    with acting(invocation.settings) as unit:
        found = owner_balances(unit, invocation.settings)
    names = OWED if as_json else SHOWN
    _print([{name: getattr(one, name) for name in names} for one in found], as_json)


@command.command()
@click.option("--cents", type=click.IntRange(min=0), help="A new one; without it those that hold are listed.")
@click.option("--currency", default="EUR", show_default=True)
@click.option("--since", type=DAY, help="From this day on; without one from today.")
@click.option("--by", "by", default="", metavar="EMAIL", help="Who enters it.")
@json_option
@click.pass_obj
def threshold(
    invocation: Invocation, cents: int | None, currency: str, since: datetime | None, by: str, as_json: bool
) -> None:
    """Show or enter the sum from which on an owner is paid before its due date, by currency and day.

    Example: courtier payout threshold --cents 10000 --since 2027-01-01 --by anna@courtier.test
    """
    settings = invocation.settings
    if cents is not None:
        with as_person(settings, by) if by else acting(settings) as unit:
            set_threshold(unit, currency, cents, None if since is None else since.date())
    with acting(settings) as unit:
        found = [asdict(one) for one in list_thresholds(unit, settings)]
    if as_json:
        print_json({"items": found})
        return
    rows = [
        [one["currency"], one["since"] or "before", one["cents"], one["by"] or "settings", one["in_force"]]
        for one in found
    ]
    print_table(("currency", "since", "cents", "by", "in force"), rows)


@command.command()
@json_option
@click.pass_obj
def holds(invocation: Invocation, as_json: bool) -> None:
    """List holds and the alerts behind them.

    Example: courtier payout holds
    """
    names = ("code", "organisation", "reason", "held_at", "finding", "released_at")
    with acting(invocation.settings) as unit:
        rows = [{name: getattr(one, name) for name in names} for one in list_holds(unit)]
        alerts = [dict(row._mapping) for row in list_alerts(unit)]
    if as_json:
        print_json({"items": rows, "alerts": alerts})
    else:
        print_table([name.replace("_", " ") for name in names], [list(row.values()) for row in rows])


def _print(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print_json({"items": rows})
    else:
        names = list(rows[0]) if rows else ["code", "owner", "amount cents", "state"]
        print_table([name.replace("_", " ") for name in names], [list(row.values()) for row in rows])
