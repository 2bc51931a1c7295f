"""Lists an organisation's people, keeps one out, lets one in again."""

from __future__ import annotations

import click

from broker.accounts.manage_users import deactivate_user, list_users, reactivate_user
from broker.accounts.second_factor import remove_second_factor_of
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table

COLUMNS = ("email", "name", "role", "active")


@click.group()
def command() -> None:
    """The people who log in."""


@command.command("list")
@click.argument("organisation", metavar="ORG")
@json_option
@click.pass_obj
def listed(invocation: Invocation, organisation: str, as_json: bool) -> None:
    """List the people of an organisation (org_…).

    Example: courtier user list org_k3v9m2
    """
    with acting(invocation.settings) as unit:
        people = list_users(unit, organisation)
    rows = [(user.email, user.name, user.role, active) for user, active in people]
    if as_json:
        print_json({"people": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
    else:
        print_table(COLUMNS, rows)


@command.command()
@click.argument("email")
@click.pass_obj
def deactivate(invocation: Invocation, email: str) -> None:
    """Keep a person out: sessions end and API keys are revoked at once.

    Example: courtier user deactivate anna@shop.test
    """
    with acting(invocation.settings) as unit:
        deactivate_user(unit, email)
    print("Kept out.")


@command.command()
@click.argument("email")
@click.pass_obj
def reactivate(invocation: Invocation, email: str) -> None:
    """Let a person in again; API keys that were revoked stay so.

    Example: courtier user reactivate anna@shop.test
    """
    with acting(invocation.settings) as unit:
        reactivate_user(unit, email)
    print("Let in again.")


@command.command("remove-second-factor")
@click.argument("email")
@click.pass_obj
def remove_second_factor(invocation: Invocation, email: str) -> None:
    """Take a person's second factor away, who lost device and recovery codes.

    Example: courtier user remove-second-factor anna@shop.test
    """
    with acting(invocation.settings) as unit:
        remove_second_factor_of(unit, email)
    print("Removed; every session of this person is closed.")
