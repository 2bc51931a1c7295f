"""Rights by the link of a mail, the log of requests, files to take along, and what a person writes of itself."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from broker.feedback.answer_request import answer_request
from broker.feedback.apply_profile import apply_profile
from broker.feedback.match_request import match_request
from broker.feedback.object_by_address import ask_by_link, object_by_address
from broker.feedback.portable import portable_files
from broker.feedback.profile import show_profile, submit_profile
from broker.feedback.rights import base_of_token, confirm_request, forget_unconfirmed, read_rights_token
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput, NotFound
from broker.vault.blind_index import contact_keys
from broker.vault.data_keys import data_key
from broker.vault.open import open_row
from broker.vault.tokens import read_token
from tests.store.feedback_scene import Scene
from tests.store.test_letters import ADDRESS, FRONT, WORKER, Post, public, scene, worker
from tests.store.test_rights import SETTINGS, ask, confirm, person

__all__ = ["ask", "person", "public", "scene", "worker"]


def log_of(scene: Scene, request: int) -> list[tuple[object, ...]]:
    return scene.all(
        "SELECT o.name, q.kind, q.outcome, q.due_on - q.received_on BETWEEN 28 AND 31 FROM rights_request q"
        " JOIN organisation o ON o.id = q.org_id WHERE q.typed_request_id = :id ORDER BY 1",
        id=request,
    )


def by_link(scene: Scene, public: Database, worker: Database, kind: str, scope: str = "base") -> tuple[int, Post]:
    ref = read_token(FRONT, "leave", scene.token(FRONT, "leave", 1))
    with public.begin(PUBLIC) as unit:
        ask_by_link(unit, ref, kind, scope)
    ((number,),) = scene.all("SELECT max(id) FROM typed_request")
    assert isinstance(number, int)
    post = Post()
    for _ in range(2):
        match_request(worker, WORKER, SETTINGS, number, post)
    return number, post


def test_the_link_of_a_mail_is_answered_at_the_mails_address(person: Scene, public: Database, worker: Database) -> None:
    number, post = by_link(person, public, worker, "access")
    (note,) = post.notes
    assert note.to == ADDRESS
    assert log_of(person, number) == [(person.owner_name, "access", None, True)]
    confirm(public, note)
    answer_request(worker, WORKER, SETTINGS, number, post)
    assert post.notes[1].to == ADDRESS
    report = json.loads(post.notes[1].enclosed[0][2])
    assert [base["base_code"] for base in report["bases"]] == [person.base_code]
    assert log_of(person, number) == [(person.owner_name, "access", "granted", True)]


def test_erasure_by_link_is_of_that_base_or_of_all(person: Scene, public: Database, worker: Database) -> None:
    number, post = by_link(person, public, worker, "erasure", "base")
    confirm(public, post.notes[0])
    answer_request(worker, WORKER, SETTINGS, number, post)
    (key,) = contact_keys(WORKER, [ADDRESS])
    scopes = person.all(
        "SELECT scope FROM suppression WHERE contact_key = :key AND base_id = :base", key=key, base=person.base_id
    )
    assert scopes == [("base",)]
    assert person.all("SELECT sealed FROM contact WHERE base_id = :base", base=person.base_id) == [(None,)]


def test_what_concerns_nobody_is_logged_with_the_broker_as_answered(
    ask: Callable[..., tuple[int, Post]], person: Scene
) -> None:
    person.change(
        "INSERT INTO organisation (code, kind, name) VALUES ('org_house', 'broker', 'House') ON CONFLICT DO NOTHING"
    )
    number, _ = ask("access", "nobody.at.all@nowhere.example")
    ((_, kind, outcome, _),) = log_of(person, number)
    assert (kind, outcome) == ("access", "not_found")


def test_a_link_that_nobody_follows_closes_the_log(
    ask: Callable[..., tuple[int, Post]], person: Scene, worker: Database
) -> None:
    number, _ = ask("portability")
    person.change("UPDATE typed_request SET mailed_at = mailed_at - interval '8 days' WHERE id = :id", id=number)
    with worker.begin() as unit:
        forget_unconfirmed(unit)
    assert log_of(person, number) == [(person.owner_name, "portability", "refused", True)]


@pytest.mark.parametrize(
    ("scope", "partner", "found"),
    [("base", "", "base"), ("advertiser", "Fleuriste", "advertiser"), ("advertiser", "Unknown", "base")],
)
def test_an_objection_by_address_holds_in_the_scope_that_was_chosen(
    person: Scene, public: Database, worker: Database, scope: str, partner: str, found: str
) -> None:
    person.change("INSERT INTO partner_list (base_id, version) VALUES (:base, 1)", base=person.base_id)
    person.change(
        "INSERT INTO partner (base_id, version, name, advertiser_id) VALUES (:base, 1, 'Fleuriste', :advertiser)",
        base=person.base_id,
        advertiser=person.advertiser_id,
    )
    address = f"{scope}.{partner or 'x'}@objects.example"
    with public.begin(PUBLIC) as unit:
        object_by_address(unit, FRONT, address, scope=scope, base_code=person.base_code, partner=partner)
    ((number,),) = person.all("SELECT max(id) FROM typed_request")
    match_request(worker, WORKER, SETTINGS, int(str(number)), Post())
    for version in WORKER.peppers:
        (key,) = contact_keys(WORKER, [address], version)
        assert person.all("SELECT scope FROM suppression WHERE contact_key = :key", key=key) == [(found,)]


def test_known_and_unknown_addresses_cost_the_front_the_same_statements(
    person: Scene, public: Database, public_engine: Engine
) -> None:
    seen: list[list[str]] = []

    @event.listens_for(public_engine, "before_cursor_execute")
    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        seen[-1].append(statement)

    try:
        for address in (ADDRESS, "nobody.at.all@nowhere.example"):
            seen.append([])
            with public.begin(PUBLIC) as unit:
                object_by_address(unit, FRONT, address, "access")
    finally:
        event.remove(public_engine, "before_cursor_execute", note)
    assert seen[0] == seen[1]
    assert len({length for (length,) in person.all("SELECT length(sealed) FROM typed_request WHERE sealed IS NOT NULL"
                                                   " ORDER BY id DESC LIMIT 2")}) == 1  # fmt: skip


def test_files_to_take_along_hold_what_was_given_and_run_nowhere() -> None:
    held = [
        {
            "owner": "Shop",
            "base": "Customers",
            "relation": "customer",
            "identity": {"email": "a@b.example", "last_name": "=cmd|' /C calc'!A0"},
            "traits": {"gender": "F", "rfm_class": "champion"},
            "purchases": [{"product": "ring", "amount_cents": -500}],
            "updated_at": "x",
        }
    ]
    (_, _, plain), (name, media, table) = portable_files(held)
    (base,) = json.loads(plain)
    assert base["traits"] == {"gender": "F"}
    assert "updated_at" not in base
    assert (name, media) == ("data.csv", "text/csv; charset=utf-8")
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))
    assert ["Shop", "Customers", "purchases.1.amount_cents", "-500"] in rows
    assert ["Shop", "Customers", "identity.last_name", "'=cmd|' /C calc'!A0"] in rows


@pytest.fixture
def link(ask: Callable[..., tuple[int, Post]], person: Scene) -> tuple[int, int]:
    """(request, base) of the mailed link to one's own data."""
    person.change(
        "UPDATE base SET profile_fields = '{first_name,mobile,gender,birth_date,postcode,hair_colour}'"
        " WHERE id = :base",
        base=person.base_id,
    )
    number, post = ask("correction")
    token = re.search(r"/rights/([a-z2-7]{44})", post.notes[0].text)
    assert token is not None
    assert read_rights_token(FRONT, token[1]) == (number, "correction")
    return number, base_of_token(FRONT, token[1])


