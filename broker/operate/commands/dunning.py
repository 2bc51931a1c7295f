"""Writes to customers about overdue invoices: steps, letters, late interest, holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from broker.billing.dunning.dunning import run_dunning
from broker.billing.dunning.late_claims import claim_interest
from broker.billing.dunning.overdue import (
    agree_instalments,
    end_hold,
    find_overdue,
    hold_invoice,
    letter_file,
    list_letters,
    list_overdue,
    rates_missing,
    set_rate,
)
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting, show
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table, say

COLUMNS = (
    "number", "buyer", "due_on", "days_late", "late_cents", "interest_cents", "level", "next_level", "next_on", "held",
)  # fmt: skip


@click.group()
def command() -> None:
    """Overdue invoices: reminders, formal notices, late interest (docs/payments.md)."""


@command.command()
@json_option
@click.pass_obj
def run(invocation: Invocation, as_json: bool) -> None:
    """Write every letter whose day has come; a worker mails them. Again on the same day it writes nothing.

    Example: courtier dunning run
    """
    settings = invocation.settings
    with running_postgres(settings) as server:
        engine = make_engine(server.url("worker"), 1)
        try:
            database = Database(engine)
            done = run_dunning(database, settings)
            with database.begin() as unit:
                missing = rates_missing(unit)
        finally:
            engine.dispose()
    for kind in missing:
        say(f"The {kind} rate of this half-year is not entered: the one before goes on (courtier dunning rate).")
    show(done, as_json)


@command.command("list")
@click.option("--customer", default="", help="The code of one customer.")
@json_option
@click.pass_obj
def list_(invocation: Invocation, customer: str, as_json: bool) -> None:
    """List overdue invoices with their age, interest, last and next step.

    Example: courtier dunning list
    """
    with acting(invocation.settings) as unit:
        found = list_overdue(unit, invocation.settings, customer)
    rows = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    if as_json:
        print_json({"items": rows})
    else:
        print_table([name.replace("_", " ") for name in COLUMNS], [list(row.values()) for row in rows])


@command.command("show")
@click.argument("invoice")
@json_option
@click.pass_obj
def show_(invocation: Invocation, invoice: str, as_json: bool) -> None:
    """Show an invoice's interest, day by day.

    Example: courtier dunning show F2026-000012
    """
    with acting(invocation.settings) as unit:
        found = find_overdue(unit, invocation.settings, invoice)
    columns = ("first", "last", "days", "late_cents", "bp")
    rows = [[getattr(one, name) for name in columns] for one in found.stretches]
    if as_json:
        stretches = [dict(zip(columns, row, strict=True)) for row in rows]
        values = {name: getattr(found, name) for name in (*COLUMNS, "open_cents", "recovery_cents")}
        print_json({**values, "stretches": stretches})
        return
    print_table([name.replace("_", " ") for name in columns], rows)
    print(f"Interest: {found.interest_cents} cents; compensation: {found.recovery_cents}; open: {found.open_cents}")


@command.command()
@click.option("--invoice", default="", help="Those about one invoice.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write their PDFs to this folder.")
@json_option
@click.pass_obj
def letters(invocation: Invocation, invoice: str, out: Path | None, as_json: bool) -> None:
    """List the letters that were written, and what became of their mails.

    Example: courtier dunning letters --invoice F2026-000012 --out letters
    """
    columns = ("code", "buyer", "level", "made_on", "open_cents", "invoices", "mails")
    with acting(invocation.settings) as unit:
        found = list_letters(unit, invoice)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for one in found:
                (out / f"{one.code}.pdf").write_bytes(letter_file(unit, one.code))
    rows = [[getattr(one, name) for name in columns] for one in found]
    if as_json:
        print_json({"items": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(columns, [[" ".join(c) if isinstance(c, tuple) else c for c in row] for row in rows])


@command.command()
@click.argument("invoice")
@click.option("--reason", required=True, help="Kept in the journal.")
@click.option("--until", type=DAY, help="The last day; without one until somebody ends it.")
@click.pass_obj
def hold(invocation: Invocation, invoice: str, reason: str, until: datetime | None) -> None:
    """Write nothing about an invoice, in dispute for one; it stops no order meanwhile.

    Example: courtier dunning hold F2026-000012 --reason "Half of it was not sent" --until 2026-12-31
    """
    with acting(invocation.settings) as unit:
        hold_invoice(unit, invoice, reason, None if until is None else until.date())
    print(f"{invoice} is held")


@command.command()
@click.argument("invoice")
@click.pass_obj
def resume(invocation: Invocation, invoice: str) -> None:
    """End the hold of an invoice.

    Example: courtier dunning resume F2026-000012
    """
    with acting(invocation.settings) as unit:
        end_hold(unit, invoice)
    print(f"{invoice} is written about again")


@command.command()
@click.argument("invoice")
@click.option("--part", "parts", multiple=True, required=True, metavar="DAY=CENTS", help="A day and its cents.")
@click.pass_obj
def instalments(invocation: Invocation, invoice: str, parts: tuple[str, ...]) -> None:
    """Agree days for what is open of an invoice.

    Example: courtier dunning instalments F2026-000012 --part 2026-12-15=60000 --part 2027-01-15=59999
    """
    read = []
    for part in parts:
        day, _, cents = part.partition("=")
        try:
            read.append((datetime.strptime(day, "%Y-%m-%d").date(), int(cents)))  # noqa: DTZ007 - a day
        except ValueError:
            raise InvalidInput(f"Write --part as 2026-12-15=60000, not {part!r}.", code="bad_instalments") from None
    with acting(invocation.settings) as unit:
        agree_instalments(unit, invoice, read)
    print(f"{invoice}: {len(read)} days agreed")


@command.command()
@click.argument("invoice")
@click.option("--without-recovery", is_flag=True, help="Leave the fixed compensation out.")
@click.pass_obj
def claim(invocation: Invocation, invoice: str, without_recovery: bool) -> None:
    """Claim the interest that has grown: a worker issues a document outside VAT.

    Example: courtier dunning claim F2026-000012
    """
    with acting(invocation.settings) as unit:
        print(claim_interest(unit, invoice, recovery=not without_recovery))


@command.command()
@click.argument("kind", type=click.Choice(["ecb", "legal"]))
@click.argument("since", type=DAY)
@click.argument("bp", type=click.IntRange(0, 10_000))
@click.pass_obj
def rate(invocation: Invocation, kind: str, since: datetime, bp: int) -> None:
    """Enter a published rate for a half-year, in hundredths of a per cent.

    Example: courtier dunning rate ecb 2026-07-01 215
    """
    with acting(invocation.settings) as unit:
        set_rate(unit, kind, since.date(), bp)
    print(f"{kind} {since.date()}: {bp / 100} %")
