"""Who asked for a month to be closed is who was logged in: no statement of a front chooses it."""

from __future__ import annotations

import secrets

from sqlalchemy import Engine, text

from broker.accounts.create_organisation import create_organisation
from broker.accounts.create_user import create_user
from broker.accounts.model import User
from broker.kernel.actor import Actor
from broker.kernel.database import Database


def somebody(worker: Database, name: str) -> User:
    with worker.begin() as unit:
        house = create_organisation(unit, "broker", f"House {secrets.token_hex(3)}")
        return create_user(
            unit, house.code, f"{name}-{secrets.token_hex(4)}@courtier.test", name, "accountant", "a-long-test-password"
        )


def test_the_front_cannot_ask_in_another_name(worker_engine: Engine, web_engine: Engine) -> None:
    worker = Database(worker_engine)
    asking, other = somebody(worker, "Asking"), somebody(worker, "Other")
    actor = Actor("accountant", asking.org_id, asking.id, asking.name)
    with Database(web_engine).begin(actor) as unit:
        unit.run(
            "INSERT INTO ledger_close (month, target, asked_by) VALUES ('1999-01-01', 'soft_closed', :user)",
            user=other.id,
        )
    with worker_engine.begin() as connection:
        found = connection.execute(text("SELECT asked_by FROM ledger_close WHERE month = '1999-01-01'")).scalars().all()
        connection.execute(text("DELETE FROM ledger_close WHERE month = '1999-01-01'"))
    assert found == [asking.id]
