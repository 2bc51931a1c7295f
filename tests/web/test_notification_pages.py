"""The bell, the list, the choices, the link that ends mails, and the pages of webhooks."""

from __future__ import annotations

import re
import secrets

import pytest

from broker.kernel.database import Database
from broker.notifications.notify import notify
from broker.vault.tokens import make_token
from tests.front_house import House


@pytest.fixture
def worker(worker_engine: object) -> Database:
    return Database(worker_engine)  # type: ignore[arg-type]


def tell(house: House, worker: Database, who: str = "owner") -> tuple[int, str]:
    """Something that the person is told; (the notification's id, its object's code)."""
    code, actor = f"card_{secrets.token_hex(4)}", house.people[who].actor
    with worker.begin() as unit:
        notify(unit, "card.withdrawn", actor.org, code, card="Fleurs <b>& fils</b>")
        found = unit.scalar(
            "SELECT n.id FROM notification n JOIN notification_event e ON e.id = n.event_id"
            " WHERE e.object_code = :code AND n.user_id = :user",
            code=code,
            user=actor.user_id,
        )
    return int(found), code


def test_the_bell_counts_what_is_unread_and_opening_reads_it(house: House, worker: Database) -> None:
    client, token = house.browser("owner")
    client.post("/notifications/read", data={"csrf_token": token})
    _, code = tell(house, worker)
    page = client.get("/notifications?l=en").text
    assert re.search(r'bell-count">1<', page)
    assert "Fleurs &lt;b&gt;&amp; fils" in page
    address = re.search(r'action="(/notifications/ntf_[0-9a-f]+/open)"', page)
    assert address is not None
    reply = client.post(address[1], data={"csrf_token": token})
    assert reply.headers["Location"] == f"/cards/{code}"
    assert "bell-count" not in client.get("/notifications").text
    other, theirs = house.browser("stranger")
    assert other.post(address[1], data={"csrf_token": theirs}).status_code == 404


def test_choices_are_kept_and_only_of_what_one_is_told(house: House) -> None:
    client, token = house.browser("advertiser")
    kept = client.post("/account/notifications", data={"csrf_token": token, "kind.order.approved": "off"})
    assert kept.status_code == 303
    page = client.get("/account/notifications").text
    assert re.search(r'name="kind\.order\.approved".*?value="off" selected', page, re.DOTALL)
    assert "kind.order.placed" not in page  # an owner's
    for kind, channel in (("order.placed", "off"), ("order.approved", "pigeon")):
        refused = client.post("/account/notifications", data={"csrf_token": token, f"kind.{kind}": channel})
        assert refused.status_code == 422


def test_the_link_of_a_mail_ends_its_kind_by_one_post_and_changes_nothing_by_get(
    house: House, worker: Database
) -> None:
    number, _ = tell(house, worker, "stranger")
    actor, visitor = house.people["stranger"].actor, house.pages.test_client()
    link = f"/n/{make_token(house.front.keys, 'notice', number, 0, actor.user_id or 0)}"

    def chosen() -> list[str]:
        with worker.begin() as unit:
            rows = unit.all("SELECT channel FROM notification_choice WHERE user_id = :user", user=actor.user_id)
        return [row.channel for row in rows]

    shown = visitor.get(link)
    assert shown.status_code == 200
    assert "data card" in shown.text
    assert chosen() == []
    assert visitor.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert chosen() == ["product"]
    with worker.begin() as unit:
        assert unit.scalar("SELECT mail FROM notification WHERE id = :id", id=number) == "none"
    forged = link[:-1] + ("a" if link[-1] != "a" else "e")
    assert visitor.post(forged).status_code == 404
    elsewhere = f"/n/{make_token(house.front.keys, 'leave', number, 0, actor.user_id or 0)}"
    assert visitor.post(elsewhere).status_code == 404


def test_a_webhook_is_registered_once_shown_and_deleted(house: House) -> None:
    client, token = house.browser("owner")
    form = {"csrf_token": token, "label": "CRM", "url": "https://crm.example.com/x", "event": "order.placed"}
    page = client.post("/account/webhooks", data=form).text
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
    code = re.search(r"/account/webhooks/(whk_\w+)/test", page)
    assert secret is not None
    assert code is not None
    place = f"/account/webhooks/{code[1]}"
    assert secret[0] not in client.get(place).text
    assert client.post(f"{place}/test", data={"csrf_token": token}).status_code == 303
    shown = client.get(place).text
    sent = re.search(rf"{place}/deliveries/msg_\w+", shown)
    assert sent is not None
    assert "webhook.test" in client.get(sent[0]).text
    fresh = client.post(f"{place}/secret", data={"csrf_token": token}).text
    assert "whsec_" in fresh
    stranger, _ = house.browser("stranger")
    assert stranger.get(place).status_code == 404
    assert client.post(f"{place}/delete", data={"csrf_token": token}).status_code == 303
    assert client.get(place).status_code == 404


@pytest.mark.parametrize("url", ["http://crm.example.com/", "https://crm.example.com:99/", "nothing", ""])
def test_a_wrong_address_is_refused_beside_its_field(house: House, url: str) -> None:
    client, token = house.browser("owner")
    form = {"csrf_token": token, "label": "CRM", "url": url, "all": "yes"}
    reply = client.post("/account/webhooks", data=form)
    assert reply.status_code == 422
    assert "is-invalid" in reply.text
