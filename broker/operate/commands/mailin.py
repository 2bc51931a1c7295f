"""Runs the door for returned mail."""

from __future__ import annotations

import click

from broker.operate.alone import run_alone
from broker.operate.cli import Invocation


@click.command()
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Runs the door for returned mail.

    For several machines; on one, courtier up runs everything. Ends in order on SIGTERM or Ctrl-C.

    Example: courtier --config courtier.toml mailin
    """
    run_alone("mailin", invocation.settings)
