"""The audience process's door: errors travel whole, and a dead or hung process is told within seconds."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.audience import client as client_module
from broker.audience.client import AudienceClient
from broker.audience.model import QuestionBudgetSpent
from broker.audience.protocol import LARGEST_MESSAGE
from broker.audience.server import claim_socket, serve
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, Unavailable

Answer = Callable[[object, object], dict[str, Any]]


@contextmanager
def listening(path: Path, answer: Answer, faults: list[BaseException] | None = None) -> Iterator[AudienceClient]:
    """A server in a thread of its own."""
    started = threading.Event()
    facts: dict[str, Any] = {}

    async def work() -> None:
        facts["loop"], facts["stop"] = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.create_task(serve(path, answer, 2, facts["stop"], (faults or []).append))
        while not path.exists():
            await asyncio.sleep(0.01)
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    started.wait(10)
    try:
        yield AudienceClient(path)
    finally:
        facts["loop"].call_soon_threadsafe(facts["stop"].set)
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def path(scratch: Path) -> Path:
    return scratch / f"a{time.monotonic_ns()}.sock"


def test_questions_and_answers_travel(path: Path) -> None:
    def answer(call: object, arguments: object) -> dict[str, Any]:
        return {"call": call, "arguments": arguments}

    with listening(path, answer) as client:
        found = client.count_for_advertiser(7, 8, {"op": "=", "field": "ville", "value": "Orléans"})
        assert found["call"] == "count_for_advertiser"
        assert found["arguments"]["select_rule"]["value"] == "Orléans"
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


def test_errors_keep_their_class_code_field_and_details(path: Path) -> None:
    errors: dict[str, CourtierError] = {
        "a": InvalidInput("No such field.", code="unknown_field", field="rule", details={"nearest": ["age"]}),
        "b": QuestionBudgetSpent("Enough for today."),
        "c": Conflict("Not now."),
    }

    def answer(call: object, arguments: object) -> dict[str, Any]:
        raise errors[str(call)]

    with listening(path, answer) as client:
        for call, error in errors.items():
            with pytest.raises(CourtierError) as caught:
                client.ask(call)
            told = caught.value
            assert (type(told), told.status) == (type(error), error.status)
            assert (told.code, told.sentence, told.field, told.details) == (
                error.code,
                error.sentence,
                error.field,
                error.details,
            )


def test_a_fault_is_logged_kept_secret_and_survived(path: Path) -> None:
    faults: list[BaseException] = [ValueError("kept")]

    def answer(call: object, arguments: object) -> dict[str, Any]:
        if call == "break":
            raise ValueError("row of jane@example.test")
        return {}

    with listening(path, answer, faults) as client:
        with pytest.raises(CourtierError) as caught:
            client.ask("break")
        assert "jane" not in caught.value.sentence
        assert len(faults) == 2
        assert client.ask("fine") == {}


@pytest.mark.parametrize("raw", [b"nonsense\n", b"[1]\n", b"[" * 100_000 + b"\n"])
def test_what_is_not_a_question_gets_an_error(path: Path, raw: bytes) -> None:
    with listening(path, lambda call, arguments: {}), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(raw)
        assert json.loads(connection.makefile("rb").readline())["error"]["code"] == "bad_question"


def test_messages_are_bounded(path: Path) -> None:
    with listening(path, lambda call, arguments: {}) as client:
        with pytest.raises(InvalidInput, match="too large"):
            client.ask("x", rule="y" * LARGEST_MESSAGE)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                connection.sendall(b"x" * (3 * LARGEST_MESSAGE))
        assert client.ask("fine") == {}


def test_slow_answers_are_waited_for_side_by_side(path: Path) -> None:
    gate = threading.Event()

    def answer(call: object, arguments: object) -> dict[str, Any]:
        if call == "slow":
            gate.wait(10)
        return {"call": call}

    found: list[dict[str, Any]] = []
    with listening(path, answer) as client:
        slow = threading.Thread(target=lambda: found.append(client.ask("slow")))
        slow.start()
        assert client.ask("quick") == {"call": "quick"}
        assert found == []
        gate.set()
        slow.join(10)
    assert found == [{"call": "slow"}]


def test_a_dead_process_is_unavailable_with_a_sentence(path: Path) -> None:
    with pytest.raises(Unavailable, match="courtier doctor") as caught:
        AudienceClient(path).ask("x")
    assert caught.value.code == "audience_unavailable"


def test_a_process_that_dies_in_the_middle_is_unavailable(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def die() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b'{"working":true}\n{"ans')
            connection.close()

        thread = threading.Thread(target=die)
        thread.start()
        with pytest.raises(Unavailable):
            AudienceClient(path).ask("x")
        thread.join()


def test_a_process_that_hangs_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "HEARD_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()  # connections are accepted by the system, and nobody ever answers
        with pytest.raises(Unavailable):
            AudienceClient(path).ask("x")


def test_a_dead_process_s_socket_is_taken_over_and_a_live_one_s_is_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(Conflict, match="already"):
            claim_socket(path)
    claim_socket(path)
    assert not path.exists()
