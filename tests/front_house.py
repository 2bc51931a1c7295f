"""A front without processes: the pages and the API over the test database, and people who may log in."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.app import create_api
from broker.accounts.api_keys import create_api_key
from broker.accounts.create_organisation import create_organisation
from broker.accounts.create_user import create_user
from broker.accounts.log_in import log_in
from broker.accounts.model import OrganisationKind, UserRole
from broker.audience.client import AudienceClient
from broker.kernel.actor import PUBLIC, Actor
from broker.kernel.database import Database
from broker.kernel.settings import InstanceSettings, PaymentSettings, Settings, WebSettings
from broker.operate.front import Front
from broker.vault.keyring import create_keys, load_front
from web.http.session import COOKIE
from web.pages import create_pages

PASSWORD = "a-long-test-password"
ROLES: tuple[tuple[str, OrganisationKind, UserRole], ...] = (
    ("owner", "owner", "owner"),
    ("stranger", "owner", "owner"),
    ("advertiser", "advertiser", "advertiser"),
    ("broker", "broker", "broker"),
    ("accountant", "broker", "accountant"),
)


@dataclass(frozen=True)
class Person:
    """Somebody of one role, with an API key."""

    email: str
    actor: Actor
    org_code: str
    api_key: str


@dataclass(frozen=True)
class House:
    """The front's two applications and one person a role."""

    front: Front
    pages: Flask
    api: Flask
    people: dict[str, Person]

    def visitor(self) -> FlaskClient:
        """A browser nobody is logged in with."""
        return self.pages.test_client()

    def browser(self, who: str) -> tuple[FlaskClient, str]:
        """A browser with a session, and the session's form token."""
        with self.front.database.begin(PUBLIC) as unit:
            entered = log_in(unit, self.people[who].email, PASSWORD)
        client = self.pages.test_client()
        client.set_cookie(COOKIE, entered.token)
        return client, entered.csrf

    def program(self, who: str) -> dict[str, str]:
        """The header of a call as this person."""
        return {"Authorization": f"Bearer {self.people[who].api_key}"}


def open_house(scratch: Path, web_engine: Engine, public_engine: Engine, worker_engine: Engine) -> House:
    """Make keys, people and both applications; no process is started, so nothing counts or sends."""
    folder = scratch / f"front-{secrets.token_hex(4)}"
    settings = dataclasses.replace(
        Settings(),
        instance=InstanceSettings(state_dir=str(folder), demo=True),
        web=WebSettings(login_attempts_per_minute=10_000, requests_per_minute=1_000_000, max_upload_mb=1),
        payment=PaymentSettings("fake"),
    )
    create_keys(settings.key_dir, settings.mail.sending_domain, settings.mail.dkim_selector)
    front = Front(
        settings=settings,
        database=Database(web_engine),
        public_database=Database(public_engine),
        keys=load_front(settings.key_dir),
        audience=AudienceClient(folder / "nobody.sock"),
    )
    worker = Database(worker_engine)
    people = {name: _person(worker, name, kind, role) for name, kind, role in ROLES}
    return House(front, create_pages(front), create_api(front), people)


def _person(database: Database, name: str, kind: OrganisationKind, role: UserRole) -> Person:
    email = f"{name}-{secrets.token_hex(4)}@courtier.test"
    with database.begin() as unit:
        company = create_organisation(unit, kind, f"{name} {secrets.token_hex(3)}", siren="732829320")
        user = create_user(unit, company.code, email, name.capitalize(), role, PASSWORD, language="en")
    actor = Actor(role, company.id, user.id, user.name)
    with database.begin(actor) as unit:
        secret = create_api_key(unit, "tests")[1]
    return Person(email, actor, company.code, secret)
