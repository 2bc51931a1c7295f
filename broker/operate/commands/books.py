"""Keeps the books: opening balances, accounts, bank charges, mandates, contract roles."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from broker.billing.invoices.fees import book_fee
from broker.billing.invoices.mandates import end_mandate, end_role, record_mandate, record_role
from broker.billing.invoices.vat_check import ask_vat_check
from broker.kernel.errors import InvalidInput
from broker.ledger.chart import add_account, rename_account
from broker.ledger.opening import open_books, read_opening
from broker.operate.acting import acting, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json
from broker.rentals.sale_terms import Role


@click.group()
def command() -> None:
    """The accountant's verbs that are no report and no file."""


@command.command("open")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--day", type=DAY, required=True, help="The first day of the books.")
@json_option
@click.pass_obj
def open_(invocation: Invocation, file: Path, day: datetime, as_json: bool) -> None:
    """Post opening balances from a CSV: account,party,debit,credit (a party by its code, or empty).

    Example: courtier books open a-nouveaux.csv --day 2026-01-01
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file.name} is not UTF-8 text.", code="bad_opening", field="file") from None
    with acting(invocation.settings) as unit:
        entry = open_books(unit, day.date(), read_opening(unit, text.splitlines()))
    total = sum(line.debit_cents for line in entry.lines)
    if as_json:
        print_json({"entry": entry.number, "lines": len(entry.lines), "debit_cents": total})
    else:
        print(f"Entry {entry.number}: {len(entry.lines)} lines, {total} cents on each side")


@command.command()
@click.argument("number")
@click.option("--fr", required=True, help="Its French name, which the FEC shows.")
@click.option("--en", default="", help="Its English name.")
@click.option("--rename", is_flag=True, help="Name an account of the chart anew.")
@click.pass_obj
def account(invocation: Invocation, number: str, fr: str, en: str, rename: bool) -> None:
    """Add an account to the chart, or name one anew.

    Example: courtier books account 627100 --fr "Frais de passerelle"
    """
    with acting(invocation.settings) as unit:
        (rename_account if rename else add_account)(unit, number, fr, en)
    print(f"{number}: {fr}")


@command.command()
@click.option("--cents", type=int, required=True, help="What was taken; negative: given back.")
@click.option("--day", type=DAY, required=True)
@click.option("--reference", required=True, help="The bank's: the same charge once.")
@click.option("--label", default="")
@json_option
@click.pass_obj
def fee(invocation: Invocation, cents: int, day: datetime, reference: str, label: str, as_json: bool) -> None:
    """Book a charge of the bank or the gateway (627).

    Example: courtier books fee --cents 1250 --day 2026-10-31 --reference FRAIS-10
    """
    with acting(invocation.settings) as unit:
        entry = book_fee(unit, cents, day.date(), reference, label)
    if as_json:
        print_json({"entry": entry.number, "cents": cents})
    else:
        print(f"Entry {entry.number}")


@command.command()
@click.argument("owner")
@click.option("--reference", required=True)
@click.option("--signatory", required=True)
@click.option("--signed-on", type=DAY, required=True)
@click.option("--contest-days", type=int, default=30, show_default=True)
@json_option
@click.pass_obj
def mandate(
    invocation: Invocation,
    owner: str,
    reference: str,
    signatory: str,
    signed_on: datetime,
    contest_days: int,
    as_json: bool,
) -> None:
    """Record an owner's mandate for invoices in its name.

    Example: courtier books mandate org_x1 --reference M-12 --signatory "A. Roux" --signed-on 2026-01-05
    """
    with acting(invocation.settings) as unit:
        found = record_mandate(unit, owner, reference, signatory, signed_on.date(), contest_days=contest_days)
        show(found, as_json)


@command.command()
@click.argument("party")
@click.argument("which", type=click.Choice(["principal", "agent_of_owner", "agent_of_advertiser"]))
@click.option("--reference", required=True)
@click.option("--signatory", required=True)
@click.option("--signed-on", type=DAY, required=True)
@click.option("--pay-when-paid", is_flag=True, help="The owner is paid once the advertiser has (agents only).")
@json_option
@click.pass_obj
def role(
    invocation: Invocation,
    party: str,
    which: Role,
    reference: str,
    signatory: str,
    signed_on: datetime,
    pay_when_paid: bool,
    as_json: bool,
) -> None:
    """Record in whose name we sell for a party; orders quoted from now on follow it.

    Example: courtier books role org_x1 agent_of_owner --reference C-3 --signatory "A. Roux" --signed-on 2026-01-05
    """
    with acting(invocation.settings) as unit:
        found = record_role(unit, party, which, reference, signatory, signed_on.date(), pay_when_paid=pay_when_paid)
        show(found, as_json)


@command.command("end-mandate")
@click.argument("code")
@click.argument("last_day", type=DAY)
@click.pass_obj
def finish_mandate(invocation: Invocation, code: str, last_day: datetime) -> None:
    """Give an owner's mandate its last day: nothing is issued in the owner's name after it.

    Example: courtier books end-mandate mand_x1 2026-12-31
    """
    with acting(invocation.settings) as unit:
        end_mandate(unit, code, last_day.date())
    print(f"The mandate {code} ends on {last_day:%Y-%m-%d}")


@command.command("end-role")
@click.argument("code")
@click.argument("last_day", type=DAY)
@click.pass_obj
def finish_role(invocation: Invocation, code: str, last_day: datetime) -> None:
    """Give a contract of a role its last day, so that another may follow; orders already quoted keep their role.

    Example: courtier books end-role role_x1 2026-12-31
    """
    with acting(invocation.settings) as unit:
        end_role(unit, code, last_day.date())
    print(f"The contract {code} ends on {last_day:%Y-%m-%d}")


@command.command("check-vat")
@click.argument("party")
@click.pass_obj
def check_vat(invocation: Invocation, party: str) -> None:
    """Have a party's VAT number checked (trade.vat_register); a worker asks and keeps the answer.

    Example: courtier books check-vat org_x1
    """
    with acting(invocation.settings) as unit:
        ask_vat_check(unit, party)
    print("Asked for: a worker keeps the answer")
