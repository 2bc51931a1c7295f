"""Checks the installation, and says how to mend what is not well."""

from __future__ import annotations

from functools import partial

import click

from broker.kernel.errors import CourtierError
from broker.kernel.settings import Settings
from broker.operate.cli import Invocation
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.operate.doctor import data, machine, mail, payment
from broker.operate.doctor.check import Check, guarded
from broker.operate.output import json_option, print_json


@click.command()
@json_option
@click.option("--no-dns", is_flag=True, help="Leave out the DNS records of the sending domain.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool, no_dns: bool) -> int:
    """Check settings, keys, database, relays, DNS records, disk, time, versions and the separation of users.

    Exits 0 when all is well and 1 when something is not. With --json: {"checks": [{"name", "ok", "say"}]}.

    Example: courtier --config courtier.toml doctor
    """
    checks = _examine(invocation, dns=not no_dns)
    if as_json:
        print_json({"checks": [{"name": one.name, "ok": one.ok, "say": one.say} for one in checks]})
    else:
        for one in checks:
            print(f"{'ok  ' if one.ok else 'MEND'}  {one.name}: {one.say}")
    return 0 if all(one.ok for one in checks) else 1


def _examine(invocation: Invocation, *, dns: bool) -> list[Check]:
    try:
        settings = invocation.settings
    except CourtierError as error:
        return [Check("settings", False, error.sentence)]
    source = settings.source or "the embedded default (no file)"
    checks = [Check("settings", True, f"The settings are well formed: {source}.")]
    for name, look in (
        ("versions", machine.versions),
        ("disk", machine.disk),
        ("server", machine.embedded_server),
        ("separation", machine.separation),
        ("keys", data.keys),
        ("payments", payment.gateway),
    ):
        checks.append(guarded(name, partial(look, settings)))
    checks += _database(settings, dns=dns)
    checks += [mail.relay(relay) for relay in settings.mail.relays]
    if dns:
        checks += mail.dns_records(settings)
    return checks


def _database(settings: Settings, *, dns: bool) -> list[Check]:
    try:
        with running_postgres(settings) as server:
            checks = [Check("database", True, "The database answers."), *_inside(server)]
            if dns:
                checks += mail.dkim(settings, server if all(one.ok for one in checks) else None)
            return checks
    except CourtierError as error:
        return [Check("database", False, error.sentence), *(mail.dkim(settings, None) if dns else [])]


def _inside(server: DatabaseServer) -> list[Check]:
    return [
        guarded("roles", partial(data.logins, server)),
        guarded("schema", partial(data.schema, server)),
        guarded("time", partial(machine.clock, next(iter(server.urls.values())))),
    ]
