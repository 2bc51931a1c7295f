"""Writes what became of an owner's contacts, or objections to an advertiser, as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from broker.feedback.list_results import COLUMNS, HASH_COLUMNS, list_objections, list_results
from broker.feedback.results_model import KINDS, MOST_AT_ONCE
from broker.kernel.safe_csv import csv_lines
from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--after", type=click.IntRange(0), default=0, help="Go on after the last number that was read.")
@click.option("--base", default="", help="Of this base alone.")
@click.option("--mailing", default="", help="Of this mailing alone.")
@click.option("--kind", type=click.Choice(KINDS), help="Of this kind alone.")
@click.option("--objections", is_flag=True, help="For an advertiser: who wants nothing more of it, as hashes.")
@as_option
@json_option
@click.pass_obj
def command(
    invocation: Invocation,
    out: Path,
    after: int,
    base: str,
    mailing: str,
    kind: str | None,
    objections: bool,
    org_code: str,
    as_json: bool,
) -> None:
    """Write what became of an owner's contacts, by its own references.

    Example: courtier results --as org_9x1c… --out results.csv
    """
    rows: list[tuple[object, ...]] = []
    with acting(invocation.settings, org_code) as unit:
        last = after
        while True:
            if objections:
                hashes = list_objections(unit, after=last)
                rows += [(one.id, one.at.isoformat(), one.sha256, one.md5) for one in hashes]
                read, last = len(hashes), hashes[-1].id if hashes else last
            else:
                found = list_results(unit, after=last, base=base, mailing=mailing, kind=kind or "")
                rows += [
                    (one.id, one.at.isoformat(), one.base, one.mailing, one.kind, one.reference, one.detail)
                    for one in found
                ]
                read, last = len(found), found[-1].id if found else last
            if read < MOST_AT_ONCE:
                break
    with out.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(HASH_COLUMNS if objections else COLUMNS, rows))
    if as_json:
        print_json({"file": str(out), "rows": len(rows), "last": last})
    else:
        print(f"{len(rows)} rows in {out}; the next time go on with --after {last}.")
