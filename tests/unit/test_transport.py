"""One SMTP dialogue against scripted servers: what an attempt ends with never overstates what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from broker.delivery.converse import ConnectionLost
from broker.delivery.letter import Attempted, Letter
from broker.delivery.smtp_reply import Reply, blotted, parse_reply
from broker.delivery.transport import Relay, connect

LETTER = Letter(b"b-x@bounce.test", b"zoe@exemple.test", b"Subject: x\r\n\r\n.body\r\n")
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PIPELINED = b"250-here\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"


def attempt(script: Script, *, may_leave: bool = True, seconds: float = 1.0) -> tuple[Attempted, bool]:
    """Carry one letter to a scripted server; also whether the connection was still alive afterwards."""

    async def run() -> tuple[Attempted, bool]:
        server = await asyncio.start_server(script, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            connection = await connect(Relay("127.0.0.1", port, "me.test"), seconds)
            result = await connection.carry(LETTER, seconds, lambda: may_leave, lambda: None)
            alive = connection.alive and result.connected
            connection.quit()
        return result, alive

    return asyncio.run(run())


def server(*steps: bytes | None, greeting: bytes = PIPELINED, seen: list[bytes] | None = None) -> Script:
    """A server that answers EHLO, then each command (and the text) with the next step; None closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 hello\r\n")
            await reader.readline()
            writer.write(greeting)
            for step in steps:
                line = await reader.readline()
                if seen is not None:
                    seen.append(line)
                if not line or step is None:
                    break
                writer.write(step)
                if step.startswith(b"354"):
                    text = await reader.readuntil(b"\r\n.\r\n")
                    if seen is not None:
                        seen.append(text)
                    # The next step answers the text, not a line.
                    rest = steps[steps.index(step) + 1 :]
                    if rest and rest[0] is not None:
                        writer.write(rest[0])
                        await reader.read()
                    break
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return script


def test_an_accepted_letter_is_accepted_and_its_dots_are_stuffed() -> None:
    seen: list[bytes] = []
    result, alive = attempt(server(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 2.0.0 kept\r\n", seen=seen))
    assert (result.state, result.reply.code, alive) == ("accepted", 250, True)
    assert seen[0] == b"MAIL FROM:<b-x@bounce.test> SIZE=%d\r\n" % len(LETTER.raw)
    assert seen[-1] == b"Subject: x\r\n\r\n..body\r\n.\r\n"


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    result, _ = attempt(server(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 kept\r\n", greeting=b"250 plain\r\n"))
    assert result.state == "accepted"


@pytest.mark.parametrize(
    ("steps", "state", "alive"),
    [
        ((b"250 ok\r\n", b"550 5.1.1 no\r\n", b"503 no recipient\r\n", b"250 reset\r\n"), "refused", True),
        ((b"250 ok\r\n", b"451 later\r\n", b"503 no recipient\r\n", b"250 reset\r\n"), "deferred", True),
        ((b"450 not now\r\n", b"503 no\r\n", b"503 no\r\n", b"250 reset\r\n"), "deferred", True),
        ((b"250 ok\r\n", b"421 closing\r\n", b"503 no\r\n"), "deferred", False),
        ((b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"554 5.7.1 spam\r\n"), "refused", True),
        ((b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"452 full\r\n"), "deferred", True),
        ((None,), "deferred", False),
        ((b"250 ok\r\n", None), "deferred", False),
        ((b"250 ok\r\n", b"250 ok\r\n", None), "deferred", False),
        ((b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", None), "uncertain", False),
        ((b"250 ok\r\n", b"250 ok\r\n", b"gibberish\r\n", b"250 reset\r\n"), "deferred", True),
    ],
)
def test_every_end_of_the_dialogue_is_classed(steps: tuple[bytes | None, ...], state: str, alive: bool) -> None:
    result, usable = attempt(server(*steps))
    assert (result.state, usable) == (state, alive)


def test_a_server_silent_after_the_text_leaves_the_outcome_uncertain() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(PIPELINED)
        for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        await reader.read()
        writer.close()

    result, _ = attempt(silent, seconds=0.3)
    assert result.state == "uncertain"


def test_a_letter_whose_lease_is_over_never_leaves() -> None:
    seen: list[bytes] = []
    result, _ = attempt(
        server(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 kept\r\n", seen=seen), may_leave=False
    )
    assert result.state == "deferred"
    assert not any(b"Subject" in line for line in seen)


def test_a_refused_recipient_whose_data_is_let_in_gets_an_empty_text() -> None:
    async def lenient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(PIPELINED)
        for reply in (b"250 ok\r\n", b"550 no\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        assert await reader.readline() == b".\r\n"
        writer.write(b"554 no recipients\r\n")
        assert await reader.readline() == b"RSET\r\n"
        writer.write(b"250 ok\r\n")
        await reader.read()
        writer.close()

    result, alive = attempt(lenient)
    assert (result.state, result.reply.code, alive) == ("refused", 550, True)


def test_a_relay_that_is_not_there_is_a_lost_connection() -> None:
    async def run() -> None:
        probe = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        with pytest.raises(ConnectionLost):
            await connect(Relay("127.0.0.1", port, "me.test"), 1.0)

    asyncio.run(run())


def test_required_tls_is_never_given_up() -> None:
    async def run() -> None:
        server_ = await asyncio.start_server(server(b"250 ok\r\n"), "127.0.0.1", 0)
        port = server_.sockets[0].getsockname()[1]
        async with server_:
            with pytest.raises(ConnectionLost, match="TLS"):
                await connect(Relay("127.0.0.1", port, "me.test", tls="required"), 1.0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    [
        "5.1.1 <Jean.Dupont@exemple.test> unknown",
        "5.1.1 user JEAN.DUPONT unknown at exemple.test",
        "see https://x.test/?u=jean.dupont%40exemple.test",
        "quota of other@elsewhere.test",
    ],
)
def test_no_part_of_an_address_is_kept_of_a_reply(text: str) -> None:
    kept = blotted(Reply(550, text), "jean.dupont@exemple.test").lower()
    assert kept.startswith("550 ")
    for part in ("dupont", "exemple.test", "other@"):
        assert part not in kept


def test_replies_of_several_lines_are_one_reply() -> None:
    assert parse_reply([b"250-here", b"250 SIZE 5"]) == Reply(250, "here\nSIZE 5")
    assert parse_reply([b"nonsense"]).transient
