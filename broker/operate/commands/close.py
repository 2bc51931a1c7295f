"""Closes a month."""

from __future__ import annotations

from datetime import datetime

import click

from broker.billing.close_checks import Finding, month_findings
from broker.billing.close_month import close_month, period_state
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table


@click.command()
@click.option("--month", type=click.DateTime(["%Y-%m"]), required=True, help="The month.")
@click.option("--check", is_flag=True, help="Only look; change nothing.")
@click.option("--soft", is_flag=True, help="Close it so that it may be opened again.")
@json_option
@click.pass_obj
def command(invocation: Invocation, month: datetime, check: bool, soft: bool, as_json: bool) -> int:
    """Look at a month, accrue what is billed later, and lock it. Done again, it changes nothing.

    Example: courtier close --month 2026-10
    """
    day = month.date()
    with acting(invocation.settings) as unit:
        entries = accrued = 0
        if check:
            findings, state = tuple(month_findings(unit, invocation.settings, day)), period_state(unit, day)
        else:
            result = close_month(unit, invocation.settings, day, "soft_closed" if soft else "locked")
            findings, state = result.findings, result.state
            entries, accrued = result.entries, result.accrued_cents
    if as_json:
        found = [
            {"code": item.code, "blocks": item.blocks, "count": item.count, "examples": item.examples, "say": item.en}
            for item in findings
        ]
        print_json(
            {"month": f"{day:%Y-%m}", "state": state, "entries": entries, "accrued_cents": accrued, "findings": found}
        )
    else:
        if findings:
            print_table(("stands in the way", "check", "count", "first", "meaning"), map(_row, findings))
        print(f"{day:%Y-%m}: {state.replace('_', '-')}, {entries} entries written")
    return 1 if any(item.blocks for item in findings) else 0


def _row(item: Finding) -> tuple[object, ...]:
    return "yes" if item.blocks else "no", item.code, item.count, ", ".join(item.examples[:3]), item.en
