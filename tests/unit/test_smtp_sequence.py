"""Mails that follow each other on a connection: the next envelope with the text before it, and what a fault leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.delivery import converse
from broker.delivery.letter import Attempted
from broker.delivery.transport import SEQUENCE_SECONDS, SmtpConnection
from tests.unit.test_smtp_extensions import carried, letter, with_sink


async def in_turn(connection: SmtpConnection, names: str | list[str]) -> list[Attempted]:
    connection.extensions.pop("CHUNKING", None)
    return await carried(connection, [letter(name) for name in names])


def kept_names(folder: Path, rules: list[str], names: str | list[str], expected: list[str]) -> list[str]:
    async def act(connection: SmtpConnection) -> None:
        assert [one.state for one in await in_turn(connection, names)] == expected

    return [message.rcpt_to[0].partition("@")[0] for message in with_sink(folder, rules, act)]


def test_the_next_envelope_leaves_with_the_text_before_it(tmp_path: Path) -> None:
    writes: list[bytes] = []

    async def act(connection: SmtpConnection) -> None:
        send = connection.write

        def write(data: bytes) -> None:
            writes.append(data)
            send(data)

        connection.write = write  # type: ignore[method-assign]
        assert [one.state for one in await in_turn(connection, "abc")] == ["accepted"] * 3

    kept = with_sink(tmp_path, [], act)
    assert [message.rcpt_to[0][0] for message in kept] == ["a", "b", "c"]
    assert len(writes) == 4
    assert [data.count(b"RCPT TO") for data in writes] == [1, 1, 1, 0]
    assert writes[1].index(b"\r\n.\r\n") < writes[1].index(b"MAIL FROM")


def test_a_refused_recipient_spoils_no_other_mail(tmp_path: Path) -> None:
    names = ["a", "bad", "later", "d", "bad2"]
    expected = ["accepted", "refused", "deferred", "accepted", "refused"]
    assert kept_names(tmp_path, ["refuse:^bad", "defer:^later"], names, expected) == ["a", "d"]


def test_only_the_mail_whose_text_has_left_is_in_doubt(tmp_path: Path) -> None:
    expected = ["accepted", "accepted", "uncertain", "deferred", "deferred"]
    assert kept_names(tmp_path, ["drop-after:^c@"], "abcde", expected) == ["a", "b", "c"]
    (tmp_path / "before").mkdir()
    expected[2] = "deferred"  # closed at DATA: no text had left
    assert kept_names(tmp_path / "before", ["drop:^c@"], "abcde", expected) == ["a", "b"]


def test_whose_turn_comes_too_late_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converse, "FRESH", 0.0)

    async def act(connection: SmtpConnection) -> None:
        ended = await in_turn(connection, "abc")
        assert [(one.state, one.connected) for one in ended] == [("accepted", True)] + [("deferred", True)] * 2
        assert (await in_turn(connection, "d"))[0].state == "accepted"

    assert [message.rcpt_to[0][0] for message in with_sink(tmp_path, [], act)] == ["a", "d"]


def test_only_a_connection_that_was_quick_gets_several(tmp_path: Path) -> None:
    async def act(connection: SmtpConnection) -> None:
        assert connection.room(4) == 4  # all in one go
        connection.extensions.pop("CHUNKING")
        assert connection.room(4) == 1
        await in_turn(connection, "a")
        connection._mail_seconds = SEQUENCE_SECONDS / 3.5
        assert connection.room(4) == 3
        connection.extensions.pop("PIPELINING")
        assert connection.room(4) == 1

    with_sink(tmp_path, [], act)
