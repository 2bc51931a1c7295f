"""Sending domains: delegates a subdomain, shows its records, looks at them now."""

from __future__ import annotations

from dataclasses import asdict

import click

from broker.delivery.delegate_domain import delegate_domain, find_domain, list_domains, take_back
from broker.delivery.look_up_records import look_up
from broker.delivery.sending_domain import SendingDomain, records_of, subdomain
from broker.kernel.settings import MailSettings
from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json, print_table


@click.group()
def command() -> None:
    """Sending domains of owners.

    Example: courtier domain add news.marque.fr --as org_9x1c…
    """


@command.command("add")
@click.argument("name")
@as_option
@json_option
@click.pass_obj
def add(invocation: Invocation, name: str, org_code: str, as_json: bool) -> None:
    """Delegate the subdomain NAME of an owner; prints the records to publish.

    Example: courtier domain add news.marque.fr --as org_9x1c…
    """
    mail = invocation.settings.mail
    with acting(invocation.settings, org_code) as unit:
        found = delegate_domain(unit, mail, name)
    _print(found, mail, as_json)


@command.command("list")
@as_option
@json_option
@click.pass_obj
def show_all(invocation: Invocation, org_code: str, as_json: bool) -> None:
    """The domains of an owner (of everybody, for the broker).

    Example: courtier domain list --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        found = list_domains(unit)
    if as_json:
        print_json({"domains": [{"code": one.code, "domain": one.domain, "state": one.state} for one in found]})
    else:
        print_table(
            ("code", "domain", "state", "owner"), [(one.code, one.domain, one.state, one.owner) for one in found]
        )


@command.command("remove")
@click.argument("code")
@as_option
@click.pass_obj
def remove(invocation: Invocation, code: str, org_code: str) -> None:
    """Use a domain for no new mailing.

    Example: courtier domain remove dom_7m2k… --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        name = find_domain(unit, code).domain
        take_back(unit, code)
    print(f"{name} is used for no new mailing.")


@command.command("look")
@click.argument("name")
@json_option
@click.pass_obj
def look(invocation: Invocation, name: str, as_json: bool) -> None:
    """Look at the records of a subdomain now, from this machine, without a database.

    The key of a signature is compared by workers alone: here it is in order only where a CNAME leads to us.

    Example: courtier domain look news.marque.fr
    """
    mail = invocation.settings.mail
    seen = look_up(records_of(subdomain(name, mail), mail), mail, ())
    if as_json:
        print_json({"records": [asdict(one) for one in seen]})
    else:
        for one in seen:
            print(f"{one.state:<10} {_zone_line(one.name, one.kind, one.value)}")
            if one.found and one.state != "ok":
                print(f"{'':<10} found: {one.found}")


def _print(found: SendingDomain, mail: MailSettings, as_json: bool) -> None:
    records = records_of(found.domain, mail)
    if as_json:
        print_json({"code": found.code, "state": found.state, "records": [asdict(one) for one in records]})
    else:
        print(f"{found.code}: publish these records for {found.domain}, then wait for the first look.")
        for one in records:
            print(_zone_line(one.name, one.kind, one.value))


def _zone_line(name: str, kind: str, value: str) -> str:
    """A record as a zone file has it, whole on one line: to be copied."""
    return f"{name}. IN {kind} " + (f'"{value}"' if kind == "TXT" else f"{value}.")
