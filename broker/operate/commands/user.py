"""Lists an organisation's people, keeps one out, lets one in again."""

from __future__ import annotations

import click

from broker.accounts.invite import invite_user
from broker.accounts.let_sign import let_sign
from broker.accounts.mail_link import mail_link
from broker.accounts.manage_users import deactivate_user, list_users, reactivate_user
from broker.accounts.model import Language, UserRole
from broker.accounts.second_factor import remove_second_factor_of
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.vault.keyring import load_front

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


@command.command("let-sign")
@click.argument("email")
@click.option("--no", "take_away", is_flag=True, help="Take the right away.")
@click.pass_obj
def sign_for_controller(invocation: Invocation, email: str, take_away: bool) -> None:
    """Let a person of a base owner sign for it: only such a person changes a base's partner policy.

    Look at the mandate first; the audit keeps who was given the right and when.

    Example: courtier user let-sign anna@shop.test
    """
    with acting(invocation.settings) as unit:
        let_sign(unit, email, not take_away)
    print("May not sign any more." if take_away else "May sign for the controller.")


@command.command()
@click.argument("organisation", metavar="ORG")
@click.argument("email")
@click.option("--name", required=True, help="Who the person is.")
@click.option("--role", required=True, type=click.Choice(["owner", "advertiser", "agency", "broker", "accountant"]))
@click.option("--language", default="fr", type=click.Choice(["fr", "en"]), show_default=True)
@json_option
@click.pass_obj
def invite(
    invocation: Invocation, organisation: str, email: str, name: str, role: UserRole, language: Language, as_json: bool
) -> None:
    """Invite a person, and mail the link by which the password is chosen; it holds for seven days and works once.

    Example: courtier user invite org_k3v9m2 anna@shop.test --name "Anna Roy" --role owner
    """
    settings = invocation.settings
    with acting(settings) as unit:
        user, token = invite_user(unit, organisation, email, name, role, language)
        link = f"{settings.web.public_url}/login/password/{token}"
        mail_link(unit, load_front(settings.key_dir), user.email, "invitation", link)
    if as_json:
        print_json({"email": user.email, "role": user.role, "organisation": organisation})
    else:
        print(f"The invitation leaves for {user.email} as soon as a worker runs.")


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
