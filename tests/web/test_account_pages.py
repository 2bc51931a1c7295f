"""One's own account: second factor, sessions, password, keys; invitations by the broker."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Iterator

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from broker.accounts.create_user import create_user
from broker.delivery.post_letter import Note
from broker.feedback.account_letter import post_account_letter
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.keyring import load_worker
from tests.front_house import PASSWORD, House
from web.http.work import EXTENSION


class Posted:
    """Stands for the relay."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def __call__(self, _worker: object, _mail: object, note: Note) -> None:
        self.notes.append(note)


@pytest.fixture
def newcomer(house: House, worker_engine: Engine) -> str:
    """A fresh person of the owner, whom no other test logs in."""
    email = f"new-{secrets.token_hex(4)}@courtier.test"
    with Database(worker_engine).begin() as unit:
        create_user(unit, house.people["owner"].org_code, email, "Newcomer", "owner", PASSWORD, language="en")
    return email


def form_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def enter(client: FlaskClient, email: str, password: str = PASSWORD) -> str:
    """Log in by the form; where it leads to."""
    token = form_token(client.get("/login").text)
    reply = client.post("/login", data={"csrf_token": token, "email": email, "password": password})
    return reply.headers.get("Location", "")


def set_up(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor by the pages."""
    page = client.get("/account/second-factor").text
    client.post("/account/second-factor", data={"csrf_token": form_token(page)})
    page = client.get("/account/second-factor").text
    assert "<svg" in page
    assert " style=" not in page[page.index("<svg") : page.index("</svg>")]
    found = re.search(r'<span class="code">([A-Z2-7]{32})</span>', page)
    assert found is not None
    totp = pyotp.TOTP(found[1])
    wrong = client.post("/account/second-factor/confirm", data={"csrf_token": form_token(page), "code": "000000"})
    assert wrong.status_code == 422
    assert found[1] in wrong.text
    done = client.post("/account/second-factor/confirm", data={"csrf_token": form_token(page), "code": totp.now()})
    codes = re.findall(r'<li class="code">([0-9a-f-]+)</li>', done.text)
    assert len(codes) == 10
    return totp, codes


def test_a_second_factor_is_set_up_asked_for_and_taken_away(house: House, newcomer: str) -> None:
    client = house.visitor()
    assert enter(client, newcomer) == "/"
    _, codes = set_up(client)
    other = house.visitor()
    assert enter(other, newcomer).startswith("/login/code")
    assert other.get("/bases").headers["Location"].startswith("/login")
    page = other.get("/login/code").text
    wrong = other.post("/login/code", data={"csrf_token": form_token(page), "code": "123456"})
    assert wrong.status_code == 401
    right = other.post("/login/code", data={"csrf_token": form_token(page), "code": codes[0]})
    assert right.headers["Location"] == "/"
    assert other.get("/bases").status_code == 200
    page = other.get("/account/second-factor").text
    again = other.post("/account/second-factor/remove", data={"csrf_token": form_token(page), "code": codes[0]})
    assert again.status_code == 422
    gone = other.post("/account/second-factor/remove", data={"csrf_token": form_token(page), "code": codes[1]})
    assert gone.status_code == 303
    assert enter(house.visitor(), newcomer) == "/"


@pytest.fixture
def strict(house: House) -> Iterator[House]:
    """The house with a second factor required of everybody."""
    front = house.front
    needed = dataclasses.replace(front.settings, web=dataclasses.replace(front.settings.web, second_factor="everybody"))
    house.pages.extensions[EXTENSION] = dataclasses.replace(front, settings=needed)
    yield house
    house.pages.extensions[EXTENSION] = front


def test_whoever_needs_a_second_factor_can_do_nothing_before_it(strict: House, newcomer: str) -> None:
    client = strict.visitor()
    assert enter(client, newcomer) == "/account/second-factor"
    for path in ("/", "/bases", "/account", "/account/keys"):
        assert client.get(path).headers["Location"] == "/account/second-factor"
    set_up(client)
    assert client.get("/bases").status_code == 200


def test_sessions_are_listed_and_ended(house: House, newcomer: str) -> None:
    here, there = house.visitor(), house.visitor()
    enter(here, newcomer)
    enter(there, newcomer)
    page = here.get("/account").text
    ends = re.findall(r'action="(/account/sessions/[0-9a-f-]{36}/end)"', page)
    assert len(ends) == 2
    assert page.count("this session") == 1
    own = page.index("this session")
    other = next(end for end in ends if not (own < page.index(end) < own + 700))
    assert here.post(other, data={"csrf_token": form_token(page)}).status_code == 303
    assert there.get("/bases").status_code == 303
    assert here.get("/bases").status_code == 200


def test_a_changed_password_ends_the_other_sessions(house: House, newcomer: str) -> None:
    here, there = house.visitor(), house.visitor()
    enter(here, newcomer)
    enter(there, newcomer)
    token = form_token(here.get("/account").text)
    form = {"csrf_token": token, "current": PASSWORD, "new": "another-long-password", "again": "another-long-password"}
    assert here.post("/account/password", data=form | {"again": "different"}).status_code == 422
    assert here.post("/account/password", data=form | {"current": "wrong"}).status_code == 422
    assert here.post("/account/password", data=form).status_code == 303
    assert there.get("/bases").status_code == 303
    assert here.get("/bases").status_code == 200
    assert enter(house.visitor(), newcomer, "another-long-password") == "/"


def test_a_key_is_shown_once_and_revoked(house: House, newcomer: str) -> None:
    client = house.visitor()
    enter(client, newcomer)
    token = form_token(client.get("/account/keys").text)
    made = client.post("/account/keys", data={"csrf_token": token, "name": "Nightly import"}).text
    found = re.search(r"ck_([0-9a-z]{10})_[\w-]{40,}", made)
    assert found is not None
    assert found[0] not in client.get("/account/keys").text
    api = house.api.test_client()
    header = {"Authorization": f"Bearer {found[0]}"}
    assert api.get("/bases", headers=header).status_code == 200
    assert client.post(f"/account/keys/{found[1]}/revoke", data={"csrf_token": token}).status_code == 303
    assert api.get("/bases", headers=header).status_code == 401


def test_an_invitation_is_mailed_and_its_link_works_once(house: House, worker_engine: Engine) -> None:
    client, token = house.browser("broker")
    code, email = house.people["owner"].org_code, f"invited-{secrets.token_hex(4)}@courtier.test"
    form = {"csrf_token": token, "name": "Invited", "email": email, "role": "owner", "language": "en"}
    assert client.post(f"/organisations/{code}/people", data=form).status_code == 303
    assert client.post(f"/organisations/{code}/people", data=form).status_code == 409
    assert email in client.get(f"/organisations/{code}/people").text
    with worker_engine.connect() as connection:
        letter, sealed = connection.execute(
            text(
                "SELECT l.id, l.sealed FROM account_letter l JOIN app_user u ON u.id = l.user_id WHERE u.email = :email"
            ),
            {"email": email},
        ).one()
    post, worker = Posted(), load_worker(house.front.settings.key_dir)
    for _ in range(2):
        post_account_letter(Database(worker_engine), worker, Settings(), letter, post)
    (note,) = post.notes
    assert note.to == email
    found = re.search(r"/login/password/[\w-]+", note.text)
    assert found is not None
    assert found[0].encode() not in bytes(sealed)
    guest = house.visitor()
    page = guest.get(found[0]).text
    chosen = {"csrf_token": form_token(page), "new": "chosen-by-the-guest", "again": "chosen-by-the-guest"}
    assert guest.post(found[0], data=chosen | {"again": "other"}).status_code == 422
    assert guest.post(found[0], data=chosen).headers["Location"].startswith("/login")
    assert guest.post(found[0], data=chosen).status_code == 404
    assert enter(house.visitor(), email, "chosen-by-the-guest") == "/"


def test_the_broker_alone_reaches_the_people_of_an_organisation(house: House) -> None:
    code = house.people["owner"].org_code
    for who in ("owner", "advertiser", "accountant"):
        client, token = house.browser(who)
        assert client.get(f"/organisations/{code}/people").status_code == 403
        form = {"csrf_token": token, "email": house.people["owner"].email, "wanted": "let_sign"}
        assert client.post(f"/organisations/{code}/people/change", data=form).status_code == 403
