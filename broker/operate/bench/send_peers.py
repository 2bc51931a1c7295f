"""Peers of the send benchmark, each measured only where it is there: openssl, postfix's smtp-source, nodemailer."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.kernel.errors import Unavailable
from broker.operate.service_users import own_account

SECONDS = 2
PROCESSES = 2
SESSIONS = 10
_SIGNS = re.compile(r"^rsa\s+2048 bits\s+(?:[\d.]+s\s+)+([\d.]+)", re.MULTILINE)
_SBIN = "/usr/sbin:/sbin"
_SCRIPT = """
const nodemailer = require('nodemailer');
const fs = require('fs');
const [port, count, keyFile, htmlFile] = process.argv.slice(2);
const html = fs.readFileSync(htmlFile, 'utf8');
const transport = nodemailer.createTransport({
  pool: true, maxConnections: 8, maxMessages: Infinity, host: '127.0.0.1', port: Number(port), ignoreTLS: true,
  dkim: {domainName: 'mail.courtier.test', keySelector: 'c2026', privateKey: fs.readFileSync(keyFile, 'utf8')},
});
const text = html.replace(/<[^>]*>/g, '');
const one = (n) => transport.sendMail({
  from: 'Boutique <bench@mail.courtier.test>', to: `personne.${n}@exemple-${n % 40}.example`,
  subject: `Une offre pour Zoé${n}`, text: text.replace('à vous', `Zoé${n}`), html: html.replace('à vous', `Zoé${n}`),
  headers: {'List-Unsubscribe': `<https://courtier.test/u/${n}>`,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click'},
});
(async () => {
  let next = 0;
  const lane = async () => { while (next < Number(count)) await one(next++); };
  await Promise.all(Array.from({length: 16}, lane));
  transport.close();
})();
"""


def openssl_rate() -> float:
    """Signatures a second of `openssl speed -elapsed rsa2048`, one process a core of two."""
    words = ["openssl", "speed", "-elapsed", "-seconds", str(SECONDS), "-multi", str(PROCESSES), "rsa2048"]
    return _signs(words)


def signature_seconds() -> float:
    """CPU seconds of one RSA-2048 signature, by openssl's own count."""
    return 1 / _signs(["openssl", "speed", "-seconds", "1", "rsa2048"])


def _signs(words: list[str]) -> float:
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = _SIGNS.findall(said)
    if not found:
        raise Unavailable("openssl speed rsa2048 gave no figure. On Debian: apt-get install openssl.", code="no_tool")
    return float(found[-1])


def tool(name: str) -> str | None:
    """The path of a tool, or None."""
    return shutil.which(name) or shutil.which(name, path=_SBIN)


@contextmanager
def sink(folder: Path) -> Iterator[tuple[int, int, str]]:
    """A running sink: (port, process id, its name). Postfix's smtp-sink where installed, else the built-in one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    postfix = tool("smtp-sink")
    if postfix is None:
        words, name = [sys.executable, "-m", "broker.operate", "sink", "--port", str(port)], "built-in sink"
        words += ["--folder", str(folder / "sink")]
    else:
        user = ["-u", "nobody"] if own_account().uid == 0 else []
        words, name = [postfix, *user, f"127.0.0.1:{port}", "512"], "postfix smtp-sink"
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(port, process)
        yield port, process.pid, name
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Unavailable("The mail sink of the benchmark did not start.", code="no_sink")


def smtp_source_rate(binary: str, port: int, count: int, size: int) -> float:
    """Mails a second of postfix's generator: C, no personalisation, no signature, sessions kept."""
    start = time.monotonic()
    words = [binary, "-d", "-s", str(SESSIONS), "-m", str(count), "-l", str(size), "-f", "a@b.example", "-t"]
    subprocess.run([*words, "c@d.example", f"inet:127.0.0.1:{port}"], check=True, capture_output=True)
    return count / (time.monotonic() - start)


class Nodemailer:
    """nodemailer's pool with DKIM in two processes, brought by npm into the scratch folder."""

    def __init__(self, folder: Path, key_pem: str, html: str) -> None:
        self._folder = folder / "nodemailer"
        self._folder.mkdir(mode=0o700)
        (self._folder / "package.json").write_text(json.dumps({"private": True}), encoding="utf-8")
        (self._folder / "key.pem").write_text(key_pem, encoding="ascii")
        (self._folder / "mail.html").write_text(html.replace("{{first_name|à vous}}", "à vous"), encoding="utf-8")
        (self._folder / "send.js").write_text(_SCRIPT, encoding="utf-8")

    def install(self) -> str | None:
        """Bring it; returns why it is not to be had, or None."""
        if tool("npm") is None or tool("node") is None:
            return "node and npm are not installed"
        done = subprocess.run(
            ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(self._folder), "nodemailer"],
            capture_output=True,
            check=False,
            timeout=180,
        )
        return None if done.returncode == 0 else "npm could not bring nodemailer"

    def rate(self, port: int, count: int) -> float:
        """Mails a second."""
        share = str(count // PROCESSES)
        start = time.monotonic()
        words = ["node", "send.js", str(port), share, "key.pem", "mail.html"]
        lanes = [subprocess.Popen(words, cwd=self._folder, env=dict(os.environ)) for _ in range(PROCESSES)]
        ended = [lane.wait() for lane in lanes]
        if any(ended):
            raise Unavailable("nodemailer ended with an error.", code="peer_failed")
        return count / (time.monotonic() - start)
