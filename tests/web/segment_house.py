"""Pages over a base of made-up contacts that can really be counted: the audience desk answers in this process."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.serving import make_server

from api.app import create_api
from broker.accounts.log_in import log_in
from broker.audience.build_snapshot import build_snapshot
from broker.audience.desk import CountDesk
from broker.audience.loaded import SnapshotCache
from broker.audience.local_client import LocalClient
from broker.audience.parse import parse_rule
from broker.audience.policy_counts import count_policies
from broker.audience.rule_desk import CALLS
from broker.bases.create_base import create_base
from broker.insight.suggest_call import suggest_call
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.vault.keyring import create_keys, load_worker
from tests.front_house import PASSWORD, House
from tests.store.audience_people import make_contact, make_import, make_partner_list, person, write_staging
from web.http.session import COOKIE
from web.pages import create_pages

PEOPLE = 3_000


@dataclass(frozen=True)
class SegmentHouse:
    """A house whose owner has a base that counts."""

    house: House
    base_code: str
    base_id: int
    worker: Database

    def browser(self, who: str = "owner") -> tuple[FlaskClient, str]:
        """A browser with a session, and the session's form token."""
        with self.house.front.database.begin(PUBLIC) as unit:
            entered = log_in(unit, self.house.people[who].email, PASSWORD)
        client = self.house.pages.test_client()
        client.set_cookie(COOKIE, entered.token)
        return client, entered.csrf

    def people(self, rule: str) -> int:
        """What the desk counts."""
        return int(self.house.front.audience.count_for_owner(self.base_id, parse_rule(rule))["count"])

    def rentable(self, rule: str) -> int:
        """What is left of it after exclusions."""
        return int(self.house.front.audience.count_for_owner(self.base_id, parse_rule(rule))["rentable"])

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of the pages while the block runs."""
        server = make_server("127.0.0.1", 0, self.house.pages, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(timeout=10)
            server.server_close()


def furnish(house: House, worker_engine: Engine, scratch: Path, code: str, count: int = PEOPLE) -> SegmentHouse:
    """Give the house's owner a base of `count` contacts with their traits, and a desk that counts them."""
    worker = Database(worker_engine)
    settings = house.front.settings
    owner = house.people["owner"].actor
    with house.front.database.begin(owner) as unit:
        base = create_base(unit, code, "Clients of the house", "home", "b2c")
    keys_dir = scratch / f"worker-keys-{code}"
    create_keys(keys_dir, "mail.example.test", "s1")
    keys = load_worker(keys_dir)
    with worker.begin() as unit:
        make_partner_list(unit, base.id, 1, [house.people["advertiser"].actor.org])
        import_id = make_import(unit, base.id)
        first = 7_000_000_000 + base.id * 100_000
        people = [_dressed(person(first + number, unit.today), number) for number in range(count)]
        for number in range(0, count, 3):
            make_contact(unit, base.id, first + number, import_id)
            if number % 2:
                unit.run(
                    "INSERT INTO purchase (base_id, contact_id, import_id, day, amount_cents, category, product)"
                    " VALUES (:base, :contact, :import_id, :day, 4200, 'rings', 'ring')",
                    base=base.id,
                    contact=first + number,
                    import_id=import_id,
                    day=unit.today,
                )
    write_staging(settings.state_dir / "staging" / f"{import_id}.parquet", people)
    build_snapshot(worker, keys, settings, import_id)
    cache = SnapshotCache(settings.state_dir / "snapshots", 256, 1)
    desk = CountDesk(
        worker, settings, cache, {**CALLS, "suggest_segments": suggest_call, "count_policies": count_policies}
    )
    front = dataclasses.replace(house.front, audience=LocalClient(desk))
    full = House(front, create_pages(front), create_api(front), house.people)
    return SegmentHouse(full, code, base.id, worker)


def _dressed(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {**row, "consent_complete": number % 7 != 0}
