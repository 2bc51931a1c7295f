"""Lists, reports and validates the leads and sales of a programme."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from broker.affiliation.conversion_model import KINDS, REPORTED, STATES
from broker.affiliation.conversion_store import Wanted
from broker.affiliation.decide_conversions import (
    approve_conversion,
    decline_conversion,
    extend_conversion,
    list_conversions,
    sum_conversions,
)
from broker.affiliation.postback import read_report
from broker.affiliation.report_conversion import report_by_hand
from broker.affiliation.validation_file import PROBLEMS, validate_by_file
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.vault.keyring import load_front


@click.group()
def command() -> None:
    """Clicks, leads and sales of affiliate programmes.

    \b
    Example: courtier conversion list prog_8v5n… --state pending --as org_5h3j…
             courtier conversion validate prog_8v5n… validated.csv --as org_5h3j…
    """


@command.command("list")
@click.argument("programme", default="")
@click.option("--state", type=click.Choice(STATES), default=None, help="Only those in this state.")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="Only these.")
@click.option("--suspicious", is_flag=True, help="Only those with signs of fraud.")
@click.option("--page", default=1, show_default=True)
@as_option
@json_option
@click.pass_obj
def listed(
    invocation: Invocation, programme: str, state: str | None, kind: str | None, suspicious: bool, page: int,
    org_code: str, as_json: bool,
) -> None:  # fmt: skip
    """The conversions of PROGRAMME (all without one), the newest first, with their sums."""
    wanted = Wanted(programme=programme, state=state or "", kind=kind or "", suspicious=suspicious)
    with acting(invocation.settings, org_code) as unit:
        found = list_conversions(unit, wanted, page)
        sums = sum_conversions(unit, wanted)
    if as_json:
        print_json(
            {
                "total": found.total,
                "items": [asdict(one) for one in found.items],
                "sums": [asdict(one) for one in sums],
            }
        )
        return
    print_table(
        ["conversion", "kind", "reference", "price (micros)", "state", "reason", "signs"],
        [
            [one.code, one.kind, one.reference, one.price_micros, one.state, one.reason, ", ".join(one.signs)]
            for one in found.items
        ],
    )
    for row in sums:
        click.echo(f"{row.count} {row.kind}, {row.state}: {row.price_micros / 1e6:.2f} EUR")


@command.command("report")
@click.argument("programme")
@click.argument("click_id")
@click.argument("reference")
@click.option("--kind", type=click.Choice(REPORTED), default="sale", show_default=True)
@click.option("--amount", default="", help="Of a sale, in EUR without VAT: 49.90")
@click.option("--at", default="", help="When it happened: seconds since 1970, or ISO 8601 with its offset.")
@as_option
@json_option
@click.pass_obj
def report(
    invocation: Invocation, programme: str, click_id: str, reference: str, kind: str, amount: str, at: str,
    org_code: str, as_json: bool,
) -> None:  # fmt: skip
    """Report a lead or sale under your REFERENCE; the same again changes nothing."""
    given = {"click_id": click_id, "kind": kind, "reference": reference, "amount": amount, "at": at}
    keys = load_front(invocation.settings.key_dir)
    with acting(invocation.settings, org_code) as unit:
        said = report_by_hand(unit, programme, read_report(keys, given, "api"))
    show(said, as_json)


@command.command("approve")
@click.argument("conversion")
@as_option
@json_option
@click.pass_obj
def approve(invocation: Invocation, conversion: str, org_code: str, as_json: bool) -> None:
    """Approve a pending CONVERSION: it will be invoiced."""
    with acting(invocation.settings, org_code) as unit:
        found = approve_conversion(unit, conversion)
    show(found, as_json)


@command.command("decline")
@click.argument("conversion")
@click.argument("reason")
@as_option
@json_option
@click.pass_obj
def decline(invocation: Invocation, conversion: str, reason: str, org_code: str, as_json: bool) -> None:
    """Decline a pending CONVERSION; its owner reads the REASON."""
    with acting(invocation.settings, org_code) as unit:
        found = decline_conversion(unit, conversion, reason)
    show(found, as_json)


@command.command("extend")
@click.argument("conversion")
@as_option
@json_option
@click.pass_obj
def extend(invocation: Invocation, conversion: str, org_code: str, as_json: bool) -> None:
    """Put the decision on a CONVERSION off, once."""
    with acting(invocation.settings, org_code) as unit:
        found = extend_conversion(unit, conversion)
    show(found, as_json)


@command.command("validate")
@click.argument("programme")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only tell what the file would do.")
@as_option
@json_option
@click.pass_obj
def validate(invocation: Invocation, programme: str, file: Path, dry_run: bool, org_code: str, as_json: bool) -> None:
    """Approve and decline by FILE: CSV with reference, decision, reason."""
    with acting(invocation.settings, org_code) as unit:
        done = validate_by_file(unit, programme, file.read_bytes(), dry_run=dry_run)
    if as_json:
        print_json(asdict(done))
        return
    click.echo(f"{done.lines} lines: {done.approved} approved, {done.declined} declined, {done.unchanged} unchanged.")
    for line, reference, problem in done.problems:
        click.echo(f"line {line} ({reference or 'no reference'}): {PROBLEMS[problem]}", err=True)
