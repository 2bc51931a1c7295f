"""Shows the rules of closed and regulated sectors."""

from __future__ import annotations

from dataclasses import asdict

import click

from broker.catalogue.sectors import sector_rules
from broker.operate.output import json_option, print_json, print_table


@click.command()
@json_option
def command(as_json: bool) -> None:
    """What may not be advertised by mail, and what only with certain words or to adults; no database is needed.

    Example: courtier sectors
    """
    rules = sector_rules()
    if as_json:
        print_json({"rules": [asdict(rule) for rule in rules]})
        return
    print_table(
        ("sector", "rule", "age", "since", "until", "law"),
        [(rule.names["en"], rule.kind, rule.age or "", rule.since, rule.until, rule.law) for rule in rules],
    )
