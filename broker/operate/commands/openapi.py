"""Prints the description of the API (OpenAPI 3.1)."""

from __future__ import annotations

import importlib
import json

import click

DESCRIPTION = "api.description"  # a name and no import: the domain does not know the API


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print on one line.")
def command(as_json: bool) -> None:
    """Print the description of the API as an OpenAPI 3.1 document in JSON.

    Example: courtier openapi > openapi.json
    """
    document = importlib.import_module(DESCRIPTION).openapi()
    print(json.dumps(document, ensure_ascii=False, indent=None if as_json else 2))
