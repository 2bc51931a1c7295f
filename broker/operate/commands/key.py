"""Renews the workers' key."""

from __future__ import annotations

import click

from broker.audit.record import record
from broker.kernel.database import Database, make_engine
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json
from broker.vault.keyring import load_worker
from broker.vault.rotate import renew_opening_key, rewrap_data_keys
from broker.vault.suites import key_id


@click.group()
def command() -> None:
    """The keys that seal and open addresses."""


@command.command()
@click.option("--rewrap-only", is_flag=True, help="Make no new key; finish a rotation that broke off.")
@json_option
@click.pass_obj
def rotate(invocation: Invocation, rewrap_only: bool, as_json: bool) -> None:
    """Give the workers a new key and wrap the data keys of all bases for it; no contact is touched.

    The former key stays in worker.json for what was sealed before. Workers that run take the new key with their next
    job; a job under way that meets a data key wrapped anew ends and is asked for again. The web interface goes on
    sealing for the former key, which workers still open, until it is restarted.

    Example: courtier key rotate
    """
    settings = invocation.settings
    with running_postgres(settings) as server:
        ring = load_worker(settings.key_dir) if rewrap_only else renew_opening_key(settings.key_dir)
        name = key_id(ring.front.sealing_key).hex()
        with Database(make_engine(server.url("worker"), 1)).begin() as unit:
            wrapped = rewrap_data_keys(unit, ring)
            record(unit, "keys.rotated", "key", name, data_keys=wrapped)
    if as_json:
        print_json({"key": name, "data_keys": wrapped})
    else:
        print(f"The workers' key is now {name}; {wrapped} data keys were wrapped for it.")
        print("Workers use it from their next job on. Restart courtier (or the web process) so that uploads do too.")
