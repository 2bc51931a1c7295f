"""Exchanges documents with the platform of electronic invoicing."""

from __future__ import annotations

import click

from broker.billing.invoices.platform import (
    approve_received,
    choose_platform,
    list_documents,
    receive,
    refuse_received,
    report_collections,
    send_documents,
)
from broker.kernel.database import Database, make_engine
from broker.operate.acting import acting, show
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Electronic invoicing through the folder of platform.folder (docs/money.md)."""


@command.command()
@json_option
@click.pass_obj
def send(invocation: Invocation, as_json: bool) -> None:
    """Deposit every document that was not, and tell which sales were paid.

    Example: courtier platform send
    """
    platform = choose_platform(invocation.settings)
    with running_postgres(invocation.settings) as server:
        database = Database(make_engine(server.url("worker"), 1))
        sent, collected = send_documents(database, platform), report_collections(database, platform)
        database.engine.dispose()
    if as_json:
        print_json({"sent": sent, "collected": collected})
    else:
        print(f"{sent} documents deposited, {collected} payments reported")


@command.command("receive")
@json_option
@click.pass_obj
def take(invocation: Invocation, as_json: bool) -> int:
    """Take statuses and suppliers' invoices from the folder.

    Example: courtier platform receive
    """
    platform = choose_platform(invocation.settings)
    with running_postgres(invocation.settings) as server:
        database = Database(make_engine(server.url("worker"), 1))
        got = receive(database, platform)
        database.engine.dispose()
    if as_json:
        print_json({"statuses": got.statuses, "invoices": got.invoices, "refused": got.refused})
    else:
        print(f"{got.statuses} statuses, {got.invoices} suppliers' invoices taken")
        if got.refused:
            print_table(("left where it is", "why"), got.refused.items())
    return 1 if got.refused else 0


@command.command("list")
@click.option("--flow", type=click.Choice(["sales", "self_billed", "received"]), default=None)
@json_option
@click.pass_obj
def show_all(invocation: Invocation, flow: str | None, as_json: bool) -> None:
    """What went there and came from there, the newest first.

    Example: courtier platform list --flow received
    """
    with acting(invocation.settings) as unit:
        page = list_documents(unit, flow or "")
    rows = [(d.code, d.flow, d.number, d.supplier, d.issued_on, d.total_cents, d.state, d.reason) for d in page.items]
    names = ("code", "flow", "number", "seller", "issued_on", "total_cents", "state", "reason")
    if as_json:
        print_json({"documents": [dict(zip(names, row, strict=True)) for row in rows], "total": page.total})
    else:
        print_table([name.replace("_", " ") for name in names], rows)


@command.command()
@click.argument("code")
@click.option("--account", default="606", show_default=True, help="The account of the cost.")
@json_option
@click.pass_obj
def approve(invocation: Invocation, code: str, account: str, as_json: bool) -> None:
    """Accept a supplier's invoice and book it.

    Example: courtier platform approve plat_x1 --account 606
    """
    with acting(invocation.settings) as unit:
        show(approve_received(unit, choose_platform(invocation.settings), code, account), as_json)


@command.command()
@click.argument("code")
@click.option("--reason", required=True, help="The supplier reads it.")
@json_option
@click.pass_obj
def refuse(invocation: Invocation, code: str, reason: str, as_json: bool) -> None:
    """Refuse a supplier's invoice.

    Example: courtier platform refuse plat_x1 --reason "Not ordered"
    """
    with acting(invocation.settings) as unit:
        show(refuse_received(unit, choose_platform(invocation.settings), code, reason), as_json)
