"""Opens are a number of the campaign: the picture is the same for everybody, and nothing is kept of who loads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from werkzeug.test import Client
from werkzeug.wrappers import Response

from broker.delivery.opens import open_address, with_picture
from broker.feedback import opens_store as store
from broker.feedback.count_opens import OpenCount
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import Unavailable
from broker.vault.tokens import TokenRef
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import front_ring
from web.public.fast_open import PICTURE, FastOpens

FRONT = front_ring()


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


@pytest.fixture
def opens(public_engine: Engine) -> OpenCount:
    return OpenCount(Database(public_engine))


def client(opens: OpenCount) -> Client:
    return Client(FastOpens(Response("elsewhere", 404), FRONT, opens))


def address(scene: Scene) -> str:
    return open_address(FRONT, "", scene.dispatch_id, scene.mailing_id)


def counted(scene: Scene) -> list[int]:
    return [row[0] for row in scene.all("SELECT opens FROM mailing_opens WHERE mailing_id = :id", id=scene.mailing_id)]


def test_each_loading_adds_one_and_leaves_nothing_else(scene: Scene, opens: OpenCount) -> None:
    browser, hits = client(opens), scene.all("SELECT count(*) FROM hit")
    for agent in ("Mozilla/5.0 one", "Mozilla/5.0 two"):
        reply = browser.get(address(scene), headers={"User-Agent": agent}, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert (reply.status_code, reply.mimetype, reply.data) == (200, "image/gif", PICTURE)
        assert "Set-Cookie" not in reply.headers
        assert reply.headers["Cache-Control"] == "no-store"
    assert opens.flush() == 2
    browser.get(address(scene))
    assert (opens.flush(), opens.flush()) == (1, 0)
    assert counted(scene) == [3]
    assert scene.all("SELECT count(*) FROM hit") == hits


def test_machines_that_say_so_and_damaged_addresses_count_nothing(scene: Scene, opens: OpenCount) -> None:
    browser, good = client(opens), address(scene)
    assert browser.head(good).data == b""
    browser.get(good, headers={"Sec-Purpose": "prefetch"})
    damaged = good.replace(good[3], "a" if good[3] != "a" else "b", 1)
    click = f"/o/{scene.token(FRONT, 'click', 1)}.gif"
    for wrong in (damaged, "/o/.gif", "/o/x.gif", click):
        assert browser.get(wrong).data == PICTURE
    assert opens.flush() == 0
    assert browser.get("/o/else").status_code == 404


def test_opens_wait_while_the_database_is_away(scene: Scene, opens: OpenCount) -> None:
    lost = OpenCount(Database(make_engine("postgresql://nobody@127.0.0.1:1/none")))
    client(lost).get(address(scene))
    with pytest.raises(Unavailable):
        lost.flush()
    lost._database = opens._database
    assert lost.flush() == 1
    assert counted(scene) == [1]


@pytest.mark.parametrize(
    ("html", "end"),
    [
        ("<html><body><p>x</p></BODY ></html>", "</BODY ></html>"),
        ("<p>x</p>", ""),
        ("<p>&lt;/body&gt;</p></body>", "</body>"),
    ],
)
def test_the_picture_stands_at_the_end_of_the_body(html: str, end: str) -> None:
    picture = "https://x.test/o/t.gif"
    found = with_picture(html, picture)
    assert found.endswith(f"</td></tr></table>{end}")
    assert (found.count(picture), found.count("<img")) == (1, 0)  # filters count words against any img
    with_own = html.replace("</p>", '</p><img src="/i/a.png">', 1)
    assert with_picture(with_own, picture).count("<img") == 2


def test_what_the_database_refuses_keeps_no_other_campaign_waiting(
    scene: Scene, opens: OpenCount, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(opens).get(address(scene))
    opens.note(TokenRef(10**18, 10**18, 1, 0))  # numbers that no row can have
    monkeypatch.setattr("broker.feedback.count_opens.store.add_opens", refusing(store.add_opens))
    assert (opens.flush(), opens.flush()) == (1, 0)
    assert counted(scene) == [1]


def refusing(add: Callable[..., None]) -> Callable[..., None]:
    """The same query, with a number for the impossible mailing that the database cannot take."""

    def instead(unit: UnitOfWork, mailing_id: int, dispatch_id: int, opens: int) -> None:
        add(unit, mailing_id, dispatch_id, opens * 10**18 if mailing_id == 10**18 else opens)
        if mailing_id == 10**18:
            unit.run("SELECT 1 / 0")

    return instead
