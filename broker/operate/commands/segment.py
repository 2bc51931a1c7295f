"""Counts a segment's rule on a file or on a base."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path

import click

from broker.audience.count_base import count_base
from broker.audience.count_file import FileCount, count_file, given_rule
from broker.kernel.clock import PARIS
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings
from broker.operate.cli import Invocation
from broker.operate.database_server import running_postgres
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json


@click.group()
def command() -> None:
    """Segments: rules over a base or a file."""


@command.command()
@click.argument("source")
@click.argument("rule")
@click.option("--today", type=DAY, help="The day that ages and recency refer to.")
@json_option
@click.pass_obj
def count(invocation: Invocation, source: str, rule: str, today: datetime | None, as_json: bool) -> None:
    """Count the people a RULE takes in SOURCE: a CSV or Parquet file, or a base's code.

    RULE is the rule text or the name of a JSON file with a rule tree. On a file nothing is excluded and no
    database is needed; on a base the figure is the rule's, before exclusions.

    Example: courtier segment count clients.csv "gender = F and age between 15 and 35"
    """
    settings = invocation.settings
    path = Path(source)
    if path.exists() or path.suffix.lower() in (".csv", ".parquet", ".tsv", ".txt"):
        tree, places = given_rule(rule)
        day = today.date() if today else datetime.now(PARIS).date()
        found = count_file(path, tree, places, day, settings.audience.memory_mb, settings.audience.threads)
    else:
        found = _on_base(settings, source, rule, today.date() if today else None)
    if as_json:
        print_json({"count": found.count, "seconds": round(found.seconds, 6)})
    else:
        print(f"{found.count:,} people ({found.seconds:.2f} s)")


def _on_base(settings: Settings, code: str, rule: str, today: date | None) -> FileCount:
    tree, places = given_rule(rule)
    with running_postgres(settings) as server:
        engine = make_engine(server.url("worker"))
        start = time.perf_counter()
        try:
            with Database(engine).begin() as unit:
                counted = count_base(unit, settings, code, tree, places, today)
        finally:
            engine.dispose()
        return FileCount(counted, time.perf_counter() - start)
