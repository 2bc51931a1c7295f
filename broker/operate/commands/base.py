"""Checks a file of contacts as an import would, and imports it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from broker.bases.check import CheckResult, check_file
from broker.bases.reading import ENCODINGS, SEPARATORS, Reading
from broker.kernel.clock import PARIS
from broker.kernel.errors import InvalidInput
from broker.operate.cli import Invocation
from broker.operate.import_file import import_file, resume_import
from broker.operate.output import json_option, print_json, print_table

file_argument = click.argument("file", type=click.Path(path_type=Path))
map_option = click.option(
    "--map", "pairs", multiple=True, metavar="HEADER=FIELD",
    help="Correct the proposed mapping: a field, 'ignore' or 'trait:name'. May be given several times.",
)  # fmt: skip
mapping_option = click.option(
    "--mapping", "mapping_file", type=click.Path(dir_okay=False, path_type=Path),
    help='A JSON file of header → field, as the API takes it: {"Mél": "email"}. --map wins over it.',
)  # fmt: skip
encoding_option = click.option(
    "--encoding", type=click.Choice(ENCODINGS), help="How the file is written, where it is guessed wrongly."
)
separator_option = click.option(
    "--separator", type=click.Choice([sign for sign in SEPARATORS if sign != "\t"] + ["tab"]),
    help="What separates its columns, where it is guessed wrongly.",
)  # fmt: skip
rejects_option = click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write the rejected rows whole to this CSV."
)


@click.group()
def command() -> None:
    """Check and import files of contacts."""


@command.command("check")
@file_argument
@map_option
@mapping_option
@encoding_option
@separator_option
@rejects_option
@json_option
@click.pass_obj
def check(
    invocation: Invocation,
    file: Path,
    pairs: tuple[str, ...],
    mapping_file: Path | None,
    encoding: str | None,
    separator: str | None,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Say what an import of FILE would do, row by row. Needs no database and changes nothing.

    Example: courtier base check clients.csv --rejects rejects.csv
    """
    _keep_apart(file, rejects)
    with _progress(file, show=not as_json) as show:
        result = check_file(
            file,
            whole_mapping(mapping_file, pairs),
            rejects,
            show,
            reading=Reading.of(reading_of(encoding, separator)),
            today=datetime.now(PARIS).date(),
            adult_age=invocation.settings.trade.adult_age,
        )
    if as_json:
        print_json(result.as_dict())
    else:
        print_result(result.as_dict())


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--base", "base_code", required=True, metavar="CODE", help="The base that the file belongs to.")
@click.option("--kind", type=click.Choice(("contacts", "purchases", "visits")), default="contacts", show_default=True)
@map_option
@mapping_option
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FIELD=POLICY",
    help="How a field is renewed that the base has: newest, non_empty or keep. Without any, as at the last import.",
)
@encoding_option
@separator_option
@click.option("--resume", is_flag=True, help="Go on with the base's import that was stopped; FILE is left out.")
@rejects_option
@json_option
@click.pass_obj
def import_(
    invocation: Invocation,
    file: Path | None,
    base_code: str,
    kind: str,
    pairs: tuple[str, ...],
    mapping_file: Path | None,
    policies: tuple[str, ...],
    encoding: str | None,
    separator: str | None,
    resume: bool,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Import FILE into a base and wait until its new snapshot stands.

    Columns that were named at earlier imports are remembered. Runs where the workers' keys and the database are, that
    is on the machine that runs Courtier.

    Example: courtier base import clients.csv --base maison-lumiere --rejects rejects.csv
    """
    if resume:
        if file is not None or rejects is not None or pairs or mapping_file or policies:
            raise click.UsageError("--resume goes on with what was begun: give it --base alone.")
        with _progress(None, show=not as_json) as show:
            done = resume_import(invocation.settings, base_code, show)
    elif file is None:
        raise click.UsageError("Name the FILE to import, or --resume the import that was stopped.")
    else:
        _keep_apart(file, rejects)
        with _progress(file, show=not as_json) as show:
            done = import_file(
                invocation.settings, file, base_code, kind, whole_mapping(mapping_file, pairs), rejects, show,
                read_pairs(policies, "FIELD=POLICY", "policy") if policies else None, reading_of(encoding, separator),
            )  # fmt: skip
    if as_json:
        print_json(done)
    else:
        print_result(done)


def whole_mapping(file: Path | None, pairs: tuple[str, ...]) -> dict[str, str]:
    """What the mapping file says, then what `--map` says otherwise."""
    if file is None:
        return read_pairs(pairs)
    try:
        mapping = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", code="unreadable_file") from None
    except ValueError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(field, str) for field in mapping.values()):
        raise InvalidInput(
            f'{file} is no JSON object of headers and fields, such as {{"Mél": "email"}}.',
            code="bad_mapping", field="mapping",
        )  # fmt: skip
    return {**mapping, **read_pairs(pairs)}


def reading_of(encoding: str | None, separator: str | None) -> dict[str, str]:
    """The options of reading as `Reading` takes them."""
    given = {"encoding": encoding or "", "delimiter": "\t" if separator == "tab" else separator or ""}
    return {key: value for key, value in given.items() if value}


def read_pairs(pairs: tuple[str, ...], form: str = "HEADER=FIELD", field: str = "map") -> dict[str, str]:
    """`("Mail=email",)` → `{"Mail": "email"}`; the last `=` separates, since headers may hold one."""
    mapping = {}
    for pair in pairs:
        header, equals, target = pair.rpartition("=")
        if not equals or not header.strip():
            raise InvalidInput(f"'{pair}' is not written {form}.", code="bad_mapping", field=field)
        mapping[header.strip()] = target.strip()
    return mapping


class _progress:  # noqa: N801 - used as a function
    """A bar on standard error that follows the bytes read; yields the function that moves it."""

    def __init__(self, file: Path | None, *, show: bool) -> None:
        self._total = file.stat().st_size if file is not None and file.is_file() else None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,}/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not show,
        )
        self._task = self._bar.add_task(file.name if file else "going on", total=self._total, rows=0, speed=0)

    def __enter__(self) -> _progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, result: CheckResult) -> None:
        elapsed = self._bar.tasks[0].elapsed or 0.0
        speed = int(result.rows / elapsed) if elapsed > 0.05 else 0
        self._bar.update(self._task, completed=result.done_bytes, rows=result.rows, speed=speed)


def print_result(result: dict[str, object]) -> None:
    """The outcome as tables for people."""
    labels = ("rows", "accepted", "rejected", "duplicates", "rentable")
    print_table(("", "rows"), [(name, f"{result[name]:,}") for name in labels if name in result])
    sheet = f", sheet {result['sheet']}" if result.get("sheet") else ""
    print(f"\nencoding {result['encoding']}, separator {result['delimiter']!r}{sheet}\n")
    columns = result["columns"]
    assert isinstance(columns, dict)
    print_table(("column", "is read as"), columns.items())
    for title, key in (("rejected because", "reasons"), ("noted", "warnings"), ("brought into form", "normalised")):
        counts = result.get(key)
        if isinstance(counts, dict) and counts:
            print()
            print_table((title, "rows"), [(code.replace("_", " "), f"{times:,}") for code, times in counts.items()])
    refused = result.get("refused_columns")
    if isinstance(refused, list) and refused:
        print()
        print_table(("column refused", "why"), [(column["header"], column["why"]) for column in refused])
    near = result.get("near_misses")
    if isinstance(near, dict) and near:
        print()
        print_table(
            ("kept, for the broker to look at", "because of"),
            [(name, ", ".join(words)) for name, words in near.items()],
        )
    typos = result.get("typos")
    if isinstance(typos, list) and typos:
        print()
        print_table(
            ("perhaps misspelt", "meant", "rows"), [(row["domain"], row["meant"], row["rows"]) for row in typos[:10]]
        )


def _keep_apart(file: Path, rejects: Path | None) -> None:
    """The rejects would be written over the owner's own file."""
    if rejects is not None and rejects.exists() and file.exists() and rejects.samefile(file):
        raise InvalidInput(
            f"--rejects names {file} itself, which would be lost. Give it another name.", code="bad_option"
        )
