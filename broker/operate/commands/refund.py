"""Gives money back: asked for by a person, approved by a second one above a setting; contested card payments."""

from __future__ import annotations

import click

from broker.billing.gateway.disputes import list_disputes
from broker.billing.gateway.refunds import approve_refund, ask_refund, cancel_refund, list_refunds
from broker.operate.acting import acting, show
from broker.operate.as_person import as_person, by_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Refunds of card payments and transfers (docs/payments.md)."""


@command.command()
@click.argument("source")
@click.argument("cents", type=click.IntRange(min=1))
@click.option("--reason", required=True)
@click.option("--invoice", default="", help="A transfer: the invoice that is credited.")
@click.option("--iban", default="", help="A transfer: where to, if no statement says where it came from.")
@click.option("--holder", default="")
@click.option("--customer", default="", help="The code of the organisation that sent a transfer nobody could match.")
@by_option
@json_option
@click.pass_obj
def ask(
    invocation: Invocation,
    source: str,
    cents: int,
    reason: str,
    invoice: str,
    iban: str,
    holder: str,
    customer: str,
    by: str,
    as_json: bool,
) -> None:
    """Ask that so many cents of an order, a payment or a transfer (rcpt_…) are given back.

    Example: courtier refund ask order_x1 12000 --reason "Sent twice" --by anna@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        found = ask_refund(
            unit, invocation.settings, source, cents, reason, invoice=invoice, iban=iban, holder=holder,
            customer=customer,
        )  # fmt: skip
        show(found, as_json)


@command.command()
@click.argument("code")
@by_option
@json_option
@click.pass_obj
def approve(invocation: Invocation, code: str, by: str, as_json: bool) -> None:
    """Approve a refund: another person than asked.

    Example: courtier refund approve ref_x1 --by bernard@courtier.test
    """
    with as_person(invocation.settings, by) as unit:
        show(approve_refund(unit, code), as_json)


@command.command()
@click.argument("code")
@click.pass_obj
def cancel(invocation: Invocation, code: str) -> None:
    """Give up a refund that has not been sent.

    Example: courtier refund cancel ref_x1
    """
    with acting(invocation.settings) as unit:
        cancel_refund(unit, code)
    print(f"{code} is cancelled")


@command.command("list")
@json_option
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    """List refunds, those that wait for approval first.

    Example: courtier refund list
    """
    names = ("code", "customer", "source", "amount_cents", "state", "credit", "reason", "problem")
    with acting(invocation.settings) as unit:
        rows = [{name: getattr(one, name) for name in names} for one in list_refunds(unit)]
    _print(names, rows, as_json)


@command.command()
@json_option
@click.pass_obj
def disputes(invocation: Invocation, as_json: bool) -> None:
    """List contested card payments, with the day until which evidence is due.

    Example: courtier refund disputes
    """
    names = ("reference", "order", "customer", "reason", "status", "amount_cents", "fee_cents", "evidence_due_at")
    with acting(invocation.settings) as unit:
        rows = [{name: getattr(one, name) for name in names} for one in list_disputes(unit)]
    _print(names, rows, as_json)


def _print(names: tuple[str, ...], rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print_json({"items": rows})
    else:
        print_table([name.replace("_", " ") for name in names], [list(row.values()) for row in rows])
