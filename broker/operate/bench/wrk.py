"""wrk, the load generator, and nginx, the peer: both from the system's packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from broker.kernel.errors import Unavailable
from broker.operate.service_users import own_account

CONNECTIONS, THREADS = 64, 2
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
# Every thread walks through the same paths from a place of its own.
_SCRIPT = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = wrk.format("GET", line) end
local at = math.random(#paths)
request = function()
  at = at %% #paths + 1
  return paths[at]
end
"""
_NGINX = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 302 https://shop.example/autumn; }} }}
}}
"""


@dataclass(frozen=True)
class Load:
    """One run: answers a second, the 99th percentile in ms, how many answers in all, and what went wrong."""

    rate: float
    p99_ms: float
    answers: int
    wrong: int


def tool(name: str, package: str) -> str:
    """The path of a tool, or a sentence that says how to get it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(
            f"This benchmark needs {name}, which is not here. On Debian: apt-get install {package}.", code="no_tool"
        )
    return found


def write_script(folder: Path, paths: Sequence[str]) -> Path:
    """wrk's script that asks for these paths in turn."""
    listing, script = folder / "paths.txt", folder / "paths.lua"
    listing.write_text("\n".join(paths) + "\n", encoding="ascii")
    script.write_text(_SCRIPT % listing, encoding="ascii")
    return script


def load(address: str, script: Path, seconds: int) -> Load:
    """Ask `address` for the script's paths over 64 connections for some seconds."""
    command = [tool("wrk", "wrk"), "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--latency"]
    done = subprocess.run([*command, "-s", str(script), address], capture_output=True, text=True, check=True)
    return read_report(done.stdout)


def read_report(report: str) -> Load:
    """What wrk printed."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    answers = re.search(r"(\d+) requests in", report)
    if rate is None or slow is None or answers is None:
        raise Unavailable("wrk's report was not understood: is this wrk 4?", code="no_tool")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    return Load(
        float(rate[1]),
        float(slow[1]) * _UNITS[slow[2]],
        int(answers[1]),
        (int(wrong[1]) if wrong else 0) + (sum(map(int, lost.groups())) if lost else 0),
    )


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[str]:
    """nginx with two processes that answers 302 to everything; its address."""
    config = folder / "nginx.conf"
    user = "user root;" if own_account().uid == 0 else ""
    config.write_text(_NGINX.format(folder=folder, port=port, user=user), encoding="utf-8")
    command = [tool("nginx", "nginx-light"), "-c", str(config), "-e", str(folder / "nginx.log"), "-p", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            raise Unavailable("nginx did not start: another program may use its port.", code="no_tool")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
