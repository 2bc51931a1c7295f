"""`courtier up` as an operator starts it: all parts, one address, nothing left at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(240)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def config(scratch: Path) -> Path:
    web, mailin = free_port(), free_port()
    file = scratch / "up.toml"
    file.write_text(
        f'[instance]\nstate_dir = "{scratch}/up"\n[web]\nport = {web}\npublic_url = "http://127.0.0.1:{web}"\n'
        f"[mailin]\nport = {mailin}\n[worker]\nprocesses = 1\n"
    )
    file.chmod(0o644)
    return file


def leftovers(scratch: Path) -> list[str]:
    """Command lines of processes that name the instance or were told of it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{scratch}/up".encode() in told and int(folder.name) != os.getpid():
            found.append((folder / "cmdline").read_text())
    return found


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_up_serves_and_leaves_nothing(config: Path, scratch: Path, sign: signal.Signals) -> None:
    command = [Path(sys.executable).with_name("courtier"), "--config", str(config), "up", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"{ready['url']}/", timeout=10) as reply:
            assert reply.status == 200
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "in use by another program" in second.stderr
        process.send_signal(sign)
        status = process.wait(60)
        assert status == (0 if sign is signal.SIGINT else -signal.SIGKILL)
        for _ in range(300):
            if not leftovers(scratch):
                break
            signal.sigtimedwait([], 0.1)
        assert leftovers(scratch) == []
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
