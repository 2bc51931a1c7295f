"""The serving processes: none outlives its main process, and the port is free again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(60)]
STUB = Path(__file__).with_name("web_stub.py")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def front(port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, str(STUB), str(port)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while serving(port) is None:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


def serving(port: int) -> int | None:
    """The id of the process that answers, or None."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as reply:
            return int(reply.read())
    except OSError:
        return None


def free(port: int) -> bool:
    """Whether nobody holds the port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_serving_processes_end_with_the_main_one(
    front: subprocess.Popen[bytes], port: int, sign: signal.Signals
) -> None:
    helper = serving(port)
    assert helper not in (None, front.pid)
    front.send_signal(sign)
    front.wait(20)
    until = time.monotonic() + 10
    while not free(port):  # the last of several serving processes may take a moment longer than the one that answered
        assert time.monotonic() < until, "a serving process was left behind"
        time.sleep(0.05)
    assert serving(port) is None


def test_a_second_front_on_the_same_port_is_refused_in_a_sentence(front: subprocess.Popen[bytes], port: int) -> None:
    second = subprocess.run([sys.executable, str(STUB), str(port)], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"127.0.0.1:{port} is in use by another program" in second.stderr
