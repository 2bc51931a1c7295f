"""Simulated recipients over real sockets: what they do arrives, is told apart, and takes effect."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.feedback.classify_hits import classify_hits
from broker.feedback.read_inbound import read_inbound
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.kernel.settings import MailinSettings, MailSettings, Settings, WebSettings
from broker.operate.mail_sink import FILE_NAME
from broker.operate.recipients import Habits, simulate_recipients
from tests.flows.running_doors import RunningMailin, RunningPages
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import worker_ring

WORKER = worker_ring()
FRONT = WORKER.front
SENDS = 120
BUSY = Habits(click=200, scanned=100, leave=100, dead=100, full=50, away=50)
MAILIN = Settings(mail=MailSettings(bounce_domain="bounce.test"), mailin=MailinSettings(port=0))


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine, SENDS)


@pytest.fixture
def settings(public_engine: Engine, tmp_path: Path) -> Iterator[Settings]:
    database = Database(public_engine)
    mailin, pages = RunningMailin(database, FRONT, MAILIN), RunningPages(database, FRONT, tmp_path)
    yield dataclasses.replace(
        MAILIN, web=WebSettings(public_url=pages.address), mailin=MailinSettings(port=mailin.port)
    )
    pages.close()
    mailin.close()


def fill_sink(folder: Path, scene: Scene, address: str) -> None:
    """A sink's file with one mail for each send of the scene."""
    with (folder / FILE_NAME).open("wb") as file:
        for position in range(1, SENDS + 1):
            click = [f"{address}/c/{scene.token(FRONT, 'click', position, link)}" for link in range(4)]
            leave = f"{address}/u/{scene.token(FRONT, 'leave', position)}"
            raw = (
                f"Message-ID: <{scene.token(FRONT, 'message', position)}@mail.test>\r\n"
                f"To: <person{position}@boite.example>\r\nSubject: Offre\r\nMIME-Version: 1.0\r\n"
                f"List-Unsubscribe: <{leave}>,\r\n <mailto:u-x@bounce.test>\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
                f'<div style="display:none"><a href="{click[0]}">.</a></div><br>'
                f'<p><a href="{click[1]}">Un</a> <a href="{click[2]}">Deux</a> <a href="{click[3]}">Trois</a></p>'
                f'<a href="{leave}">Se désinscrire</a>\r\n'
            ).encode()
            bounce = f"b-{scene.token(FRONT, 'bounce', position)}@bounce.test"
            head = {"from": bounce, "to": [f"person{position}@boite.example"], "size": len(raw)}
            file.write(json.dumps(head).encode() + b"\n" + raw + b"\n")


@pytest.mark.flow
def test_what_recipients_do_arrives_and_takes_effect(
    scene: Scene, settings: Settings, worker_engine: Engine, tmp_path: Path
) -> None:
    fill_sink(tmp_path, scene, settings.web.public_url)
    before = scene.all("SELECT coalesce(max(id), 0) FROM inbound")[0][0]
    counts = simulate_recipients(settings, tmp_path, seed=7, habits=BUSY)
    assert min(counts.values()) > 0

    worker = Database(worker_engine)
    classify_hits(worker, scene.mailing_id, settle_seconds=0)
    verdicts = Counter(verdict for (verdict,) in scene.all("SELECT verdict FROM hit WHERE mailing_id = :mailing"))
    assert verdicts == {"human": counts["hits"], "scanner": counts["scanner_hits"]}
    reasons = {
        reason for (reason,) in scene.all("SELECT DISTINCT verdict_reason FROM hit WHERE verdict = 'scanner'"
                                          " AND mailing_id = :mailing")
    }  # fmt: skip
    assert "hidden_link" in reasons

    left = scene.all("SELECT scope, count(*) FROM opt_out WHERE mailing_id = :mailing GROUP BY scope")
    assert left == [("base", counts["unsubscribed"])]

    reversed_: list[tuple[int, int]] = []
    for (number,) in scene.all("SELECT id FROM inbound WHERE id > :before", before=before):
        assert isinstance(number, int)
        read_inbound(worker, WORKER, settings, number, lambda unit, mailing, keys: reversed_.extend(keys))
    bounced = scene.all("SELECT count(*) FROM send WHERE mailing_id = :mailing AND bounced_at IS NOT NULL")
    assert bounced == [(counts["bounced"],)]
    assert len(set(reversed_)) == counts["bounced"]
    kinds = dict(scene.all("SELECT kind, count(*) FROM inbound WHERE mailing_id = :mailing GROUP BY kind"))  # type: ignore[arg-type]
    assert kinds["bounce"] == counts["bounced"]
    assert kinds["autoreply"] > 0  # type: ignore[operator]


@pytest.mark.flow
def test_the_same_seed_makes_the_same_recipients(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    fill_sink(tmp_path, scene, settings.web.public_url)
    assert simulate_recipients(settings, tmp_path, seed=3, habits=BUSY) == simulate_recipients(
        settings, tmp_path, seed=3, habits=BUSY
    )


@pytest.mark.flow
def test_doors_that_do_not_answer_are_named(scene: Scene, tmp_path: Path) -> None:
    nowhere = dataclasses.replace(MAILIN, web=WebSettings(public_url="http://127.0.0.1:1"))
    fill_sink(tmp_path, scene, nowhere.web.public_url)
    with pytest.raises(Unavailable, match="not answered"):
        simulate_recipients(nowhere, tmp_path, seed=3, habits=BUSY)
