"""Count a rule on a file: `courtier segment count FILE RULE`, without a database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from broker.audience.check import check_rule
from broker.audience.parse import parse_with_places
from broker.audience.rule import Rule, read_json_rule, segments_named
from broker.audience.sheet import attach_sheet
from broker.audience.table import RuleTable, open_duckdb
from broker.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class FileCount:
    """How many rows match, and the seconds that reading and counting took."""

    count: int
    seconds: float


def given_rule(given: str) -> tuple[Rule, list[int]]:
    """A rule as people give it on the command line: its text, or the name of a JSON file."""
    if given.strip().lower().endswith(".json"):
        try:
            text = Path(given).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(
                f"The rule file {given} cannot be read: {error.strerror}.", code="bad_rule", field="rule"
            ) from None
        except UnicodeDecodeError:
            raise InvalidInput(f"The rule file {given} is not UTF-8 text.", code="bad_rule", field="rule") from None
        return read_json_rule(text), []
    return parse_with_places(given)


def count_file(path: Path, rule: Rule, places: list[int], today: date, memory_mb: int, threads: int) -> FileCount:
    """Count the rows of a CSV or Parquet file that a rule takes."""
    start = time.perf_counter()
    connection = open_duckdb(memory_mb, threads)
    table = RuleTable(connection, attach_sheet(connection, path), today)
    if named := sorted(segments_named(rule)):
        raise InvalidInput(
            f'A file has no segments: write out what segment "{named[0][:60]}" says, or count on the base.',
            code="unknown_segment",
            field="rule",
        )
    try:
        checked = check_rule(rule, table.columns, places)
    except InvalidInput as error:
        raise _with_odd_values(error, connection) from None
    count = table.count(checked)
    return FileCount(count, time.perf_counter() - start)


def _with_odd_values(error: InvalidInput, connection: duckdb.DuckDBPyConnection) -> InvalidInput:
    """The refusal of a comparison on a text, with how many of its values kept the column from being numbers."""
    name = error.details.get("category")
    if error.code != "wrong_type" or not isinstance(name, str):
        return error
    column = '"' + name.replace('"', '""') + '"'
    found = connection.execute(
        f"SELECT count({column}), count(TRY_CAST({column} AS DOUBLE)) FROM sheet"  # noqa: S608 - quoted
    ).fetchone()
    if found is None or found[1] * 2 < found[0] or found[1] == found[0]:
        return error
    odd = found[0] - found[1]
    sentence = f"{error.sentence} It is read as text because {odd:,} of its {found[0]:,} values are no numbers."
    return InvalidInput(sentence, code=error.code, field=error.field, details=error.details)
