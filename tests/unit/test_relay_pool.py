"""A relay that fails rests for longer and longer; the others carry on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from broker.delivery.pool import LONGEST_REST, ConnectionPool
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


def test_a_refusing_relay_is_knocked_at_less_and_less_while_the_other_serves() -> None:
    async def scene() -> None:
        bad, good = Server(b"421 4.3.2 too busy\r\n"), Server(b"220 relay.test ready\r\n")
        (bad_door, bad_relay), (good_door, good_relay) = await _started(bad), await _started(good)
        now = 1000.0
        pool = ConnectionPool([bad_relay, good_relay], 5.0, lambda: now)
        async with bad_door, good_door:
            for _ in range(10):
                assert len(await pool.live()) == 1
            assert (bad.knocks, good.knocks) == (1, 1)
            for knocks, wait in ((2, 1.0), (3, 2.0), (4, 4.0)):
                now += wait - 0.5
                await pool.live()
                assert bad.knocks == knocks - 1
                now += 0.5
                await pool.live()
                assert bad.knocks == knocks
            bad.banner = b"220 relay.test ready\r\n"
            now += LONGEST_REST
            assert len(await pool.live()) == 2
            pool.close()

    asyncio.run(scene())