def opened(scene: Scene, worker: Database) -> dict[str, str]:
    with worker.begin() as unit:
        row = unit.one("SELECT id, key_version, sealed FROM contact WHERE base_id = :base", base=scene.base_id)
        assert row is not None
        key = data_key(unit, WORKER, scene.base_id, row.key_version)
    return dict(json.loads(open_row(key, scene.base_id, row.key_version, row.id, bytes(row.sealed))))


def send_in(
    scene: Scene, public: Database, worker: Database, link: tuple[int, int], typed: dict[str, str],
    consent: tuple[str, str, int] | None = None,
) -> None:  # fmt: skip
    with public.begin(PUBLIC) as unit:
        submit_profile(unit, FRONT, *link, typed, consent)
    ((number,),) = scene.all("SELECT max(id) FROM profile_update")
    ((sealed,),) = scene.all("SELECT sealed FROM profile_update WHERE id = :id", id=number)
    assert all(value.encode() not in bytes(sealed) for value in typed.values() if value)  # type: ignore[call-overload]
    for _ in range(2):
        apply_profile(worker, WORKER, int(str(number)))


def test_what_a_person_writes_is_sealed_and_marked_as_supplied(
    person: Scene, public: Database, worker: Database, link: tuple[int, int]
) -> None:
    typed = {
        "first_name": "Zoé",
        "mobile": "06 12 34 56 78",
        "gender": "madame",
        "postcode": "75011",
        "hair_colour": "",
    }
    send_in(person, public, worker, link, typed)
    row = opened(person, worker)
    assert (row["email"], row["first_name"], row["mobile"]) == (ADDRESS, "Zoé", "+33612345678")
    found = dict(person.all("SELECT field, value FROM supplied_field WHERE base_id = :base", base=person.base_id))
    assert found["gender"] == "F"
    assert (found["postcode"], found["department"], found["has_phone"]) == ("75011", "75", "true")
    assert found["first_name"] is None
    assert "hair_colour" not in found
    assert person.all("SELECT sealed FROM profile_update WHERE base_id = :base", base=person.base_id) == [(None,)]
    assert log_of(person, link[0])[0][2] == "granted"


