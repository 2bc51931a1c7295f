"""Writes the PDF of a quote or an order, as its organisation may have it."""

from __future__ import annotations

from pathlib import Path

import click

from broker.operate.acting import acting, as_option
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json
from broker.rentals.order_paper import order_pdf


@click.command()
@click.argument("order")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, order: str, out: Path, org_code: str, as_json: bool) -> None:
    """Write the paper of ORDER: the signed document itself, once the advertiser has signed it online.

    Example: courtier paper order_4t8w… --out order.pdf --as org_9x1c…
    """
    with acting(invocation.settings, org_code) as unit:
        raw = order_pdf(unit, invocation.settings, order)
    out.write_bytes(raw)
    if as_json:
        print_json({"order": order, "file": str(out), "bytes": len(raw)})
    else:
        print(f"{out}: {len(raw)} bytes.")
