"""Joins an affiliate programme with a base."""

from __future__ import annotations

import click

from broker.affiliation.join import join_programme, leave_programme, list_participations
from broker.kernel.errors import NotFound
from broker.operate.acting import acting, as_option, show
from broker.operate.cli import Invocation
from broker.operate.output import json_option


@click.command()
@click.argument("programme")
@click.argument("base")
@click.option("--leave", is_flag=True, help="Take part no more; sends of which nothing has left are taken back.")
@as_option
@json_option
@click.pass_obj
def command(invocation: Invocation, programme: str, base: str, leave: bool, org_code: str, as_json: bool) -> None:
    """Take part in PROGRAMME with BASE (or leave it); nothing is sent by joining. Joining accepts its terms.

    Example: courtier join prog_8v5n… clients-atelier --as org_5h3j…
    """
    with acting(invocation.settings, org_code) as unit:
        if leave:
            mine = [one for one in list_participations(unit, programme=programme).items if one.base_code == base]
            if not mine:
                raise NotFound(f"The base {base!r} takes no part in {programme!r}.", code="not_joined")
            joined = leave_programme(unit, mine[0].code)
        else:
            joined = join_programme(unit, programme, base)
    show(joined, as_json)
