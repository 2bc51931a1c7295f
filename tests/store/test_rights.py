"""Requests of persons: nothing happens before the person has confirmed by mail, and nobody learns who is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from broker.delivery.post_letter import Note
from broker.delivery.transport import ConnectionLost
from broker.feedback.answer_request import answer_request
from broker.feedback.match_request import match_request
from broker.feedback.object_by_address import object_by_address
from broker.feedback.rights import confirm_request, forget_unconfirmed, read_rights_token
from broker.feedback.rights_store import RightsKind
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput, Unavailable
from broker.kernel.settings import Settings
from broker.vault.blind_index import contact_keys
from tests.store.feedback_scene import Scene
from tests.store.test_letters import ADDRESS, FRONT, WORKER, Post, public, scene, worker

__all__ = ["public", "scene", "worker"]
SETTINGS = Settings()


@pytest.fixture
def person(scene: Scene) -> Scene:
    """The scene's person is known by its address."""
    (key,) = contact_keys(WORKER, [ADDRESS])
    scene.change("DELETE FROM letter_answer")
    # Mails to the same person in earlier tests are another's now.
    scene.change(
        "UPDATE send SET contact_key = decode(md5(dispatch_id || '/' || position), 'hex')"
        " WHERE contact_key = :key AND dispatch_id <> :dispatch",
        key=key,
    )
    scene.change("DELETE FROM contact WHERE contact_key = :key AND base_id <> :base", key=key, base=scene.base_id)
    scene.change("UPDATE contact SET contact_key = :key WHERE base_id = :base", key=key, base=scene.base_id)
    scene.change("UPDATE send SET contact_key = :key WHERE dispatch_id = :dispatch AND position = 1", key=key)
    return scene


@pytest.fixture
def ask(person: Scene, public: Database, worker: Database) -> Callable[..., tuple[int, Post]]:
    """Types an address and lets it be matched: (request, what was mailed)."""

    def asked(kind: str, address: str = ADDRESS) -> tuple[int, Post]:
        with public.begin(PUBLIC) as unit:
            object_by_address(unit, FRONT, address, kind)
        ((number,),) = person.all("SELECT max(id) FROM typed_request")
        assert isinstance(number, int)
        post = Post()
        for _ in range(2):
            match_request(worker, WORKER, SETTINGS, number, post)
        return number, post

    return asked


def confirm(public: Database, note: Note) -> tuple[int, RightsKind]:
    link = re.search(r"/rights/([a-z2-7]{44})", note.text)
    assert link is not None
    number, kind = read_rights_token(FRONT, link[1])
    with public.begin(PUBLIC) as unit:
        assert confirm_request(unit, number, kind)
    return number, kind


def test_a_person_gets_all_that_is_held_once_it_confirmed(
    ask: Callable[..., tuple[int, Post]], person: Scene, public: Database, worker: Database
) -> None:
    number, post = ask("access")
    (link,) = post.notes
    assert link.to == ADDRESS
    early = Post()
    answer_request(worker, WORKER, SETTINGS, number, early)
    assert early.notes == []
    assert confirm(public, link) == (number, "access")
    for _ in range(2):
        answer_request(worker, WORKER, SETTINGS, number, post)
    (_, answer) = post.notes
    ((name, kind, raw),) = answer.enclosed
    report = json.loads(raw)
    assert (name, kind) == ("data.json", "application/json")
    assert [base["identity"]["email"] for base in report["bases"]] == [ADDRESS]
    assert report["bases"][0]["owner"] == person.owner_name
    assert [mail["advertiser_name"] for mail in report["mails"]] == [person.advertiser_name]
    assert person.all("SELECT sealed FROM typed_request WHERE id = :id", id=number) == [(None,)]


def test_erasure_waits_for_the_confirmation(
    ask: Callable[..., tuple[int, Post]], person: Scene, public: Database, worker: Database
) -> None:
    number, post = ask("erasure")
    held = "SELECT sealed IS NULL FROM contact WHERE base_id = :base"
    assert person.all(held, base=person.base_id) == [(False,)]
    confirm(public, post.notes[0])
    answer_request(worker, WORKER, SETTINGS, number, post)
    assert person.all(held, base=person.base_id) == [(True,)]
    assert post.notes[1].to == ADDRESS


@pytest.mark.parametrize("kind", ["access", "erasure"])
def test_an_unknown_address_gets_no_mail_and_is_forgotten(
    ask: Callable[..., tuple[int, Post]], person: Scene, kind: str
) -> None:
    number, post = ask(kind, "nobody.at.all@nowhere.example")
    assert post.notes == []
    rows = person.all("SELECT sealed IS NULL, done_at IS NOT NULL FROM typed_request WHERE id = :id", id=number)
    assert rows == [(True, True)]


def test_typing_an_address_again_and_again_fills_no_mailbox(ask: Callable[..., tuple[int, Post]]) -> None:
    assert len(ask("access")[1].notes) == 1
    assert ask("access")[1].notes == []
    assert len(ask("erasure")[1].notes) == 1


def test_a_link_ends_after_a_week_with_the_address(
    ask: Callable[..., tuple[int, Post]], person: Scene, public: Database, worker: Database
) -> None:
    number, _ = ask("access")
    person.change("UPDATE typed_request SET mailed_at = mailed_at - interval '8 days' WHERE id = :id", id=number)
    with public.begin(PUBLIC) as unit:
        assert not confirm_request(unit, number, "access")
        assert not confirm_request(unit, number, "erasure")
    with worker.begin() as unit:
        assert forget_unconfirmed(unit) >= 1
    assert person.all("SELECT sealed FROM typed_request WHERE id = :id", id=number) == [(None,)]


def test_without_a_relay_the_request_waits(person: Scene, public: Database, worker: Database) -> None:
    def away(*_: object) -> None:
        raise ConnectionLost("no relay")

    with public.begin(PUBLIC) as unit:
        object_by_address(unit, FRONT, ADDRESS, "access")
    ((number,),) = person.all("SELECT max(id) FROM typed_request")
    assert isinstance(number, int)
    with pytest.raises(Unavailable):
        match_request(worker, WORKER, SETTINGS, number, away)
    post = Post()
    match_request(worker, WORKER, SETTINGS, number, post)
    assert len(post.notes) == 1


def test_a_request_of_no_known_kind_is_refused(public: Database) -> None:
    with public.begin(PUBLIC) as unit, pytest.raises(InvalidInput, match="portability"):
        object_by_address(unit, FRONT, ADDRESS, "everything")
