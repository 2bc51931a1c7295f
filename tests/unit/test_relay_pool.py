"""A relay that fails rests for longer and longer; the others carry on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from broker.delivery.letter import Attempted
from broker.delivery.pool import BREAKS_AFTER, LONGEST_REST, ConnectionPool, RelayHealth
from broker.delivery.smtp_reply import Reply
from broker.delivery.transport import Relay


class Server:
    """A relay that greets with one line and answers EHLO, and counts who knocked."""

    def __init__(self, banner: bytes) -> None:
        self.banner = banner
        self.knocks = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        writer.write(self.banner)
        with suppress(asyncio.CancelledError):  # the loop ends with the test
            while await reader.readline():
                writer.write(b"250 relay.test\r\n")
        writer.close()


async def _started(server: Server) -> tuple[asyncio.Server, Relay]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    return listening, Relay("127.0.0.1", listening.sockets[0].getsockname()[1], "mail.courtier.test")


def test_a_refusing_relay_is_knocked_at_less_and_less() -> None:
    async def scene() -> None:
        bad = Server(b"421 4.3.2 too busy\r\n")
        door, relay = await _started(bad)
        now, told = 1000.0, list[tuple[float, int, str | None]]()
        health = RelayHealth(clock=lambda: now, changed=lambda *what: told.append(what))
        pool = ConnectionPool(relay, 2, 5.0, health)
        async with door:
            for _ in range(10):
                assert not await pool.live()
            assert bad.knocks == 2  # both places at once are one failure
            for knocks, wait in ((3, 1.0), (4, 2.0), (5, 4.0)):  # one tries for all
                now += wait - 0.5
                await pool.live()
                assert bad.knocks == knocks - 1
                now += 0.5
                await pool.live()
                assert bad.knocks == knocks
            assert told[0] == (1.0, 1, "banner 421")
            assert told[-1] == (8.0, 4, "banner 421")
            bad.banner = b"220 relay.test ready\r\n"
            now += LONGEST_REST
            (first,) = await pool.live()
            assert len(await pool.live()) == 1
            first.carried = 1
            assert len(await pool.live()) == 2
            assert told[-1] == (0.0, 0, None)
            pool.close()

    asyncio.run(scene())


def _ended(code: int, text: str, stage: str = "text", state: str = "refused") -> Attempted:
    return Attempted(state, Reply(code, text), stage=stage)


def test_a_relay_whose_every_answer_is_about_us_stops_by_itself() -> None:
    now, told = 0.0, list[tuple[float, int, str | None]]()
    health = RelayHealth(clock=lambda: now, changed=lambda *what: told.append(what))
    for _ in range(BREAKS_AFTER):
        assert not health.resting
        health.saw(_ended(554, "5.7.1 Relay access denied", "recipient"))
    assert health.resting
    assert health.broken
    assert told[0][2] is not None
    assert "554" in told[0][2]


def test_refusals_of_recipients_never_stop_a_relay() -> None:
    health = RelayHealth(clock=lambda: 0.0)
    for _ in range(5 * BREAKS_AFTER):
        health.saw(_ended(550, "5.1.1 no such user", "recipient"))
        health.saw(_ended(554, "5.7.1 spam", "text"))
        health.saw(_ended(451, "4.7.1 greylisted", "recipient", "deferred"))
    assert not health.resting


def test_one_success_among_faults_keeps_a_relay_going() -> None:
    health = RelayHealth(clock=lambda: 0.0)
    for _ in range(10):
        for _ in range(BREAKS_AFTER - 1):
            health.saw(_ended(421, "4.3.2 closing", "sender", "deferred"))
        health.saw(_ended(250, "ok", "text", "accepted"))
    assert not health.resting
