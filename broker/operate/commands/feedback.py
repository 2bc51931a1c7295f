"""Reads returned messages: bounces, complaints, absences, wishes to leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from broker.feedback.model import ReturnedMail
from broker.feedback.parse_returned import parse_returned
from broker.kernel.errors import InvalidInput
from broker.operate.output import json_option, print_json, print_table

COLUMNS = ("file", "kind", "recipient", "status", "reply_code", "verdict", "reason")


@click.group()
def command() -> None:
    """Reads returned messages: bounces, complaints, absences, wishes to leave."""


@command.command()
@click.argument("files", metavar="FILE_OR_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def parse(files: tuple[Path, ...], as_json: bool) -> None:
    """Say of each returned message whom it is about and how hard it failed.

    A folder means all the files in it, at any depth. With --json: one line per recipient. Needs no database.

    Example: courtier feedback parse --json returned/ one-more.eml
    """
    rows = ({"file": str(path), **result.as_dict()} for path in find_files(files) for result in read(path))
    if as_json:
        for row in rows:
            print_json(row)
    else:
        print_table(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def find_files(given: tuple[Path, ...]) -> Iterator[Path]:
    """The files themselves and those in the folders, sorted; hidden ones are left out."""
    for path in given:
        if path.is_dir():
            inside = (file for file in path.rglob("*") if not file.name.startswith("."))
            yield from sorted(file for file in inside if file.is_file())
        elif path.is_file():
            yield path
        else:
            raise InvalidInput(f"There is no file or folder {path}.", code="no_such_file")


def read(path: Path) -> list[ReturnedMail]:
    """What one file says."""
    try:
        return parse_returned(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", code="unreadable_file") from None