def test_a_consent_given_on_the_page_is_a_whole_proof(
    person: Scene, public: Database, worker: Database, link: tuple[int, int]
) -> None:
    person.change("INSERT INTO partner_list (base_id, version) VALUES (:base, 1)", base=person.base_id)
    send_in(person, public, worker, link, {}, ("https://courtier.example/rights", "J'accepte …", 1))
    proof = person.all(
        "SELECT s.source_url, s.wording, s.form_version, s.partner_list_version, c.consent_at IS NOT NULL"
        " FROM contact c"
        " JOIN consent_source s ON s.id = c.consent_source_id WHERE c.base_id = :base",
        base=person.base_id,
    )
    assert proof == [("https://courtier.example/rights", "J'accepte …", "profile-1", 1, True)]
    with public.begin(PUBLIC) as unit, pytest.raises(InvalidInput, match="changed meanwhile"):
        submit_profile(unit, FRONT, *link, {}, ("https://courtier.example/rights", "J'accepte …", 2))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"income": "3000"}, "bad_field"),
        ({"gender": "purple"}, "bad_value"),
        ({"birth_date": "1000-01-01"}, "bad_value"),
        ({"first_name": "   "}, "nothing_filled"),
        ({"postcode": "99999"}, "bad_value"),
        ({"first_name": "x" * 300}, "bad_value"),
    ],
)
def test_what_cannot_be_taken_is_said(
    public: Database, link: tuple[int, int], typed: dict[str, str], code: str
) -> None:
    with public.begin(PUBLIC) as unit, pytest.raises(InvalidInput) as refused:
        submit_profile(unit, FRONT, *link, typed, None)
    assert refused.value.code == code


def test_the_page_of_another_base_or_of_an_old_link_is_not_shown(
    person: Scene, public: Database, link: tuple[int, int]
) -> None:
    with public.begin(PUBLIC) as unit:
        assert [field.type for field in show_profile(unit, *link).fields][2:5] == ["gender", "date", "postcode"]
    person.change("UPDATE typed_request SET mailed_at = mailed_at - interval '8 days' WHERE id = :id", id=link[0])
    with public.begin(PUBLIC) as unit, pytest.raises(NotFound):
        show_profile(unit, *link)
    with public.begin(PUBLIC) as unit:
        assert not confirm_request(unit, link[0], "access")


def test_a_person_erased_meanwhile_gets_nothing_back(
    person: Scene, public: Database, worker: Database, link: tuple[int, int]
) -> None:
    with public.begin(PUBLIC) as unit:
        submit_profile(unit, FRONT, *link, {"first_name": "Zoé"}, None)
    person.change("UPDATE contact SET sealed = NULL WHERE base_id = :base", base=person.base_id)
    ((number,),) = person.all("SELECT max(id) FROM profile_update")
    apply_profile(worker, WORKER, int(str(number)))
    assert person.all("SELECT 1 FROM supplied_field WHERE base_id = :base", base=person.base_id) == []
