"""Brings the database's schema to head."""

from __future__ import annotations

import click

from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.migrate import migrate
from broker.operate.output import json_option, print_json


@click.command()
@json_option
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> None:
    """Bring the database's schema to head; harmless when it is there already.

    With a server of your own it needs database.url, an administrator's address.

    Example: courtier --config courtier.toml migrate
    """
    settings = invocation.settings
    with running_postgres(settings) as server:
        before, after = migrate(server.url("admin"), demo=settings.instance.demo)
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"The schema is at step {after} already.")
    else:
        print(f"The schema went from step {before or 'none'} to {after}.")
