"""Webhooks: signed, tried again, never lost; nobody is reached that should not be."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import Engine

from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.notifications import webhooks as verbs
from broker.notifications.deliver_webhooks import ask_again, deliver_webhooks
from broker.notifications.model import DISABLE_AFTER, WEBHOOK_WAITS, Delivery, Endpoint
from broker.notifications.notify import notify
from broker.notifications.sign_webhook import verify
from broker.vault.keyring import WorkerKeys
from tests.store.money_scene import MoneyScene, build_scene

SETTINGS = Settings(instance=InstanceSettings(demo=True, private_hosts=("127.0.0.1",)))


@dataclass
class Receiver:
    """A program that is told; it answers as it is told to."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(held.statuses.pop(0) if held.statuses else 204)
            for name, value in held.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@dataclass
class Hook:
    """An endpoint of the owner, told of withdrawn cards."""

    scene: MoneyScene
    keys: WorkerKeys
    receiver: Receiver
    endpoint: Endpoint
    secret: str

    def tell(self, code: str) -> None:
        with self.scene.worker.begin() as unit:
            notify(unit, "card.withdrawn", self.scene.owner.org_id, code, card="Fleurs « d'été »")

    def deliver(self) -> int:
        return deliver_webhooks(self.scene.worker, self.keys, SETTINGS, self.endpoint.id)

    def log(self, state: str = "") -> list[Delivery]:
        with self.scene.web.begin(self.scene.owner) as unit:
            return verbs.list_deliveries(unit, self.endpoint.code, state).items

    def now(self) -> Endpoint:
        with self.scene.web.begin(self.scene.owner) as unit:
            return verbs.find_endpoint(unit, self.endpoint.code)


@pytest.fixture
def hook(scene: MoneyScene, worker_keys: WorkerKeys, receiver: Receiver) -> Iterator[Hook]:
    with scene.web.begin(scene.owner) as unit:
        endpoint, secret = verbs.register_endpoint(
            unit, worker_keys.front, SETTINGS, receiver.url, "CRM", ["card.withdrawn"]
        )
    yield Hook(scene, worker_keys, receiver, endpoint, secret)
    with scene.web.begin(scene.owner) as unit:
        verbs.delete_endpoint(unit, endpoint.code)


def believed(secret: str, call: tuple[dict[str, str], bytes]) -> bool:
    return verify(secret, call[0], call[1], int(time.time()))


def test_an_event_is_posted_once_signed_and_without_secrets(hook: Hook) -> None:
    hook.tell("card_a")
    assert hook.deliver() == 1
    assert hook.deliver() == 0
    (call,) = hook.receiver.calls
    assert believed(hook.secret, call)
    body = json.loads(call[1])
    assert body["type"] == "card.withdrawn"
    assert body["data"]["code"] == "card_a"
    assert body["data"]["card"] == "Fleurs « d'été »"
    assert not verify(hook.secret, call[0], call[1].replace(b"card_a", b"card_b"), int(time.time()))
    assert not verify(hook.secret, call[0], call[1], int(time.time()) + 3_600)
    assert [one.state for one in hook.log()] == ["delivered"]


def test_only_the_kinds_asked_for_are_told(hook: Hook) -> None:
    with hook.scene.worker.begin() as unit:
        notify(unit, "card.retired", hook.scene.owner.org_id, "card_r", card="x")
    assert hook.deliver() == 0


def test_a_failure_is_tried_again_later_under_the_same_id(hook: Hook) -> None:
    hook.receiver.statuses = [500, 302]
    hook.tell("card_f")
    for _ in range(3):
        hook.deliver()
        assert hook.deliver() == 0  # not before its time
        hook.scene.wait(1)
    ids = {call[0]["webhook-id"] for call in hook.receiver.calls}
    bodies = {call[1] for call in hook.receiver.calls}
    assert (len(hook.receiver.calls), len(ids), len(bodies)) == (3, 1, 1)
    assert [one.state for one in hook.log()] == ["delivered"]
    with hook.scene.web.begin(hook.scene.owner) as unit:
        _, attempts = verbs.find_delivery(unit, hook.endpoint.code, hook.log()[0].code)
    assert [one.status for one in attempts] == [204, 302, 500]
    assert hook.now().failures == 0


def test_after_the_last_try_it_is_failed_and_can_be_replayed(hook: Hook) -> None:
    hook.receiver.statuses = [500] * (len(WEBHOOK_WAITS) + 1)
    hook.tell("card_g")
    for _ in range(len(WEBHOOK_WAITS) + 1):
        hook.deliver()
        hook.scene.wait(24)
    assert [one.state for one in hook.log()] == ["failed"]
    assert hook.deliver() == 0
    with hook.scene.web.begin(hook.scene.owner) as unit:
        assert verbs.replay(unit, hook.endpoint.code) == 1
    assert hook.deliver() == 1
    assert len({call[0]["webhook-id"] for call in hook.receiver.calls}) == 1


