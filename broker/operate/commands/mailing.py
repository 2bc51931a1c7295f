"""Starts, pauses, resumes, cancels and reports a mailing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from broker.delivery.verify_mailing import verify_copy, verify_mailing
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import IntegrityFault
from broker.kernel.paging import MOST_ON_PAGE
from broker.mailings import flow_store
from broker.mailings.cancel import cancel_mailing
from broker.mailings.choose_variant import choose_variant
from broker.mailings.find_mailing import list_mailings
from broker.mailings.flow import set_flow
from broker.mailings.model import TRANSITIONS, Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.report_pdf import tables_pdf
from broker.mailings.report_rows import as_csv, report_tables
from broker.mailings.report_sheet import report_sheet
from broker.mailings.resume import resume_mailing
from broker.mailings.start import start_mailing
from broker.mailings.waves import read_shares
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json, print_table, say
from broker.operate.own_commands import leaks, own
from broker.vault.keyring import load_worker


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


_verb("start", "Let a planned or frozen mailing start now instead of at its hour.", start_mailing)
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


@command.command("choose-variant")
@click.argument("code")
@click.argument("variant", type=click.Choice(["A", "B", "C", "D"], case_sensitive=False))
@click.option("--reason", default="", help="Why (audited).")
@json_option
@click.pass_obj
def choose(invocation: Invocation, code: str, variant: str, reason: str, as_json: bool) -> None:
    """End a subject test by hand: everybody outside the test group gets this variant now.

    Example: courtier mailing choose-variant mailing_7m2k… B --reason "The stock of A is sold out"
    """
    with _unit(invocation) as unit:
        mailing = choose_variant(unit, code, variant, reason)
    _said(mailing, as_json)


@command.command("list")
@click.option("--state", default="", type=click.Choice(["", *TRANSITIONS]), help="Only those in this state.")
@json_option
@click.pass_obj
def list_all(invocation: Invocation, state: str, as_json: bool) -> None:
    """List the last 200 mailings, newest first, hours in UTC; with --json one a line.

    Example: courtier mailing list --state paused
    """
    with _unit(invocation) as unit:
        found = list_mailings(unit, [state] if state else TRANSITIONS.keys(), size=MOST_ON_PAGE).items
    rows = [(one.code, one.kind, one.state, one.starts_at, one.started_at, one.ended_at) for one in found]
    names = ("code", "kind", "state", "starts_at", "started_at", "ended_at")
    if as_json:
        for row in rows:
            print_json(dict(zip(names, row, strict=True)))
    elif rows:
        print_table(
            [name.replace("_", " ") for name in names],
            [[*row[:3], *("" if at is None else f"{at:%Y-%m-%d %H:%M}" for at in row[3:])] for row in rows],
        )
    else:
        say("There are no such mailings.")


@command.command()
@click.argument("code")
@click.option("--shares", default="", help="The waves' shares in per cent, such as 10,30,60; empty: all at once.")
@click.option("--gap", default=60, show_default=True, help="Minutes between two waves.")
@click.option("--start-by", type=click.DateTime(), help="Not begun by then (UTC), it waits for a person.")
@json_option
@click.pass_obj
def waves(invocation: Invocation, code: str, shares: str, gap: int, start_by: datetime | None, as_json: bool) -> None:
    """Set the waves and the start window of a mailing that has not begun.

    Example: courtier mailing waves mailing_7m2k… --shares 10,30,60 --gap 120
    """
    with _unit(invocation) as unit:
        until = None if start_by is None else start_by.replace(tzinfo=UTC)
        mailing = set_flow(unit, code, read_shares(shares), gap, until)
        shown = flow_store.shown(unit, mailing.id) or {}
    if as_json:
        print_json({"code": mailing.code, "state": mailing.state, "flow": shown.get("flow")})
    else:
        print(f"{mailing.code}: {shares or 'all at once'}, {gap} minutes apart")


@command.command()
@click.argument("code")
@click.option("--language", type=click.Choice(["en", "fr"]), default="en", show_default=True)
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as CSV.")
@click.option("--pdf", "pdf_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as PDF.")
@json_option
@click.pass_obj
def report(
    invocation: Invocation, code: str, language: str, csv_file: Path | None, pdf_file: Path | None, as_json: bool
) -> None:
    """Report on a mailing: outcomes, rates with their intervals, clicks, returned mail, comparison, advice.

    Example: courtier mailing report mailing_7m2k… --pdf report.pdf
    """
    with _unit(invocation) as unit:
        sheet = report_sheet(unit, code, language)
        now = unit.now
    tables = report_tables(sheet)
    if csv_file is not None:
        csv_file.write_bytes(as_csv(tables))
    if pdf_file is not None:
        pdf_file.write_bytes(tables_pdf(sheet.live.title or code, code, tables, language, now))
    if as_json:
        print_json(sheet.keys())
        return
    for table in tables:
        print(f"\n{table.title}")
        print_table(table.heads, [tuple("" if cell is None else cell for cell in row) for row in table.rows])


@command.command()
@click.argument("code")
@click.option(
    "--mail", "mail_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A mail as a control address received it.",
)  # fmt: skip
@json_option
@click.pass_obj
def verify(invocation: Invocation, code: str, mail_file: Path | None, as_json: bool) -> None:
    """Prove that what a mailing sends is what was signed; with --mail, that a received mail is.

    Example: courtier mailing verify mailing_7m2k… --mail received.eml
    """
    settings = invocation.settings
    with _unit(invocation) as unit:
        if mail_file is None:
            found, checks = verify_mailing(unit, settings, code), []
        else:
            found, check = verify_copy(unit, load_worker(settings.key_dir), settings, code, mail_file.read_bytes())
            checks = [check]
    rows = [*found.checks, *checks]
    proven = all(check.ok for check in rows)
    if as_json:
        print_json({"code": code, "proven": proven, "checks": [asdict(check) for check in rows]})
    else:
        print_table(("what", "holds", "hash"), [(check.name, "yes" if check.ok else "NO", check.say) for check in rows])
    if not proven:
        raise IntegrityFault("What is stored or was sent differs from what was signed.", code="not_proven")


command.add_command(own)
command.add_command(leaks)
