"""Logs: JSON lines in which nobody can be found."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import InvalidInput
from broker.kernel.log import blot_out, blot_out_addresses, configure_logging, get_logger

PERSON = "jeanne.martin+list@example.test"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes during the test; the process's own logging is put back after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("test", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_part_event_and_figures(lines: io.StringIO) -> None:
    get_logger("broker.bases").info("import.done", import_id=7, rows=120_000)
    (line,) = lines.getvalue().splitlines()
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "import.done",
        "import_id": 7,
        "rows": 120_000,
        "level": "info",
        "logger": "broker.bases",
        "part": "test",
    }


def test_addresses_are_blotted_out_wherever_they_stand(lines: io.StringIO) -> None:
    log = get_logger("test")
    log.info(f"mail to {PERSON}", to=PERSON, deep={"row": [{PERSON: (PERSON, PERSON.encode())}]}, set={PERSON})
    logging.getLogger("library").warning("550 <%s> unknown", PERSON)
    try:
        raise ValueError(f"no such person {PERSON}")
    except ValueError:
        log.exception("failed", error=ValueError(PERSON))
        logging.getLogger("library").exception("failed too")
    written = lines.getvalue()
    assert len(written.splitlines()) == 4
    assert "jeanne" not in written
    assert "example.test" not in written


def test_an_error_is_told_by_type_and_place_without_its_text(lines: io.StringIO) -> None:
    try:
        try:
            raise ValueError("row: Jeanne Martin, 12 rue des Lilas")
        except ValueError as cause:
            raise InvalidInput("Jeanne again", code="bad_row") from cause
    except InvalidInput:
        get_logger("test").exception("import.failed", import_id=7)
        logging.getLogger("library").exception("failed too")
    written = lines.getvalue()
    assert "Jeanne" not in written
    assert "Lilas" not in written
    for line in written.splitlines():
        outer, cause = json.loads(line)["exception"]
        assert outer.startswith("broker.kernel.errors.InvalidInput (bad_row): ")
        assert cause.startswith("builtins.ValueError: ")
        assert "test_log.py:" in outer


@pytest.mark.parametrize(
    "written",
    [
        PERSON,
        PERSON.upper(),
        "jeanne%40example.test",
        "jeanne=40example.test",
        "jeanne&#64;example.test",
        "jeanne&#x40;example.test",
        "jeanne\\u0040example.test",
        "jeanne@[192.0.2.1]",
        "jéanne@exemple.tést",
    ],
)
def test_other_ways_of_writing_an_address_are_blotted_out(written: str) -> None:
    blotted = blot_out_addresses(f"RCPT TO:<{written}> (refused)")
    assert blotted == "RCPT TO:<•••@•••> (refused)"


@given(st.emails(), st.text(alphabet="abc ,;<>", max_size=5), st.text(alphabet="abc ,;<>", max_size=5))
def test_no_address_passes(address: str, before: str, after: str) -> None:
    assert address not in blot_out_addresses(f"{before} {address} {after}")


@given(st.text(alphabet=st.characters(exclude_characters="@%=&\\"), max_size=60))
def test_what_is_no_address_stays(text: str) -> None:
    assert blot_out_addresses(text) == text


def test_figures_stay_figures() -> None:
    assert blot_out({"n": 3, "share": 0.5, "yes": True, "none": None}) == {
        "n": 3,
        "share": 0.5,
        "yes": True,
        "none": None,
    }
