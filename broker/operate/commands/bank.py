"""Reads bank statements, matches them with invoices and payouts, compares them with the books."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from broker.billing.bank.bank_lines import explain_line, list_statements, suspense_lines
from broker.billing.bank.import_statement import import_statement
from broker.billing.bank.reconcile_bank import reconcile_bank
from broker.billing.invoices.receipts import assign_receipt
from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting, show
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Bank statements of the company's account, company.iban (docs/bank.md)."""


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="WHAT=HEADER", help="Which column of a CSV holds what.")
@json_option
@click.pass_obj
def import_(invocation: Invocation, file: Path, maps: tuple[str, ...], as_json: bool) -> None:
    """Read a camt.053 or CSV file; the same file again changes nothing.

    Example: courtier bank import releve.csv --map amount=Montant --map "about=Motif du virement"
    """
    columns = {}
    for one in maps:
        what, sign, header = one.partition("=")
        if not sign:
            raise InvalidInput(f"Write --map as what=header, not {one!r}.", code="bad_map", field="map")
        columns[what.strip()] = header.strip()
    with acting(invocation.settings) as unit:
        result = import_statement(unit, invocation.settings, file.read_bytes(), columns)
        show(result, as_json)


@command.command()
@json_option
@click.pass_obj
def statements(invocation: Invocation, as_json: bool) -> None:
    """List the statements that were read.

    Example: courtier bank statements
    """
    with acting(invocation.settings) as unit:
        rows = [dict(row._mapping) for row in list_statements(unit)]
    _print(rows, ("code", "source", "starts_on", "ends_on", "opening_cents", "closing_cents", "lines"), as_json)


@command.command()
@json_option
@click.pass_obj
def suspense(invocation: Invocation, as_json: bool) -> None:
    """List the lines of which something waits on account 471.

    Example: courtier bank suspense
    """
    with acting(invocation.settings) as unit:
        rows = [dict(row._mapping) for row in suspense_lines(unit)]
    _print(rows, ("code", "receipt", "booked_on", "left_cents", "counterparty", "about", "hint"), as_json)


@command.command()
@click.argument("receipt")
@click.argument("invoice")
@json_option
@click.pass_obj
def assign(invocation: Invocation, receipt: str, invoice: str, as_json: bool) -> None:
    """Say that what is left of a receipt pays an invoice, as far as it is open.

    Example: courtier bank assign rcpt_x1 F2026-000012
    """
    with acting(invocation.settings) as unit:
        show(assign_receipt(unit, receipt, invoice), as_json)


@command.command()
@click.argument("line")
@click.argument("account")
@click.option("--party", default="", help="The organisation, for an account of parties.")
@click.pass_obj
def explain(invocation: Invocation, line: str, account: str, party: str) -> None:
    """Say to which account a line in suspense belongs.

    Example: courtier bank explain line_x1 627
    """
    with acting(invocation.settings) as unit:
        explain_line(unit, line, account, party)
    print(f"{line}: {account}; a worker books it")


@command.command()
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@json_option
@click.pass_obj
def reconcile(invocation: Invocation, first: datetime, last: datetime, as_json: bool) -> None:
    """Compare the statements with account 512, line by line, with the cause of each difference.

    Example: courtier bank reconcile --from 2026-10-01 --to 2026-10-31
    """
    with acting(invocation.settings) as unit:
        found = reconcile_bank(unit, first.date(), last.date())
    if as_json:
        print_json(asdict(found))
        return
    rows = [(one.side, one.reference, one.day, one.cents, one.cause, one.about) for one in found.differences]
    print_table(("side", "reference", "day", "cents", "cause", "about"), rows)
    print(f"Equal lines: {found.equal}; 512: {found.ledger_cents}; bank: {found.bank_cents};", end=" ")
    print(f"differences: {found.explained_cents}; unexplained: {found.unexplained_cents}")


def _print(rows: list[dict[str, object]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json({"items": [{name: row[name] for name in columns} for row in rows]})
    else:
        print_table([name.replace("_", " ") for name in columns], [[row[name] for name in columns] for row in rows])
