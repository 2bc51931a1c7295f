"""Held mail stays where it is, and a delegated domain is what recipients see; over real sockets."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.delivery.reputation_store import hold, release
from broker.delivery.send_mailing import send_mailing
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Unavailable
from tests.mail_house import House, build, keys_in, mail_settings, people, running_sink, states

pytestmark = pytest.mark.flow


@pytest.fixture
def data(worker_engine: Engine) -> Database:
    return Database(worker_engine)


def house(data: Database, folder: Path, count: int) -> House:
    return build(data, keys_in(folder), people(count))


@pytest.mark.parametrize("kind", ["sending_domain", "relay", "provider"])
def test_what_is_held_does_not_leave_until_it_is_released(data: Database, tmp_path: Path, kind: str) -> None:
    made = house(data, tmp_path, 6)
    with running_sink(tmp_path / "sink") as sink:
        settings = mail_settings(tmp_path, sink.port)
        name = {
            "sending_domain": settings.mail.sending_domain,
            "relay": f"127.0.0.1:{sink.port}",
            "provider": people(1)[0]["email"].rpartition("@")[2],
        }[kind]
        code = f"hold_{secrets.token_hex(4)}"
        with data.begin() as unit:
            assert hold(unit, code, kind, name, "complaints", 1000, 9)  # type: ignore[arg-type]
        with pytest.raises(Unavailable, match="held") if kind == "relay" else nullcontext():
            send_mailing(data, keys_in(tmp_path), settings, made.mailing.id, accrue_sends)
        kept = 1 if kind == "provider" else 6  # each of the people is at a provider of its own
        assert len(sink.messages()) == 6 - kept
        assert states(data, made.mailing) in ({"pending": 6}, {"accepted": 5, "deferred": 1})
        with data.begin() as unit:
            assert release(unit, code, "tried in a test")
            unit.run("UPDATE send SET next_attempt_at = app_now() WHERE mailing_id = :id AND state = 'deferred'",
                     id=made.mailing.id)  # fmt: skip
        send_mailing(data, keys_in(tmp_path), settings, made.mailing.id, accrue_sends)
        assert states(data, made.mailing) == {"accepted": 6}
    with data.begin() as unit:
        assert (
            unit.scalar("SELECT sum(accepted) FROM mail_tally WHERE relay = :relay", relay=f"127.0.0.1:{sink.port}")
            == 6
        )


def delegate(data: Database, made: House, name: str, state: str) -> None:
    with data.begin() as unit:
        unit.run(
            "INSERT INTO sending_domain (code, org_id, domain, return_domain, state)"
            " SELECT 'dom_' || :name, owner_id, :name, 'bounce.' || :name, :state FROM mailing WHERE id = :id",
            name=name,
            state=state,
            id=made.mailing.id,
        )


def test_a_mailing_waits_for_its_domain_then_shows_it_everywhere(data: Database, tmp_path: Path) -> None:
    made, name = house(data, tmp_path, 2), f"news.{secrets.token_hex(4)}.test"
    delegate(data, made, name, "waiting")
    copied = (
        "INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,"
        " price_micros, commission_bp, draw_seed) SELECT code || 'x', kind, dispatch_id, owner_id, advertiser_id,"
        " base_id, creative_id, content_hash, 0, 0, 1 FROM mailing WHERE id = :id RETURNING sending_domain"
    )
    with data.begin() as unit, pytest.raises(Conflict) as refused:
        unit.run(copied, id=made.mailing.id)
    assert refused.value.details == {"constraint": "sending_domain_waits"}
    with data.begin() as unit:
        unit.run("UPDATE sending_domain SET state = 'green' WHERE domain = :name", name=name)
    with data.begin() as unit:
        assert unit.scalar(copied, id=made.mailing.id) == name
        unit.run("UPDATE mailing SET sending_domain = :name, return_domain = :back WHERE id = :id", name=name,
                 back=f"bounce.{name}", id=made.mailing.id)  # fmt: skip
    with running_sink(tmp_path / "sink") as sink:
        settings = mail_settings(tmp_path, sink.port)
        send_mailing(data, keys_in(tmp_path), settings, made.mailing.id, accrue_sends)
        first = sink.messages()[0]
    assert first.mail_from.endswith(f"@bounce.{name}")
    text = first.raw.decode("ascii")
    assert f"@{name}>" in text
    assert f"d={name};" in text
    assert settings.mail.sending_domain not in text.partition("\r\n\r\n")[0]
