"""What is told is neither lost nor mailed twice, whenever the worker dies."""

from __future__ import annotations

import base64
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.ids import new_code
from broker.kernel.settings import InstanceSettings, Settings
from broker.notifications import mail_store
from broker.notifications.notify import notify
from broker.notifications.webhooks import register_endpoint
from broker.operate.database_server import DatabaseServer
from tests.mail_house import keys_in, running_sink

ROOT = Path(__file__).parent.parent.parent
KILLS, EVENTS = 4, 80

pytestmark = [pytest.mark.flow, pytest.mark.slow]


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    """An address that takes webhooks, and the ids of what it took."""
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", taken
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(120)
def test_killing_the_worker_loses_no_event_and_mails_none_twice(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path, receiver: tuple[str, list[str]]
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    url, taken = receiver
    inside = Settings(instance=InstanceSettings(demo=True, private_hosts=("127.0.0.1",)))
    with data.begin() as unit:
        org = unit.scalar(
            "INSERT INTO organisation (code, kind, name) VALUES (:code, 'owner', 'Loueur') RETURNING id",
            code=new_code("org"),
        )
        unit.run(
            "INSERT INTO app_user (org_id, email, name, role, password_hash) VALUES (:org, :mail, 'P', 'owner', 'x')",
            org=org,
            mail=f"{new_code('p')}@loueur.test",
        )
    with data.begin(Actor("owner", org)) as unit:
        endpoint, _ = register_endpoint(unit, keys.front, inside, url, "CRM", ["*"])
        for number in range(EVENTS):
            notify(unit, "card.withdrawn", org, f"card_{number:03d}", card="Fleurs")
    drawn = random.Random(29)
    with running_sink(tmp_path / "sink") as sink:
        arguments = [str(tmp_path), str(sink.port), database.url("worker"), str(org), str(endpoint.id)]

        def start() -> subprocess.Popen[bytes]:
            worker = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "notice_worker.py"), *arguments],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
            return worker

        for _ in range(KILLS):
            worker = start()
            before, end = len(sink.messages()), time.monotonic() + 10
            while len(sink.messages()) < before + 4 and worker.poll() is None and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(drawn.random() * 0.03)
            assert worker.poll() is None, "all was told before the worker could be killed often enough"
            worker.kill()
            worker.communicate()
        last = start()
        last.communicate(timeout=60)
        assert last.returncode == 0
        mails = [message.raw for message in sink.messages()]
    mailed = Counter(code for raw in mails for code in _codes(raw))
    with data.begin() as unit:
        unit.run("UPDATE notification SET next_try_at = now() WHERE org_id = :org AND mail = 'attempting'", org=org)
        mail_store.give_up_on_the_dead(unit)
        states = Counter(row.mail for row in unit.all("SELECT mail FROM notification WHERE org_id = :org", org=org))
        mail_store.make_digests(unit, unit.today)
        in_digest = unit.scalar(
            "SELECT count(*) FROM notification WHERE org_id = :org AND digest_id IS NOT NULL", org=org
        )
    assert max(mailed.values()) == 1, "somebody was mailed the same twice"
    assert set(states) <= {"sent", "uncertain"}
    assert states["uncertain"] <= KILLS
    assert states["sent"] <= len(mailed)
    assert EVENTS - len(mailed) <= states["uncertain"] == in_digest  # what may be lost is told by the next digest
    assert len(set(taken)) == EVENTS  # every event reached the program …
    assert len(taken) <= EVENTS + KILLS  # … and only what was under way at a death came again, by the same id


def _codes(raw: bytes) -> list[str]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"List-Unsubscribe-Post" in head
    return sorted({found.decode() for found in re.findall(rb"card_\d{3}", base64.b64decode(body))})
