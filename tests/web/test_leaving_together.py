"""The one click of mail programmes, many at once: one transaction for all that wait, and the journal without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import Engine

from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.drain import Drain
from broker.feedback.journal import Journal
from broker.feedback.leave_together import LeaveTogether
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import NotFound, Unavailable
from broker.vault.tokens import read_token
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import front_ring
from web.public.fast_leave import FastLeaving, one_click

FRONT = front_ring()
MANY = 20
T = TypeVar("T")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Held(AskBriefly):
    """Questions of which the first waits until told to go on; `asked` counts them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, patience=20)
        self.asked = 0
        self.go_on = threading.Event()

    def ask(self, work: Callable[[UnitOfWork], T]) -> T:
        self.asked += 1
        assert self.go_on.wait(20)
        return super().ask(work)


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine, sends=MANY + 2)


def rest(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """What is not for the fast way: told by its status, with the body it was given."""
    start_response("418 REST", [])
    return (environ["wsgi.input"].read(),)


def client(leaving: LeaveTogether, journal: Journal) -> Any:
    app = Flask("fast")
    app.wsgi_app = FastLeaving(rest, FRONT, leaving, journal)  # type: ignore[method-assign]
    return app.test_client()


def test_wishes_that_come_while_the_database_writes_share_the_next_transaction(
    scene: Scene, public_engine: Engine
) -> None:
    questions = Held(Database(public_engine))
    leaving = LeaveTogether(questions)
    refs = [read_token(FRONT, "leave", scene.token(FRONT, "leave", position)) for position in range(1, MANY + 2)]
    threads = [threading.Thread(target=leaving.leave, args=(ref, "base")) for ref in refs]
    threads[0].start()
    while not questions.asked:
        time.sleep(0.001)
    for thread in threads[1:]:
        thread.start()
    while len(leaving._waiting) < MANY:
        time.sleep(0.001)
    assert scene.suppressions(1) == []
    questions.go_on.set()
    for thread in threads:
        thread.join(20)
    assert questions.asked == 2
    assert all(
        scene.suppressions(position) == [("base", scene.base_id, 0, "opt_out")] for position in range(1, MANY + 2)
    )
    assert scene.all("SELECT count(*) FROM opt_out WHERE mailing_id = :mailing") == [(MANY + 1,)]


def test_without_the_database_the_journal_takes_them_and_nobody_waits_for_another(
    scene: Scene, public_engine: Engine, tmp_path: Path
) -> None:
    there = Database(public_engine)
    leaving, journal = LeaveTogether(AskBriefly(there)), Journal(tmp_path)
    door, path = client(leaving, journal), f"/u/{scene.token(FRONT, 'leave', 1)}"
    assert door.post(path, data=ONE_CLICK).status_code == 200
    leaving._questions = AskBriefly(Database(make_engine("postgresql://nobody@127.0.0.1:1/none")))
    for position in (2, 3):
        assert door.post(f"/u/{scene.token(FRONT, 'leave', position)}", data=ONE_CLICK).status_code == 200
    assert scene.suppressions(2) == []
    Drain(there, journal).drain()
    assert [scene.suppressions(position)[0][3] for position in (1, 2, 3)] == ["opt_out"] * 3


def test_what_is_not_plainly_the_one_click_of_a_known_mailing_is_left_to_the_pages(
    scene: Scene, public_engine: Engine, tmp_path: Path
) -> None:
    door, token = (
        client(LeaveTogether(AskBriefly(Database(public_engine))), Journal(tmp_path)),
        scene.token(FRONT, "leave", 1),
    )
    changed = ("b" if token[5] == "a" else "a").join((token[:5], token[6:]))
    for path, body in (
        (f"/u/{changed}", ONE_CLICK),
        (f"/u/{token}/rights", ONE_CLICK),
        (f"/u/{token}", {"scope": "everywhere"}),
        (f"/u/{token}", {**ONE_CLICK, "scope": "everywhere"}),
    ):
        reply = door.post(path, data=body)
        assert reply.status_code == 418
        assert "=" in reply.text  # the body is still there to be read
    assert door.get(f"/u/{token}").status_code == 418
    assert scene.suppressions(1) == []


def test_a_mailing_that_is_not_there_is_not_known(scene: Scene, public_engine: Engine) -> None:
    leaving = LeaveTogether(AskBriefly(Database(public_engine)))
    ref = read_token(FRONT, "leave", scene.token(FRONT, "leave", 1))
    with pytest.raises(NotFound):
        leaving.knows(ref._replace(mailing_id=ref.mailing_id + 1_000_000))
    lost = LeaveTogether(AskBriefly(Database(make_engine("postgresql://nobody@127.0.0.1:1/none"))))
    with pytest.raises(Unavailable):
        lost.knows(ref)


@pytest.mark.parametrize(
    ("kind", "body", "is_one"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click", True),
        ("application/x-www-form-urlencoded; charset=UTF-8", b"List-Unsubscribe=One-Click\r\n", True),
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click&scope=everywhere", False),
        ("text/plain", b"List-Unsubscribe=One-Click", False),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\""
         b"\r\nContent-Type: text/plain\r\n\r\nOne-Click\r\n--x--\r\n", True),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"scope\""
         b"\r\n\r\neverywhere\r\n--x--\r\n", False),
    ],
)  # fmt: skip
def test_the_one_field_of_the_standard_is_known_in_both_encodings(kind: str, body: bytes, is_one: bool) -> None:
    assert one_click(kind, body) is is_one
