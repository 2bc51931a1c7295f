"""Freezes an organisation on suspicion, and ends the freeze."""

from __future__ import annotations

import click

from broker.billing.freeze_org import freeze_organisation, thaw_organisation
from broker.operate.acting import acting
from broker.operate.cli import Invocation


@click.group()
def command() -> None:
    """What stops an organisation: a frozen one is neither paid nor can it book."""


@command.command()
@click.argument("organisation")
@click.option("--reason", required=True, help="Kept in the journal.")
@click.pass_obj
def freeze(invocation: Invocation, organisation: str, reason: str) -> None:
    """Freeze an organisation at once.

    Example: courtier organisation freeze org_x1 --reason "Account changed by an unknown person"
    """
    with acting(invocation.settings) as unit:
        print(freeze_organisation(unit, organisation, reason))


@command.command()
@click.argument("organisation")
@click.pass_obj
def thaw(invocation: Invocation, organisation: str) -> None:
    """End the freeze of an organisation.

    Example: courtier organisation thaw org_x1
    """
    with acting(invocation.settings) as unit:
        thaw_organisation(unit, organisation)
    print(f"{organisation} is free again")
