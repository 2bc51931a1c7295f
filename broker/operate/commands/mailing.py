"""Starts, pauses, resumes, cancels and reports a mailing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.mailings.cancel import cancel_mailing
from broker.mailings.model import Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.resume import resume_mailing
from broker.mailings.start import start_mailing
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, print_table


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


def _verb(name: str, help_text: str, act: Callable[[UnitOfWork, str], Mailing]) -> None:
    """A subcommand that changes a mailing and prints where it stands now."""

    @command.command(name, help=f"{help_text}\n\nExample: courtier mailing {name} mailing_7m2k…")
    @click.argument("code")
    @json_option
    @click.pass_obj
    def verb(invocation: Invocation, code: str, as_json: bool) -> None:
        with _unit(invocation) as unit:
            mailing = act(unit, code)
        if as_json:
            print_json({"code": mailing.code, "state": mailing.state, "starts_at": mailing.starts_at})
        else:
            print(f"{mailing.code}: {mailing.state}")


_verb("start", "Let a frozen mailing start now instead of at its hour.", start_mailing)
_verb("pause", "Stop a mailing for a while; the mails in flight still arrive.", pause_mailing)
_verb("resume", "Let a paused mailing go on.", resume_mailing)
_verb("cancel", "Stop a mailing for good.", cancel_mailing)


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
