"""Starts, pauses, resumes, cancels and reports a mailing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.mailings.cancel import cancel_mailing
from broker.mailings.find_mailing import list_mailings
from broker.mailings.model import TRANSITIONS, Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.resume import resume_mailing
from broker.mailings.start import start_mailing
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, print_table, say


@click.group()
def command() -> None:
    """Mailings, for operators.

    Example: courtier mailing report mailing_7m2k…
    """


@contextmanager
def _unit(invocation: Invocation) -> Iterator[UnitOfWork]:
    with running_postgres(invocation.settings) as server:
        engine = make_engine(server.url("worker"), 1)
        try:
            with Database(engine).begin() as unit:
                yield unit
        finally:
            engine.dispose()


def _said(mailing: Mailing, as_json: bool) -> None:
    """Where a mailing stands now."""
    if as_json:
        print_json({"code": mailing.code, "state": mailing.state, "starts_at": mailing.starts_at})
    else:
        print(f"{mailing.code}: {mailing.state}")


def _verb(name: str, help_text: str, act: Callable[[UnitOfWork, str], Mailing]) -> None:
    """A subcommand that changes a mailing and prints where it stands now."""

    @command.command(name, help=f"{help_text}\n\nExample: courtier mailing {name} mailing_7m2k…")
    @click.argument("code")
    @json_option
    @click.pass_obj
    def verb(invocation: Invocation, code: str, as_json: bool) -> None:
        with _unit(invocation) as unit:
            mailing = act(unit, code)
        _said(mailing, as_json)


_verb("start", "Let a frozen mailing start now instead of at its hour.", start_mailing)
_verb("pause", "Stop a mailing for a while; the mails in flight still arrive.", pause_mailing)


def _reasoned(name: str, help_text: str, hint: str, act: Callable[[UnitOfWork, str, str], Mailing]) -> None:
    """The same for a verb that takes a reason."""

    @command.command(name, help=f'{help_text}\n\nExample: courtier mailing {name} mailing_7m2k… --reason "…"')
    @click.argument("code")
    @click.option("--reason", default="", help=hint)
    @json_option
    @click.pass_obj
    def verb(invocation: Invocation, code: str, reason: str, as_json: bool) -> None:
        with _unit(invocation) as unit:
            mailing = act(unit, code, reason)
        _said(mailing, as_json)


_reasoned(
    "resume", "Let a paused mailing go on.", "Why it may, where its watch had stopped it (audited).", resume_mailing
)
_reasoned(
    "cancel", "Stop a mailing for good; what has left stays counted and billed.", "Why (audited).", cancel_mailing
)


@command.command("list")
@click.option("--state", default="", type=click.Choice(["", *TRANSITIONS]), help="Only those in this state.")
@json_option
@click.pass_obj
def list_all(invocation: Invocation, state: str, as_json: bool) -> None:
    """List the last 200 mailings, newest first; with --json one a line.

    Example: courtier mailing list --state paused
    """
    with _unit(invocation) as unit:
        found = [one for one in list_mailings(unit) if state in ("", one.state)]
    rows = [(one.code, one.kind, one.state, one.starts_at, one.started_at, one.ended_at) for one in found]
    names = ("code", "kind", "state", "starts_at", "started_at", "ended_at")
    if as_json:
        for row in rows:
            print_json(dict(zip(names, row, strict=True)))
    elif rows:
        print_table([name.replace("_", " ") for name in names], rows)
    else:
        say("There are no such mailings.")


@command.command()
@click.argument("code")
@json_option
@click.pass_obj
def report(invocation: Invocation, code: str, as_json: bool) -> None:
    """Count a mailing's recipients by state, with bounces, reactions and who was left out.

    Example: courtier mailing report mailing_7m2k… --json
    """
    with _unit(invocation) as unit:
        result = mailing_report(unit, code)
    if as_json:
        print_json(result.keys())
        return
    excluded = {f"left out: {why}": count for why, count in result.exclusions.items()}
    shown = {name: value for name, value in result.keys().items() if name != "exclusions"} | excluded
    print_table(("what", "value"), [(name.replace("_", " "), value) for name, value in shown.items()])
