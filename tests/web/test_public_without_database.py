"""The public doors while the database hangs: people are answered, and what they did takes effect later."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.drain import Drain
from broker.feedback.frozen_links import FrozenLinks
from broker.feedback.journal import Journal
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings
from broker.vault.tokens import TokenRef
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import front_ring
from web.public import public_blueprint
from web.public.fast_click import FastClicks

FRONT = front_ring()


@pytest.fixture
def hanging() -> Iterator[Database]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield Database(make_engine(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"))


@pytest.fixture(params=["hanging", "away"])
def lost(request: pytest.FixtureRequest, hanging: Database) -> Database:
    return hanging if request.param == "hanging" else Database(make_engine("postgresql://nobody@127.0.0.1:1/none"))


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


def make_app(lost: Database, journal: Journal) -> Flask:
    app = Flask("web")
    app.register_blueprint(public_blueprint(lost, FRONT, Settings(), journal, AskBriefly(lost, patience=0.3)))
    return app


def test_the_page_for_leaving_names_nobody_and_offers_every_choice(
    lost: Database, scene: Scene, tmp_path: Path
) -> None:
    page = make_app(lost, Journal(tmp_path)).test_client().get(f"/u/{scene.token(FRONT, 'leave', 1)}?l=en")
    assert page.status_code == 200
    assert 'value="everywhere"' in page.text
    assert "Messages from this advertiser" in page.text
    assert scene.owner_name not in page.text


@pytest.mark.parametrize("form", [{"List-Unsubscribe": "One-Click"}, {"scope": "everywhere"}])
def test_a_wish_to_leave_is_taken_and_applied_later(
    lost: Database, scene: Scene, tmp_path: Path, public_engine: Engine, form: dict[str, str]
) -> None:
    journal = Journal(tmp_path)
    reply = make_app(lost, journal).test_client().post(f"/u/{scene.token(FRONT, 'leave', 2)}?l=en", data=form)
    assert reply.status_code == 200
    assert "takes effect within minutes" in reply.text
    assert scene.suppressions(2) == []
    Drain(Database(public_engine), journal).drain()
    assert [row[0] for row in scene.suppressions(2)] == ["everywhere" if "scope" in form else "base"]


def test_a_forged_wish_to_leave_is_not_taken(lost: Database, scene: Scene, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert make_app(lost, journal).test_client().post(f"/u/{'a' * 44}").status_code == 404
    assert journal.path is None


def test_a_wish_that_neither_database_nor_disk_takes_is_not_confirmed(lost: Database, scene: Scene) -> None:
    app = make_app(lost, Journal(Path("/dev/null/nowhere")))
    reply = app.test_client().post(f"/u/{scene.token(FRONT, 'leave', 1)}")
    assert reply.status_code == 503


def test_clicks_on_known_links_are_redirected_and_kept(
    lost: Database, scene: Scene, tmp_path: Path, public_engine: Engine
) -> None:
    there = Database(public_engine)
    journal, links = Journal(tmp_path), FrozenLinks(AskBriefly(there))
    links.find(TokenRef(scene.dispatch_id, scene.mailing_id, 1, 1))  # somebody clicked before
    links._database = AskBriefly(lost)
    app = make_app(lost, journal)
    app.wsgi_app = FastClicks(app.wsgi_app, FRONT, links, journal)  # type: ignore[method-assign]
    reply = app.test_client().get(f"/c/{scene.token(FRONT, 'click', 3, 2)}")
    assert reply.status_code == 302
    Drain(there, journal).drain()
    assert scene.all("SELECT position, link FROM hit WHERE mailing_id = :mailing") == [(3, 2)]
