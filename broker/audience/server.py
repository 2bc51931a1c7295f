"""The audience process's socket: reads questions, has them answered in threads, and never dies of one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from broker.audience.protocol import LARGEST_MESSAGE, error_message, line
from broker.kernel.errors import Conflict, CourtierError, IntegrityFault, InvalidInput

IDLE_SECONDS = 30.0
LAST_SECONDS = 15.0
Answer = Callable[[object, object], dict[str, Any]]


async def serve(
    socket_path: Path, answer: Answer, threads: int, stop: asyncio.Event, log_fault: Callable[[BaseException], None]
) -> None:
    """Serve until `stop` is set; questions under way are answered first. `answer(call, arguments)` runs in threads."""
    claim_socket(socket_path)
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="count") as pool:

        async def reply_to(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    question = await _question(reader)
                if question is None:
                    return None
                writer.write(line({"working": True}))
                await writer.drain()
                found = await loop.run_in_executor(pool, answer, question.get("call"), question.get("arguments"))
                return {"answer": found}
            except CourtierError as error:
                return error_message(error)
            except (OSError, TimeoutError):
                return None
            except Exception as error:  # a fault of ours must not end the process for everybody
                log_fault(error)
                return error_message(
                    IntegrityFault("The audience process failed on this question; its log says where.", code="fault")
                )

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            under_way.add(task)
            try:
                reply = await reply_to(reader, writer)
                with suppress(OSError):
                    if reply is not None:
                        writer.write(line(reply))
                        await writer.drain()
            finally:
                writer.close()
                under_way.discard(task)

        server = await asyncio.start_unix_server(handle, path=str(socket_path), limit=LARGEST_MESSAGE)
        socket_path.chmod(0o660)
        async with server:
            await stop.wait()
            server.close()
            if under_way:
                await asyncio.wait(under_way, timeout=LAST_SECONDS)
        with suppress(FileNotFoundError):
            socket_path.unlink()


def claim_socket(path: Path) -> None:
    """Remove what a dead process left at the path; refuse while a live one listens there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.settimeout(1)
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise Conflict(f"An audience process listens on {path} already.", code="already_running")


async def _question(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    try:
        raw = await reader.readline()
    except ValueError:
        raise InvalidInput("This question is too large.", code="bad_question") from None
    if not raw:
        return None
    try:
        question = json.loads(raw)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict):
        raise InvalidInput("The audience process was asked something that is not JSON.", code="bad_question")
    return question
