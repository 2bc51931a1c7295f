"""Joins an affiliate programme with a base."""

from __future__ import annotations

import click

from broker.affiliation.join import join_programme
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option


@click.command()
@click.argument("programme")
@click.argument("base")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, programme: str, base: str, org_code: str, as_json: bool) -> None:
    """Take part in PROGRAMME with BASE; nothing is sent by joining.

    Example: courtier join prog_8v5n… clients-atelier --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        joined = join_programme(unit, programme, base)
    show(joined, as_json)
