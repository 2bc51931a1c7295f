"""kill -9 of the front while people click: every redirect that was answered is one hit, and none is two."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.operate.database_server import DatabaseServer
from broker.vault.keyring import FrontKeys, create_keys, load_front
from tests.store.feedback_scene import Scene, make_scene

pytestmark = [pytest.mark.flow, pytest.mark.timeout(180)]
SERVER = Path(__file__).with_name("click_server.py")
CLICKERS = 6


class Front:
    """Starts and kills the front on one port and state folder."""

    def __init__(self, folder: Path, database: DatabaseServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        create_keys(folder / "keys", "mail.test", "s")
        self.keys: FrontKeys = load_front(folder / "keys")
        self._command = [
            sys.executable, str(SERVER), str(self.port), str(folder), database.url("web"), database.url("public")
        ]  # fmt: skip
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return process
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_a_server(self) -> None:
        """SIGKILL to one serving process; the main one starts another."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        os.kill(int(found.stdout.split()[0]), signal.SIGKILL)

    def restart(self) -> None:
        self.process = self._start()


@pytest.fixture
def front(tmp_path: Path, database: DatabaseServer) -> Iterator[Front]:
    front = Front(tmp_path, database)
    yield front
    front.kill()


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine, sends=1)


class Clicker(threading.Thread):
    """Clicks for one person after another until told to stop; `answered` are those who were redirected."""

    def __init__(self, front: Front, scene: Scene, first: int, stop: threading.Event) -> None:
        super().__init__()
        self.answered: list[int] = []
        self._front, self._scene, self._position, self._stopped = front, scene, first, stop

    def run(self) -> None:
        while not self._stopped.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._front.port, timeout=5)
            with suppress(OSError, http.client.HTTPException):
                while not self._stopped.is_set():
                    self._position += 1  # whoever was not answered is not asked again
                    connection.request("GET", f"/c/{self._scene.token(self._front.keys, 'click', self._position, 1)}")
                    reply = connection.getresponse()
                    reply.read()
                    assert reply.status == 302
                    self.answered.append(self._position)
            connection.close()
            time.sleep(0.02)


def positions(scene: Scene) -> list[int]:
    return [int(str(row[0])) for row in scene.all("SELECT position FROM hit WHERE mailing_id = :mailing")]


def test_no_answered_click_is_lost_and_none_is_counted_twice(front: Front, scene: Scene) -> None:
    stop = threading.Event()
    clickers = [Clicker(front, scene, 1_000_000 * number, stop) for number in range(1, CLICKERS + 1)]
    for clicker in clickers:
        clicker.start()
    time.sleep(2)
    front.kill_a_server()
    time.sleep(2)
    front.kill()
    time.sleep(0.5)
    front.restart()
    time.sleep(1)
    stop.set()
    for clicker in clickers:
        clicker.join()
    front.kill()  # with what its journals hold
    front.restart()
    answered = {position for clicker in clickers for position in clicker.answered}
    until = time.monotonic() + 60
    while not answered <= set(positions(scene)) and time.monotonic() < until:
        time.sleep(0.2)
    kept = positions(scene)
    assert len(answered) > 500
    assert sorted(answered - set(kept)) == []
    assert len(kept) == len(set(kept))
    assert len(kept) - len(answered) <= 3 * CLICKERS  # kept, and killed before the answer
