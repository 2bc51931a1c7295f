"""Makes a key with which a program uses the API."""

from __future__ import annotations

from datetime import datetime

import click

from broker.accounts.api_keys import create_api_key
from broker.accounts.find_user import actor_of_user
from broker.kernel.database import Database, make_engine
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json


@click.group()
def command() -> None:
    """Keys of programs that use the API."""


@command.command()
@click.option(
    "--user", "email", required=True, help="The e-mail with which the user logs in; the key acts as this user."
)
@click.option("--name", required=True, help="What the key is for.")
@click.option("--expires", type=DAY, help="The last day it works; left out: until revoked.")
@json_option
@click.pass_obj
def create(invocation: Invocation, email: str, name: str, expires: datetime | None, as_json: bool) -> None:
    """Make an API key that acts as a user, and print it: it is shown this once.

    Example: courtier api-key create --user anna@shop.test --name "nightly import" --expires 2027-06-30
    """
    with running_postgres(invocation.settings) as server:
        database = Database(make_engine(server.url("worker"), 1))
        with database.begin() as unit:
            actor = actor_of_user(unit, email)
        with database.begin(actor) as unit:
            key, secret = create_api_key(unit, name, expires.date() if expires else None)
    if as_json:
        until = key.expires_at.isoformat() if key.expires_at else None
        print_json({"prefix": key.prefix, "name": key.name, "secret": secret, "expires_at": until})
    else:
        print(secret)
