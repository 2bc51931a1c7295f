"""A creative's images: fetched by a job, kept by content, served to whoever reads; nothing is signed before."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from broker.accounts.create_organisation import create_organisation
from broker.accounts.model import Organisation
from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.journal import Journal
from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.mailings import image_store
from broker.mailings.allow_tags import allow_tags
from broker.mailings.create_creative import Message, create_creative, find_creative, revise_creative
from broker.mailings.find_image import find_image, images_of_creative
from broker.mailings.keep_images import fetch_again, fetch_images
from broker.mailings.model import Creative
from broker.mailings.sign_creative import sign_creative
from tests.unit.rings import front_ring
from web.public import public_blueprint

SETTINGS = Settings(instance=InstanceSettings(private_hosts=("127.0.0.1",)))


class Shop(BaseHTTPRequestHandler):
    """Serves one picture where it has one."""

    there = True

    def do_GET(self) -> None:
        out = io.BytesIO()
        Image.new("RGB", (60, 40), (200, 10, 10)).save(out, "PNG")
        self.send_response(200 if self.path == "/a.png" and Shop.there else 404)
        self.end_headers()
        self.wfile.write(out.getvalue())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Shop.there = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def advertiser(worker_engine: Engine) -> Organisation:
    with Database(worker_engine).begin(SYSTEM) as unit:
        return create_organisation(unit, "advertiser", "Sacs & Cie")


@pytest.fixture
def front(web_engine: Engine) -> Database:
    return Database(web_engine)


def by(organisation: Organisation) -> Actor:
    return Actor("advertiser", organisation.id, 1)


def message(html: str) -> Message:
    return Message("Sacs", "Des sacs", "Sacs & Cie", "fr", f"<html><body><p>Bonjour</p>{html}</body></html>")


def written(front: Database, organisation: Organisation, html: str) -> Creative:
    with front.begin(by(organisation)) as unit:
        return create_creative(unit, message(html))


def test_images_are_fetched_kept_and_only_then_signed(
    shop: str, advertiser: Organisation, front: Database, worker_engine: Engine
) -> None:
    draft = written(front, advertiser, f'<img src="{shop}/a.png" alt="sac"><img src="{shop}/b.png" alt="autre">')
    with front.begin(by(advertiser)) as unit, pytest.raises(Conflict) as refusal:
        sign_creative(unit, draft.code)
    assert refusal.value.code == "images_waiting"

    fetch_images(Database(worker_engine), SETTINGS, draft.id)

    with front.begin(by(advertiser)) as unit:
        images = images_of_creative(unit, draft)
        after = find_creative(unit, draft.code)
        assert [(image.state, image.why) for image in images] == [("kept", None), ("refused", "not_found")]
        assert after.html.count("{{image:") == 1
        assert "autre" in after.html
        assert after.content_hash != draft.content_hash
        assert sign_creative(unit, draft.code).signed
    with front.begin(by(advertiser)) as unit, pytest.raises(Conflict):
        fetch_again(unit, draft.code)
    with front.begin(by(advertiser)) as unit, pytest.raises(Conflict):
        revise_creative(unit, draft.code, message("<p>autre</p>"))


def test_the_database_itself_refuses_a_signature_before_the_images(
    shop: str, advertiser: Organisation, front: Database, admin_engine: Engine
) -> None:
    draft = written(front, advertiser, f'<img src="{shop}/a.png">')
    with pytest.raises(DBAPIError, match="still to be fetched"), admin_engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE creative SET state = 'signed', signed_hash = content_hash, signed_by = 1, signed_at = now()"
            f" WHERE id = {draft.id}"
        )


def test_what_could_not_be_had_can_be_asked_for_again(
    shop: str, advertiser: Organisation, front: Database, worker_engine: Engine
) -> None:
    Shop.there = False
    draft = written(front, advertiser, f'<img src="{shop}/a.png" alt="sac">')
    fetch_images(Database(worker_engine), SETTINGS, draft.id)
    Shop.there = True
    with front.begin(by(advertiser)) as unit:
        fetch_again(unit, draft.code)
    fetch_images(Database(worker_engine), SETTINGS, draft.id)
    with front.begin(by(advertiser)) as unit:
        assert [image.state for image in images_of_creative(unit, draft)] == ["kept"]


def test_a_draft_takes_a_new_content_and_its_images(
    shop: str, advertiser: Organisation, front: Database, worker_engine: Engine
) -> None:
    draft = written(front, advertiser, f'<img src="{shop}/a.png"><a href="https://un.test">un</a>')
    with front.begin(by(advertiser)) as unit:
        changed = revise_creative(unit, draft.code, message('<a href="https://deux.test">deux</a>'))
        assert images_of_creative(unit, changed) == []
    fetch_images(Database(worker_engine), SETTINGS, draft.id)  # the job of the first content finds nothing to do
    with front.begin(by(advertiser)) as unit:
        assert sign_creative(unit, draft.code).report["urls"] == ["https://deux.test"]


def test_a_stranger_sees_and_changes_no_image(
    shop: str, advertiser: Organisation, front: Database, worker_engine: Engine
) -> None:
    draft = written(front, advertiser, f'<img src="{shop}/a.png">')
    with Database(worker_engine).begin(SYSTEM) as unit:
        stranger = create_organisation(unit, "advertiser", "Autre")
    with front.begin(by(stranger)) as unit:
        assert image_store.images_of(unit, draft.id) == []
        unit.run("DELETE FROM creative_image WHERE creative_id = :id", id=draft.id)
        with pytest.raises(NotFound):
            revise_creative(unit, draft.code, message(""))
    with front.begin(by(advertiser)) as unit:
        assert len(images_of_creative(unit, draft)) == 1


def test_an_image_is_served_to_anybody_and_may_be_kept_for_ever(
    shop: str, advertiser: Organisation, front: Database, worker_engine: Engine, public_engine: Engine, tmp_path: Path
) -> None:
    draft = written(front, advertiser, f'<img src="{shop}/a.png">')
    fetch_images(Database(worker_engine), SETTINGS, draft.id)
    with front.begin(by(advertiser)) as unit:
        name = images_of_creative(unit, draft)[0].name
        assert name is not None
        content = find_image(unit, name)
    app, public = Flask("web"), Database(public_engine)
    app.register_blueprint(public_blueprint(public, front_ring(), SETTINGS, Journal(tmp_path), AskBriefly(public)))
    client = app.test_client()
    reply = client.get(f"/i/{name}")
    assert (reply.status_code, reply.mimetype, reply.data) == (200, "image/png", content)
    assert "immutable" in reply.headers["Cache-Control"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"/i/{name}", headers={"If-None-Match": reply.headers["ETag"]}).status_code == 304
    for unknown in (f"{'0' * 32}.png", "x.png", name.replace(".png", ".svg")):
        assert client.get(f"/i/{unknown}").status_code == 404


def test_the_broker_says_which_tags_an_advertiser_may_use(
    advertiser: Organisation, front: Database, worker_engine: Engine
) -> None:
    with Database(worker_engine).begin(SYSTEM) as unit:
        broker = create_organisation(unit, "broker", "Courtage")
    with front.begin(Actor("broker", broker.id, 1)) as unit:
        assert allow_tags(unit, advertiser, ["city"]) == ("city",)
        with pytest.raises(InvalidInput):
            allow_tags(unit, advertiser, ["email"])
    with front.begin(by(advertiser)) as unit, pytest.raises(Forbidden):
        allow_tags(unit, advertiser, ["first_name"])
    with front.begin(by(advertiser)) as unit, pytest.raises(InvalidInput) as refusal:
        create_creative(unit, message("<p>{{first_name}}</p>"))
    assert refusal.value.details["unknown_tags"] == ["first_name"]
