"""Lets an organisation in, lists them all, freezes one on suspicion."""

from __future__ import annotations

import click

from broker.accounts.list_organisations import list_organisations
from broker.accounts.mail_link import mail_link
from broker.accounts.open_organisation import OPENED, open_organisation
from broker.billing.bank.freeze_org import freeze_organisation, thaw_organisation
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table
from broker.vault.keyring import load_front

COLUMNS = ("code", "kind", "name", "siren", "country")


@click.group()
def command() -> None:
    """Who uses the platform. A frozen organisation is neither paid nor can it book."""


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


@command.command("list")
@json_option
@click.pass_obj
def listed(invocation: Invocation, as_json: bool) -> None:
    """List all organisations by kind and name.

    Example: courtier organisation list
    """
    with acting(invocation.settings) as unit:
        rows = [(one.code, one.kind, one.name, one.siren, one.country) for one in list_organisations(unit)]
    if as_json:
        print_json({"organisations": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
    else:
        print_table(COLUMNS, [tuple(value or "-" for value in row) for row in rows])


@command.command()
@click.argument("kind", type=click.Choice(OPENED))
@click.argument("name")
@click.argument("email")
@click.option("--person", required=True, help="Who the first person is.")
@click.option("--siren", default="", help="Nine digits; needed in France.")
@click.option("--vat-number", default="")
@click.option("--street", default="")
@click.option("--postcode", default="")
@click.option("--city", default="")
@click.option("--country", default="FR", show_default=True, help="Two letters of ISO 3166-1.")
@click.option("--language", default="fr", type=click.Choice(["fr", "en"]), show_default=True)
@json_option
@click.pass_obj
def create(
    invocation: Invocation,
    kind: str,
    name: str,
    email: str,
    person: str,
    language: str,
    as_json: bool,
    siren: str,
    vat_number: str,
    street: str,
    postcode: str,
    city: str,
    country: str,
) -> None:
    """Let an organisation in; its first person is mailed a link that holds for seven days and works once.

    Example: courtier organisation create advertiser "Sacs & Cie" anna@sacs.test --person "Anna Roy" --siren 732829320
    """
    settings = invocation.settings
    legal = {
        "siren": siren, "vat_number": vat_number, "street": street, "postcode": postcode, "city": city,
        "country": country,
    }  # fmt: skip
    with acting(settings) as unit:
        made, user, token = open_organisation(unit, kind, name, legal, email=email, person=person, language=language)
        link = f"{settings.web.public_url}/login/password/{token}"
        mail_link(unit, load_front(settings.key_dir), user.email, "invitation", link)
    if as_json:
        print_json({"code": made.code, "kind": made.kind, "name": made.name, "email": user.email})
    else:
        print(f"{made.name} is {made.code}. The invitation leaves for {user.email} as soon as a worker runs.")
