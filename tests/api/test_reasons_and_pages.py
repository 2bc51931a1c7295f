"""A cancelled mailing keeps its reason; mailings come in pages."""

from __future__ import annotations

import secrets

from sqlalchemy import Engine

from broker.kernel.database import Database
from broker.mailings.schedule import schedule_participation_send
from tests.front_house import House
from tests.mail_house import picked_send


def test_mailings_come_in_pages_and_a_cancellation_keeps_its_reason(house: House, worker_engine: Engine) -> None:
    data = Database(worker_engine)
    owner, advertiser = (house.people[who].actor.org for who in ("owner", "advertiser"))
    with data.begin() as unit:
        base_id = unit.scalar(
            "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'Base') RETURNING id",
            org=owner,
            code=f"b-{secrets.token_hex(4)}",
        )
        send_id = picked_send(unit, owner, advertiser, base_id)
    with data.begin() as unit:
        code = schedule_participation_send(unit, send_id).code
    client, header = house.api.test_client(), house.program("owner")
    first = client.get("/mailings", headers=header).json
    assert first["items"][0]["code"] == code
    assert first["total"] >= len(first["items"]) >= 1
    beyond = client.get(f"/mailings?page={first['pages'] + 1}", headers=header).json
    assert (beyond["items"], beyond["total"]) == ([], first["total"])
    assert client.get("/mailings?page=0", headers=header).status_code == 422
    said = client.post(f"/mailings/{code}/cancel", json={"reason": "The offer ended."}, headers=header)
    assert said.json["state"] == "cancelled"
    with data.begin() as unit:
        kept = unit.scalar(
            "SELECT detail ->> 'reason' FROM audit_entry WHERE action = 'mailing.cancelled' AND object_id = :code",
            code=code,
        )
    assert kept == "The offer ended."
