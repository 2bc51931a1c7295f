"""How mail leaves: pace, warm-up, relays, DKIM keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from broker.audit.record import record
from broker.delivery.dkim_keys import DkimKey, check_not_signing, check_selector
from broker.delivery.dkim_rotation import check_not_kept, check_retirable
from broker.delivery.list_relays import list_relays
from broker.delivery.set_pace import list_paces, reset_pace, set_pace
from broker.delivery.tend_dkim_key import Signing
from broker.delivery.warm_up import WarmUp, end_warm_up, list_warm_ups, set_warm_up, start_warm_up
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import InvalidInput
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, print_table
from broker.vault.dkim_ring import add_dkim_key, drop_dkim_key
from broker.vault.keyring import load_worker

SCOPE = click.Choice(["relay", "provider", "domain"])


@click.group()
def command() -> None:
    """How fast mail leaves, over which relays, signed with which keys.

    Example: courtier delivery set-pace provider orange --per-minute 300 --at-once 4
    """


@contextmanager
def _database(invocation: Invocation) -> Iterator[Database]:
    with running_postgres(invocation.settings) as server:
        engine = make_engine(server.url("worker"), 1)
        try:
            yield Database(engine)
        finally:
            engine.dispose()


@contextmanager
def _unit(invocation: Invocation) -> Iterator[UnitOfWork]:
    with _database(invocation) as database, database.begin() as unit:
        yield unit


def _signing(invocation: Invocation, database: Database) -> Signing:
    return Signing(database, lambda: load_worker(invocation.settings.key_dir), invocation.settings)


@command.command()
@json_option
@click.pass_obj
def paces(invocation: Invocation, as_json: bool) -> None:
    """List the limits of relays, providers and recipient domains. They hold over all workers together.

    Example: courtier delivery paces
    """
    with _unit(invocation) as unit:
        rules = list_paces(unit)
    if as_json:
        keys = ("scope", "name", "per_minute", "at_once", "shipped")
        rows = [(one.scope, one.name, one.pace.per_minute, one.pace.at_once, one.shipped) for one in rules]
        print_json({"paces": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    print_table(
        ("scope", "name", "mails a minute", "at once", "set by"),
        [
            (
                one.scope,
                one.name,
                one.pace.per_minute or "-",
                one.pace.at_once or "-",
                "program" if one.shipped else "you",
            )
            for one in rules
        ],
    )


@command.command("set-pace")
@click.argument("scope", type=SCOPE)
@click.argument("name")
@click.option("--per-minute", type=int, help="Mails a minute; left out: no limit.")
@click.option("--at-once", type=int, help="Mails on their way at once; left out: no limit.")
@json_option
@click.pass_obj
def set_pace_command(
    invocation: Invocation, scope: str, name: str, per_minute: int | None, at_once: int | None, as_json: bool
) -> None:
    """Limit a relay (host:port), a provider or a recipient domain.

    Example: courtier delivery set-pace domain exemple.fr --per-minute 60 --at-once 2
    """
    with _unit(invocation) as unit:
        rule = set_pace(unit, scope, name, per_minute, at_once)
    if as_json:
        print_json({"scope": rule.scope, "name": rule.name, "per_minute": per_minute, "at_once": at_once})
    else:
        print(f"{rule.scope} {rule.name}: {per_minute or 'any number of'} mails a minute, {at_once or 'any'} at once.")


@command.command("reset-pace")
@click.argument("scope", type=SCOPE)
@click.argument("name")
@click.pass_obj
def reset_pace_command(invocation: Invocation, scope: str, name: str) -> None:
    """Forget a limit: a provider goes back to what ships with the program.

    Example: courtier delivery reset-pace provider orange
    """
    with _unit(invocation) as unit:
        reset_pace(unit, scope, name)
    print(f"{scope} {name}: as it ships.")


@command.command("warm-up")
@click.argument("domain", required=False)
@click.option("--first", type=int, help="Mails on the first day, today.")
@click.option("--growth", type=int, default=50, show_default=True, help="How much more each day, in per cent.")
@click.option("--until", type=int, help="The plan is over once a day would take so many mails.")
@click.option("--caps", help="Day by day instead: 50,100,400,1000.")
@click.option("--end", is_flag=True, help="End the plan: no cap any more.")
@json_option
@click.pass_obj
def warm_up(
    invocation: Invocation,
    domain: str | None,
    first: int | None,
    growth: int,
    until: int | None,
    caps: str | None,
    end: bool,
    as_json: bool,
) -> None:
    """Show the warm-up plans of sending domains, or begin or end one.

    Example: courtier delivery warm-up mail.exemple.fr --first 200 --growth 50 --until 100000
    """
    with _unit(invocation) as unit:
        if domain is None:
            plans = list_warm_ups(unit)
        elif end:
            end_warm_up(unit, domain)
            plans = list_warm_ups(unit)
        elif caps:
            plans = [set_warm_up(unit, domain, _numbers(caps), unit.today)]
        elif first is not None and until is not None:
            plans = [start_warm_up(unit, domain, first=first, growth_bp=10_000 + 100 * growth, until=until)]
        else:
            raise InvalidInput("Say --first and --until, or --caps, or --end.", code="bad_warm_up")
        today = unit.today
    if as_json:
        print_json(
            {
                "warm_ups": [
                    {"domain": one.domain, "started_on": one.started_on, "caps": one.caps, "today": one.cap(today),
                     "used": one.used}
                    for one in plans
                ]
            }
        )  # fmt: skip
        return
    print_table(
        ("domain", "since", "days", "today", "used", "last day"),
        [(one.domain, one.started_on, len(one.caps), _cap(one, today), one.used, one.caps[-1]) for one in plans],
    )


def _cap(plan: WarmUp, today: object) -> object:
    from_start = plan.cap(today)  # type: ignore[arg-type]
    return "over" if from_start is None else from_start


def _numbers(text: str) -> list[int]:
    try:
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise InvalidInput("The caps are whole numbers with commas between: 50,100,400.", code="bad_warm_up") from None


@command.command()
@json_option
@click.pass_obj
def relays(invocation: Invocation, as_json: bool) -> None:
    """Show the relays of the settings and how each fares.

    Example: courtier delivery relays
    """
    with _unit(invocation) as unit:
        found = list_relays(unit, invocation.settings.mail)
    if as_json:
        rows = [
            {
                "relay": one.name, "weight": one.weight, "connections": one.connections, "tls": one.tls,
                "well": one.state == "well", "state": one.state, "failures": one.failures, "reason": one.reason,
                "since": one.since,
            }
            for one in found
        ]  # fmt: skip
        print_json({"relays": rows})
    else:
        print_table(
            ("relay", "weight", "connections", "tls", "state", "why"),
            [(one.name, one.weight, one.connections, one.tls, one.state, one.reason or "") for one in found],
        )


@command.group()
def dkim() -> None:
    """The keys that mail is signed with, and their DNS records."""


@dkim.command("list")
@json_option
@click.pass_obj
def list_keys(invocation: Invocation, as_json: bool) -> None:
    """Print each key's record to publish, as a line of a zone file: those of the ring and those made by page.

    Example: courtier delivery dkim list
    """
    with _database(invocation) as database:
        _show(_signing(invocation, database).list(), as_json)


@dkim.command("new")
@click.argument("selector")
@click.option("--domain", help="The sending domain (default: that of the settings).")
@json_option
@click.pass_obj
def new_key(invocation: Invocation, selector: str, domain: str | None, as_json: bool) -> None:
    """Make a second key, to be published before it signs.

    Publish its record, wait until `courtier doctor` sees it, name it in mail.dkim_selector, restart the workers, leave
    the old record published for a week, then `courtier delivery dkim retire` the old key.

    Example: courtier delivery dkim new c2027
    """
    settings = invocation.settings
    check_selector(selector)
    where = domain or settings.mail.sending_domain
    with _database(invocation) as database:
        with database.begin() as unit:
            check_not_kept(unit, where, selector)
            record(unit, "dkim.made", "key", f"{where}:{selector}")
            add_dkim_key(settings.key_dir, where, selector)
        keys = _signing(invocation, database).list()
    _show([one for one in keys if (one.domain, one.selector) == (where, selector)], as_json)


@dkim.command("retire")
@click.argument("selector")
@click.option("--domain", help="The sending domain (default: that of the settings).")
@click.pass_obj
def retire_key(invocation: Invocation, selector: str, domain: str | None) -> None:
    """Take a key off the ring that no longer signs; its record can then be withdrawn.

    Example: courtier delivery dkim retire c2026
    """
    settings = invocation.settings
    where = domain or settings.mail.sending_domain
    with _database(invocation) as database:
        mail = _signing(invocation, database).now().mail
        with database.begin() as unit:
            check_retirable(unit, where, selector)
            check_not_signing(mail, where, selector)
            record(unit, "dkim.retired", "key", f"{where}:{selector}")
            drop_dkim_key(settings.key_dir, where, selector)
    print(f"The key {selector} of {where} is off the ring. Its record may be withdrawn from the DNS.")


def _show(keys: list[DkimKey], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "keys": [
                    {"domain": one.domain, "selector": one.selector, "name": one.name, "record": one.record,
                     "signs": one.signs}
                    for one in keys
                ]
            }
        )  # fmt: skip
        return
    for one in keys:
        print(f"; {'signs now' if one.signs else 'does not sign yet, or no longer'}")
        print(one.zone_line)
