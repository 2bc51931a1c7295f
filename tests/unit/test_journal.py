"""The journal's files and what is concluded from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kernel.errors import IntegrityFault, Unavailable
from broker.operate.backup.events import CLOCK_MARGIN, gather
from broker.operate.journal.files import Journal, journal_files, read_journal

MADE_AT = 1_000_000.0
SEND = {"dispatch_id": 7, "mailing_id": 3}


def batch(token: str, *positions: int, at: float = MADE_AT + 60) -> dict[str, Any]:
    rows = [[position, 10 + position, "00" * 16, 20_000, 0] for position in positions]
    return {"kind": "batch", "at": at, "token": token, **SEND, "rows": rows}


def told(token: str, **states: str) -> dict[str, Any]:
    rows = [[int(name[1:]), state] for name, state in states.items()]
    return {"kind": "outcomes", "token": token, **SEND, "rows": rows}


def closed(token: str) -> dict[str, Any]:
    return {"kind": "closed", "token": token}


def known(*entries: dict[str, Any], held: frozenset[str] = frozenset()) -> dict[int, str]:
    return {key[2]: state for key, state in gather(entries).states(MADE_AT, held).items()}


def test_what_was_told_counts_and_the_rest_of_an_open_batch_may_have_left() -> None:
    entries = [batch("a", 0, 1, 2), told("a", p0="accepted"), told("a", p1="refused")]
    assert known(*entries) == {0: "accepted", 1: "refused", 2: "uncertain"}


def test_the_rest_of_a_closed_batch_never_left() -> None:
    assert known(batch("a", 0, 1, 2), told("a", p0="accepted"), closed("a")) == {0: "accepted"}


def test_a_batch_that_the_backup_saw_taken_apart_is_left_to_the_backup() -> None:
    old = batch("a", 0, 1, at=MADE_AT - CLOCK_MARGIN - 1)
    assert known(old) == {}
    assert known(old, held=frozenset({"a"})) == {0: "uncertain", 1: "uncertain"}


def test_a_send_that_was_put_off_and_then_accepted_was_accepted_whatever_file_is_read_first() -> None:
    first = [batch("a", 0), told("a", p0="deferred"), closed("a")]
    second = [batch("b", 0), told("b", p0="accepted"), closed("b")]
    assert known(*first, *second) == known(*second, *first) == {0: "accepted"}


def test_a_send_that_was_put_off_and_is_on_its_way_again_is_uncertain() -> None:
    first = [batch("a", 0), told("a", p0="deferred"), closed("a")]
    assert known(*first, batch("b", 0)) == {0: "uncertain"}


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["accepted", "refused", "deferred"])), max_size=20),
    end=st.booleans(),
)
def test_nothing_that_was_accepted_is_ever_open_again(rows: list[tuple[int, str]], end: bool) -> None:
    entries: list[dict[str, Any]] = []
    for number, (position, state) in enumerate(rows):
        entries += [batch(f"t{number}", position), told(f"t{number}", **{f"p{position}": state})]
        if end:
            entries.append(closed(f"t{number}"))
    states = known(*entries)
    for position, state in rows:
        if state == "accepted":
            assert states[position] == "accepted"
    assert set(states) == {position for position, _ in rows}


def test_entries_come_back_as_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "journal")
    journal.append([{"kind": "a", "text": "é\n"}, {"kind": "b"}], instance="i")
    journal.append([{"kind": "c"}], durable=False)
    entries = list(read_journal(journal.folder, "i"))
    assert [entry["kind"] for entry in entries] == ["opened", "a", "b", "c"]
    assert entries[1]["text"] == "é\n"
    (file,) = journal_files(journal.folder)
    assert file.stat().st_mode & 0o077 == 0


def test_nothing_to_write_makes_no_file(tmp_path: Path) -> None:
    Journal(tmp_path).append([])
    assert journal_files(tmp_path) == []


@given(cut=st.integers(min_value=1, max_value=200))
def test_a_file_cut_off_anywhere_gives_a_whole_beginning(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    journal.append([{"kind": "entry", "number": number} for number in range(5)], instance="i")
    (file,) = journal_files(folder)
    content = file.read_bytes()
    file.write_bytes(content[: max(0, len(content) - cut)])
    numbers = [entry["number"] for entry in read_journal(folder, "i") if entry["kind"] == "entry"]
    assert numbers == list(range(len(numbers)))


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([{"kind": "suppression", "scope": "everywhere"}, {"kind": "closed"}], instance="i")
    (file,) = journal_files(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"everywhere", b"everywhera"))
    with pytest.raises(IntegrityFault) as refused:
        list(read_journal(tmp_path, "i"))
    assert refused.value.code == "journal_damaged"


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable) as refused:
        Journal(tmp_path / "file").append([{"kind": "x"}])
    assert refused.value.code == "journal_unwritable"
