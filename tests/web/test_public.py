"""The pages that persons reach without a log-in, over the role that reaches no table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.drain import Drain
from broker.feedback.frozen_links import FrozenLinks
from broker.feedback.journal import Journal
from broker.feedback.leave_together import LeaveTogether
from broker.feedback.rights import rights_token
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings
from broker.vault.tokens import TOKEN_LENGTH
from tests.store.feedback_scene import Scene, make_scene
from tests.unit.rings import front_ring
from web.public import public_blueprint
from web.public.fast_click import FastClicks
from web.public.fast_leave import FastLeaving

FRONT = front_ring()
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}


def make_app(database: Database, folder: Path, *, fast: bool = False) -> Flask:
    """The public pages; `fast` with clicks and one-clicks answered below Flask, the journal emptied each time."""
    app = Flask("web")
    journal, questions = Journal(folder), AskBriefly(database)
    app.register_blueprint(public_blueprint(database, FRONT, Settings(), journal, questions))
    if fast:
        leaving = FastLeaving(app.wsgi_app, FRONT, LeaveTogether(questions), journal)
        clicks = FastClicks(leaving, FRONT, FrozenLinks(questions), journal)
        drain = Drain(database, journal)

        def answer_and_drain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            reply = clicks(environ, start_response)
            if journal.path is not None:
                drain.drain()
            return reply

        app.wsgi_app = answer_and_drain  # type: ignore[method-assign]
    return app


@pytest.fixture(scope="module", params=[False, True], ids=["flask", "fast"])
def client(
    request: pytest.FixtureRequest, public_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> FlaskClient:
    folder = tmp_path_factory.mktemp("hits")
    return make_app(Database(public_engine), folder, fast=request.param).test_client()


NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine)


@pytest.fixture(scope="module")
def standing(admin_engine: Engine) -> Scene:
    """A scene that a whole module may look at, since nothing in it is to change."""
    return make_scene(admin_engine)


def hits(scene: Scene) -> list[tuple[object, ...]]:
    return scene.all(
        "SELECT position, link, host(ip), user_agent, manner FROM hit WHERE mailing_id = :mailing ORDER BY id"
    )


def test_a_click_goes_to_the_frozen_link_only_and_is_kept(client: FlaskClient, scene: Scene) -> None:
    token = scene.token(FRONT, "click", 1, 2)
    reply = client.get(f"/c/{token}?url=https://evil.example/&next=//evil.example", headers=BROWSER)
    assert reply.status_code == 302
    assert reply.headers["Location"] == "https://shop.example/2?a=1&b=%C3%A9"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in reply.headers
    assert hits(scene) == [(1, 2, "127.0.0.1", BROWSER["User-Agent"], "get")]


@pytest.mark.parametrize(
    ("method", "headers", "manner"),
    [("HEAD", {}, "head"), ("GET", {"Sec-Purpose": "prefetch;prerender"}, "prefetch"), ("GET", {}, "get")],
)
def test_the_manner_of_a_request_is_kept_for_its_judge(
    client: FlaskClient, scene: Scene, method: str, headers: dict[str, str], manner: str
) -> None:
    reply = client.open(f"/c/{scene.token(FRONT, 'click', 1, 1)}", method=method, headers=headers)
    assert reply.status_code == 302
    assert [row[-1] for row in hits(scene)] == [manner]


@pytest.mark.parametrize("fast", [False, True])
def test_a_click_whose_link_is_unknown_while_the_database_is_away_is_not_redirected(tmp_path: Path, fast: bool) -> None:
    nowhere = make_app(Database(make_engine(NOWHERE)), tmp_path, fast=fast).test_client()
    with_token = nowhere.get(f"/c/{Scene.token(_no_scene(), FRONT, 'click', 1, 1)}")
    assert with_token.status_code == 503
    assert with_token.headers["Retry-After"] == "30"


def _no_scene() -> Scene:
    return Scene(None, 202611000001, 1, 1, "b", "o", 1, "a")  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, TOKEN_LENGTH - 1), bit=st.integers(0, 4), door=st.sampled_from("cu"), post=st.booleans())
def test_a_token_with_any_bit_changed_is_not_found(
    client: FlaskClient, standing: Scene, place: int, bit: int, door: str, post: bool
) -> None:
    token = standing.token(FRONT, "click" if door == "c" else "leave", 1, 1)
    changed = ALPHABET[ALPHABET.index(token[place]) ^ (1 << bit)]
    path = f"/{door}/{token[:place]}{changed}{token[place + 1 :]}"
    reply = client.post(path) if post and door == "u" else client.get(path)
    assert reply.status_code == 404
    assert "copiez-le" in reply.text.lower()
    assert hits(standing) == []
    assert standing.suppressions(1) == []


@pytest.mark.parametrize("path", ["/c/{}", "/u/{}"])
@pytest.mark.parametrize("token", ["x", "a" * 44, "A" * 44, "é" * 44, "a" * 5000, "..", "%00"])
def test_what_is_no_token_is_not_found(client: FlaskClient, path: str, token: str) -> None:
    assert client.get(path.format(token)).status_code == 404


def test_a_token_opens_no_other_door(client: FlaskClient, standing: Scene) -> None:
    assert client.get(f"/c/{standing.token(FRONT, 'leave', 1)}").status_code == 404
    assert client.post(f"/u/{standing.token(FRONT, 'click', 1)}").status_code == 404
    assert client.post(f"/u/{standing.token(FRONT, 'bounce', 1)}").status_code == 404


def test_looking_at_the_unsubscribe_page_changes_nothing(client: FlaskClient, standing: Scene) -> None:
    path = f"/u/{standing.token(FRONT, 'leave', 2)}"
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open(path, method=method).status_code == 200
    page = client.get(path).text
    assert standing.owner_name in page
    assert standing.advertiser_name.replace("&", "&amp;") in page
    assert re.findall(r'name="scope" value="(\w+)"', page) == ["base", "advertiser", "everywhere"]
    assert standing.suppressions(2) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=xyz",
            b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
        ),
        ("text/plain", b"List-Unsubscribe=One-Click"),
    ],
)
def test_one_click_leaves_the_base_without_cookie_or_redirect_and_again_is_the_same(
    client: FlaskClient, scene: Scene, kind: str, body: bytes
) -> None:
    path = f"/u/{scene.token(FRONT, 'leave', 1)}"
    for _ in range(2):
        reply = client.post(path, data=body, content_type=kind)
        assert reply.status_code == 200
        assert "Set-Cookie" not in reply.headers
    assert scene.suppressions(1) == [("base", scene.base_id, 0, "opt_out")]


def test_the_form_leaves_what_was_chosen(client: FlaskClient, scene: Scene) -> None:
    path = f"/u/{scene.token(FRONT, 'leave', 1)}"
    for scope in ("advertiser", "everywhere"):
        assert client.post(path, data={"scope": scope}).status_code == 200
    assert [row[0] for row in scene.suppressions(1)] == ["advertiser", "everywhere"]
    assert client.post(path, data={"scope": "the world"}).status_code == 422


def test_a_body_larger_than_any_form_is_refused(client: FlaskClient, scene: Scene) -> None:
    reply = client.post(f"/u/{scene.token(FRONT, 'leave', 1)}", data={"scope": "x" * 100_000})
    assert reply.status_code == 413
    assert scene.suppressions(1) == []


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [({}, "", "fr"), ({"Accept-Language": "en-GB,en;q=0.9"}, "", "en"), ({"Accept-Language": "en"}, "?l=fr", "fr")],
)
def test_pages_speak_the_persons_language(
    client: FlaskClient, standing: Scene, headers: dict[str, str], query: str, language: str
) -> None:
    token = standing.token(FRONT, "leave", 1)
    for path in (f"/u/{token}", "/objection", "/c/wrong", f"/partners/{standing.base_code}-none"):
        assert f'<html lang="{language}">' in client.get(path + query, headers=headers).text


def test_pages_load_nothing_foreign_and_tell_nobody_where_one_comes_from(client: FlaskClient, standing: Scene) -> None:
    for path in (f"/u/{standing.token(FRONT, 'leave', 1)}", "/objection", "/c/wrong"):
        reply = client.get(path)
        assert re.findall(r'(?:src|href)="(?!/|\?)[^"]*"', reply.text) == []
        assert "<script" not in reply.text
        assert " style=" not in reply.text
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"
    sheet = client.get("/static/public.css")
    assert sheet.status_code == 200
    assert "url(" not in sheet.text
    assert "@import" not in sheet.text


def test_partner_lists_are_public_in_every_version(client: FlaskClient, scene: Scene) -> None:
    assert client.get(f"/partners/{scene.base_code}").status_code == 404
    scene.change("INSERT INTO partner_list (base_id, version) VALUES (:base, 1), (:base, 2)", base=scene.base_id)
    scene.change(
        "INSERT INTO partner (base_id, version, name, sector) VALUES (:base, 1, 'Ancien', 'mode'),"
        " (:base, 2, 'Fleurs <b>&</b> Fils', 'fleurs'), (:base, 2, 'Zèbre', NULL)",
        base=scene.base_id,
    )
    page = client.get(f"/partners/{scene.base_code}").text
    assert page.index("Fleurs &lt;b&gt;") < page.index("Zèbre") < page.index("Ancien")
    assert page.index('id="v2"') < page.index('id="v1"')
    assert scene.owner_name in page


def test_an_objection_is_answered_the_same_whoever_it_is(client: FlaskClient, scene: Scene) -> None:
    replies = [
        client.post("/objection", data={"address": address})
        for address in ("known@boite.example", "unknown@nowhere.example", "known@boite.example")
    ]
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.data for reply in replies}) == 1
    assert "boite" not in replies[0].text


def test_a_mistyped_objection_is_shown_again_without_what_was_typed(client: FlaskClient) -> None:
    reply = client.post("/objection", data={"address": "camille.boite"})
    assert reply.status_code == 422
    assert "camille" not in reply.text
    assert "aria-invalid" in reply.text


@pytest.fixture
def sealed_requests(admin_engine: Engine) -> Iterator[list[bytes]]:
    found: list[bytes] = []
    yield found
    with admin_engine.connect() as connection:
        found += connection.execute(text("SELECT sealed FROM typed_request WHERE sealed IS NOT NULL")).scalars()
    assert found
    assert all(b"sealed-at-once" not in sealed for sealed in found)


def test_a_typed_address_is_sealed_before_it_is_written(client: FlaskClient, sealed_requests: list[bytes]) -> None:
    assert client.post("/objection", data={"address": "sealed-at-once@boite.example"}).status_code == 200


@pytest.mark.parametrize("kind", ["access", "erasure"])
def test_requests_about_ones_data_are_answered_the_same_whoever_it_is(
    client: FlaskClient, scene: Scene, kind: str
) -> None:
    replies = [
        client.post("/objection", data={"address": address, "kind": kind})
        for address in ("camille@boite.example", "nobody@nowhere.example")
    ]
    assert replies[0].data == replies[1].data
    assert [reply.status_code for reply in replies] == [200, 200]
    kinds = scene.all("SELECT kind FROM typed_request ORDER BY id DESC LIMIT 2")
    assert kinds == [(kind,), (kind,)]


def test_a_mailed_link_is_confirmed_by_post_only_and_ends(client: FlaskClient, scene: Scene) -> None:
    scene.change("INSERT INTO typed_request (kind, sealed, mailed_at) VALUES ('access', 'x', app_now())")
    ((number,),) = scene.all("SELECT max(id) FROM typed_request")
    assert isinstance(number, int)
    path = f"/rights/{rights_token(FRONT, number, 'access')}?l=en"
    confirmed = "SELECT confirmed_at IS NOT NULL FROM typed_request WHERE id = :id"
    assert client.get(path).status_code == 200
    assert scene.all(confirmed, id=number) == [(False,)]
    for _ in range(2):
        reply = client.post(path)
        assert reply.status_code == 200
        assert "leaves for your address" in reply.text
    assert scene.all(confirmed, id=number) == [(True,)]
    assert scene.all("SELECT 1 FROM jobs.procrastinate_jobs WHERE task_name = 'answer_request'"
                     " AND args ->> 'row_id' = :id", id=str(number))  # fmt: skip
    other = client.post(f"/rights/{rights_token(FRONT, number, 'erasure')}?l=en")
    assert other.status_code == 410
    assert client.get("/rights/" + "a" * 44).status_code == 404
    assert client.get(f"/rights/{scene.token(FRONT, 'leave', 1)}").status_code == 404
