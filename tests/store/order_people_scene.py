"""The money's scene with people who log in, signed creatives of any words, and an agency."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from broker.accounts.secrets import hash_password
from broker.kernel.actor import Actor
from broker.rentals.answer_order import answer_order
from broker.rentals.find import find_order
from broker.rentals.model import Order
from broker.vault.keyring import FrontKeys, create_keys, load_front
from tests.store.money_scene import MoneyScene, build_scene

PASSWORD = "a-long-test-password"
HASH = hash_password(PASSWORD)


@dataclass(frozen=True)
class PeopleScene:
    """`money` is the trade; the three actors below are people of it, with a password."""

    money: MoneyScene
    front: FrontKeys
    owner: Actor
    advertiser: Actor
    broker: Actor
    agency: Actor

    def creative(self, words: str = "hello", *, url: str = "https://shop.manteaux.test/a", signed: bool = True) -> str:
        """A creative of the advertiser that says these words and leads there."""
        code = f"crea_{secrets.token_hex(6)}"
        with self.money.worker.begin() as unit:
            made = unit.scalar(
                "INSERT INTO creative (code, org_id, name, subject, from_name, language, source_html, html, plain,"
                " content_hash) VALUES (:code, :org, 'Spring', 'Spring', 'Manteaux', 'fr', :w, :w, :w, :hash)"
                " RETURNING id",
                code=code,
                org=self.advertiser.org,
                w=words,
                hash=hashlib.sha256(words.encode()).digest(),
            )
            unit.run("INSERT INTO creative_link (creative_id, number, url) VALUES (:id, 1, :url)", id=made, url=url)
            if signed:
                unit.run(
                    "UPDATE creative SET state = 'signed', signed_hash = content_hash, signed_by = 1,"
                    " signed_at = app_now() WHERE id = :id",
                    id=made,
                )
        return code

    def answer(self, order: Order) -> Order:
        """Run the job that tries the rules, and read the order."""
        answer_order(self.money.worker, order.id)
        return self.read(order)

    def read(self, order: Order) -> Order:
        """The order as it stands."""
        with self.money.worker.begin() as unit:
            return find_order(unit, order.code)

    def code_of(self, actor: Actor) -> str:
        """The code of an actor's organisation."""
        with self.money.worker.begin() as unit:
            return str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=actor.org))

    def audit(self, order: Order, action: str) -> dict[str, object]:
        """The detail of the latest entry about an order."""
        with self.money.worker.begin() as unit:
            found: dict[str, object] = unit.scalar(
                "SELECT detail FROM audit_entry WHERE action = :action AND object_id = :code ORDER BY seq DESC LIMIT 1",
                action=action,
                code=order.code,
            )
            return found


def build_people(admin: Engine, worker: Engine, web: Engine, folder: Path) -> PeopleScene:
    """A scene of its own names."""
    money = build_scene(admin, worker, web)
    create_keys(folder / "keys", "mail.example.test", "s1")
    with money.worker.begin() as unit:
        agency = int(
            unit.scalar(
                "INSERT INTO organisation (code, kind, name) VALUES (:code, 'agency', 'Agence Lune') RETURNING id",
                code=f"org_g{secrets.token_hex(5)}",
            )
        )
        people = {
            role: Actor(
                role,  # type: ignore[arg-type]
                org,
                int(
                    unit.scalar(
                        "INSERT INTO app_user (org_id, email, name, role, password_hash) VALUES (:org, :mail, :name,"
                        " :role, :hash) RETURNING id",
                        org=org,
                        mail=f"{secrets.token_hex(6)}@people.test",
                        name=f"{role.capitalize()} Person",
                        role=role,
                        hash=HASH,
                    )
                ),
                f"{role.capitalize()} Person",
            )
            for role, org in (
                ("owner", money.owner.org),
                ("advertiser", money.advertiser.org),
                ("broker", money.company),
                ("agency", agency),
            )
        }
    return PeopleScene(money=money, front=load_front(folder / "keys"), **people)
