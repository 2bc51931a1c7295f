"""Erases a person by a typed address or an owner's customer reference."""

from __future__ import annotations

import sys

import click

from broker.bases.erase import erase_address, erase_reference
from broker.kernel.errors import InvalidInput
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.output import json_option, print_json
from broker.vault.blind_index import normalise
from broker.vault.keyring import load_worker


@click.command()
@click.option("--base", "base_code", default="", metavar="CODE", help="Erase from this base alone (default: from all).")
@click.option("--reference", default="", help="The owner's customer reference instead of an address; needs --base.")
@json_option
@click.pass_obj
def command(invocation: Invocation, base_code: str, reference: str, as_json: bool) -> None:
    """Erase a person: the address and its keys at once, the traits at the next compaction (within a day).

    The address is asked for, or read from standard input: never given as an argument, which other users of the machine
    and the shell's history would see. It is suppressed for ever, known or not, by a keyed fingerprint. Needs the
    workers' keys.

    Example: courtier erase --base winter-shop --reference C-1042
    """
    settings = invocation.settings
    worker = load_worker(settings.key_dir)
    address = "" if reference else _typed_address()
    with acting(settings) as unit:
        if reference:
            done = erase_reference(unit, worker, base_code, reference, via="command")
        else:
            done = erase_address(unit, worker, address, base_code, via="command")
    if as_json:
        print_json({"erasure": done.code, "contacts": done.contacts, "bases": list(done.bases)})
    else:
        where = f" in {', '.join(done.bases)}" if done.bases else ""
        print(f"{done.code}: {done.contacts} contacts erased{where}; the address will not be taken in again.")


def _typed_address() -> str:
    typed = click.prompt("Address", err=True) if sys.stdin.isatty() else sys.stdin.readline()
    address = normalise(typed)
    if address.count("@") != 1 or address.startswith("@") or address.endswith("@") or " " in address:
        raise InvalidInput("Type one whole e-mail address.", code="bad_address", field="address")
    return address
