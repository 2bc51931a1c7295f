"""Closes a month."""

from __future__ import annotations

import sys
from datetime import date, datetime

import click

from broker.accounts.find_user import actor_of_user
from broker.billing.close_checks import CHECKS, Finding, month_findings
from broker.billing.close_month import close_month, period_state
from broker.kernel.errors import Conflict, InvalidInput
from broker.ledger.reopen import answer_reopening, ask_reopening, list_reopenings
from broker.operate.acting import acting, acting_as
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table


@click.command()
@click.option("--month", type=click.DateTime(["%Y-%m"]), metavar="YYYY-MM", required=True, help="The month.")
@click.option("--check", is_flag=True, help="Only look; change nothing.")
@click.option("--soft", is_flag=True, help="Close it so that it may be opened again.")
@click.option("--reopen", is_flag=True, help="Open a softly closed month again: asked with --reason, done by another.")
@click.option("--reason", default="", help="Why it is opened again; without one, what was asked for is done.")
@click.option("--refuse", is_flag=True, help="With --reopen: leave the month closed.")
@click.option("--by", "email", default="", metavar="EMAIL", help="Who asks, or who opens it: an accountant or broker.")
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    month: datetime,
    check: bool,
    soft: bool,
    reopen: bool,
    reason: str,
    refuse: bool,
    email: str,
    as_json: bool,
) -> int:
    """Look at a month, accrue what is billed later, and lock it. Done again, it changes nothing.

    A month closed with --soft is opened again by two persons: one asks and says why, the other one opens it. A locked
    month never reopens.

    \b
    Example: courtier close --month 2026-10
             courtier close --month 2026-10 --reopen --reason "Late bank charge" --by ana@example.com
             courtier close --month 2026-10 --reopen --by bruno@example.com
    """
    day = month.date()
    if reopen:
        return _reopen(invocation, day, reason, email, refuse=refuse, as_json=as_json)
    made = _progress if sys.stderr.isatty() else (lambda _: None)
    with acting(invocation.settings) as unit:
        entries = accrued = 0
        if check:
            findings = tuple(month_findings(unit, invocation.settings, day, made))
            state = period_state(unit, day)
        else:
            result = close_month(unit, invocation.settings, day, "soft_closed" if soft else "locked", made)
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


def _reopen(invocation: Invocation, day: date, reason: str, email: str, *, refuse: bool, as_json: bool) -> int:
    if not email:
        raise InvalidInput("Say who asks for it, or who opens it: --by EMAIL.", code="no_person", field="by")
    with acting(invocation.settings) as unit:
        person = actor_of_user(unit, email)
    with acting_as(invocation.settings, person) as unit:
        if reason:
            found = ask_reopening(unit, day, reason)
        else:
            asked = [one for one in list_reopenings(unit, day) if one.state == "asked"]
            if not asked:
                raise Conflict(f"Nobody asked for {day:%Y-%m}: give a --reason.", code="nothing_asked", field="reason")
            found = answer_reopening(unit, asked[0].code, yes=not refuse)
        state = period_state(unit, day)
    if as_json:
        print_json({"month": f"{day:%Y-%m}", "state": state, "reopening": found.state, "code": found.code})
    else:
        print(f"{day:%Y-%m}: {state.replace('_', '-')}; opening it again: {found.state}")
    return 0


def _progress(done: int) -> None:
    """One line on the terminal, written over."""
    click.echo(f"\r{done} of {len(CHECKS)} checks " + ("\n" if done == len(CHECKS) else ""), err=True, nl=False)


def _row(item: Finding) -> tuple[object, ...]:
    return "yes" if item.blocks else "no", item.code, item.count, ", ".join(item.examples[:3]), item.en