def test_an_endpoint_that_failed_for_days_is_switched_off_and_its_people_told(hook: Hook) -> None:
    hook.receiver.statuses = [500] * 50
    hook.tell("card_h")
    hook.deliver()
    hook.scene.wait(int(DISABLE_AFTER.total_seconds() // 3600) + 1)
    with hook.scene.worker.begin() as unit:
        ask_again(unit)
    assert hook.now().state == "disabled"
    with hook.scene.worker.begin() as unit:
        facts = unit.scalar(
            "SELECT facts FROM notification_event WHERE kind = 'webhook.disabled' AND object_code = :code",
            code=hook.endpoint.code,
        )
    assert facts == {"label": "CRM", "days": 5}
    with hook.scene.web.begin(hook.scene.owner) as unit, pytest.raises(Conflict):
        verbs.replay(unit, hook.endpoint.code)
    hook.receiver.statuses = []
    with hook.scene.web.begin(hook.scene.owner) as unit:
        verbs.change_endpoint(unit, SETTINGS, hook.endpoint.code, on=True)
        assert verbs.replay(unit, hook.endpoint.code) == 1
    assert hook.deliver() == 1


def test_gone_means_gone(hook: Hook) -> None:
    hook.receiver.statuses = [410]
    hook.tell("card_i")
    hook.deliver()
    assert hook.now().state == "disabled"


def test_both_secrets_sign_for_a_day_after_a_rotation(hook: Hook) -> None:
    with hook.scene.web.begin(hook.scene.owner) as unit:
        fresh = verbs.rotate_secret(unit, hook.keys.front, hook.endpoint.code)
    hook.tell("card_j")
    hook.deliver()
    assert believed(hook.secret, hook.receiver.calls[-1])
    assert believed(fresh, hook.receiver.calls[-1])
    hook.scene.wait(25)
    hook.tell("card_k")
    hook.deliver()
    assert not believed(hook.secret, hook.receiver.calls[-1])
    assert believed(fresh, hook.receiver.calls[-1])


def test_a_leaked_secret_ends_at_once(hook: Hook) -> None:
    with hook.scene.web.begin(hook.scene.owner) as unit:
        fresh = verbs.rotate_secret(unit, hook.keys.front, hook.endpoint.code, at_once=True)
    hook.tell("card_l")
    hook.deliver()
    assert not believed(hook.secret, hook.receiver.calls[-1])
    assert believed(fresh, hook.receiver.calls[-1])


def test_a_test_goes_to_its_endpoint_alone(hook: Hook) -> None:
    with hook.scene.web.begin(hook.scene.owner) as unit:
        verbs.send_test(unit, hook.endpoint.code)
    assert hook.deliver() == 1
    assert json.loads(hook.receiver.calls[0][1])["type"] == "webhook.test"


def test_a_server_that_drips_does_not_hold_a_worker(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.notifications.deliver_webhooks.SECONDS", 0.4)
    hook.receiver.headers = {}
    slow = threading.Event()
    served = hook.receiver.statuses

    class Slow(list[int]):
        def pop(self, index: int = -1) -> int:  # type: ignore[override]
            slow.wait(3)
            return 204

        def __bool__(self) -> bool:
            return True

    hook.receiver.statuses = Slow(served)
    hook.tell("card_m")
    started = time.monotonic()
    assert hook.deliver() == 0
    slow.set()
    assert time.monotonic() - started < 2.5
    assert [one.problem for one in hook.log()] == ["no_answer"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/x", "not_https"),
        ("https://example.com:8443/x", "not_public"),
        ("https://user:pw@example.com/", "bad_url"),
        ("ftp://example.com/", "bad_url"),
        ("https:///x", "bad_url"),
        ("https://exa mple.com/", "bad_url"),
        ("https://[::1", "bad_url"),
    ],
)
def test_odd_addresses_are_refused_at_once(scene: MoneyScene, worker_keys: WorkerKeys, url: str, code: str) -> None:
    with scene.web.begin(scene.owner) as unit, pytest.raises(InvalidInput) as refusal:
        verbs.register_endpoint(unit, worker_keys.front, Settings(), url, "x", ["*"])
    assert refusal.value.code == code


@pytest.mark.parametrize("url", ["https://127.0.0.1/x", "https://localhost/x", "https://10.1.2.3/", "https://[::1]/"])
def test_private_addresses_are_never_called(scene: MoneyScene, worker_keys: WorkerKeys, url: str) -> None:
    plain = Settings(instance=InstanceSettings(demo=True))
    with scene.web.begin(scene.owner) as unit:
        endpoint, _ = verbs.register_endpoint(unit, worker_keys.front, plain, url, "x", ["*"])
        verbs.send_test(unit, endpoint.code)
    assert deliver_webhooks(scene.worker, worker_keys, plain, endpoint.id) == 0
    with scene.web.begin(scene.owner) as unit:
        assert [one.problem for one in verbs.list_deliveries(unit, endpoint.code).items] == ["not_public"]
        verbs.delete_endpoint(unit, endpoint.code)


def test_unknown_events_suggest_the_nearest(scene: MoneyScene, worker_keys: WorkerKeys) -> None:
    with scene.web.begin(scene.owner) as unit, pytest.raises(InvalidInput, match=r"order\.approved"):
        verbs.register_endpoint(unit, worker_keys.front, SETTINGS, "https://a.test/", "x", ["order.aproved"])


def test_another_organisation_sees_nothing_of_it(hook: Hook) -> None:
    with hook.scene.web.begin(hook.scene.advertiser) as unit:
        assert hook.endpoint.code not in [one.code for one in verbs.list_endpoints(unit)]
        with pytest.raises(NotFound):
            verbs.send_test(unit, hook.endpoint.code)
        assert unit.scalar("SELECT count(*) FROM webhook_secret") == 0


def test_an_agency_has_no_clients_events_told(scene: MoneyScene, worker_keys: WorkerKeys) -> None:
    """They would go on being told after its mandate has ended."""
    acting = replace(scene.advertiser, agency_id=scene.owner.org_id)
    with scene.web.begin(acting) as unit, pytest.raises(Forbidden) as refusal:
        verbs.register_endpoint(unit, worker_keys.front, SETTINGS, "https://hooks.example.test", "CRM", ["*"])
    assert refusal.value.code == "own_organisation_needed"
