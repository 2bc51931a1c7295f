"""Verifies the audit's chain of hashes."""

from __future__ import annotations

import re

import click

from broker.audit.verify import verify as verify_chain
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import IntegrityFault, InvalidInput
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.output import json_option, print_json


@click.group()
def command() -> None:
    """The record of who did what."""


@command.command()
@click.option(
    "--known", metavar="ENTRY:HASH", help="What an earlier verification printed: shows a chain cut off since."
)
@json_option
@click.pass_obj
def verify(invocation: Invocation, known: str | None, as_json: bool) -> None:
    """Walk the whole chain and prove that no entry was changed, added or taken out.

    Keep the hash that it prints somewhere else, and give it again next time.

    Example: courtier audit verify --known 1204:9f3c…
    """
    expected = _entry_and_hash(known)
    with (
        running_postgres(invocation.settings) as server,
        Database(make_engine(server.url("worker"), 1)).begin() as unit,
    ):
        result = verify_chain(unit, expected)
    if as_json and result.broken_at is None:
        print_json({"entries": result.entries, "broken_at": result.broken_at, "head": result.head})
    if result.broken_at is not None:
        raise IntegrityFault(
            f"The audit is broken at entry {result.broken_at} of {result.entries}: it, or one before it, was changed or"
            " taken out. Compare with a backup.",
            code="audit_broken",
            details={"entries": result.entries, "broken_at": result.broken_at},
        )
    if not as_json:
        print(f"{result.entries} entries, all whole. Keep this: {result.entries}:{result.head}")


def _entry_and_hash(known: str | None) -> tuple[int, str] | None:
    if known is None:
        return None
    found = re.fullmatch(r"(\d{1,18}):([0-9a-fA-F]{64})", known)
    if found is None:
        raise InvalidInput(
            "--known is ENTRY:HASH as an earlier verification printed it.", code="bad_known", field="known"
        )
    return int(found[1]), found[2].lower()
