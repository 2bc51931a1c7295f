"""Subscribed suppression files: fetched from allowed hosts if they changed, keyed, swapped; failures keep the last."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Connection

from broker.audience.guard import few_match
from broker.audience.own_lists_store import listed_keys
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput
from broker.kernel.fetch_public import FetchRefused, fetch_changed
from broker.kernel.settings import InstanceSettings, Settings
from broker.suppression.feed_model import Feed
from broker.suppression.feed_store import feeds_to_read
from broker.suppression.key_list import key_suppression_list
from broker.suppression.read_feed import read_feed, renew_feeds
from broker.suppression.receive_list import list_lists
from broker.suppression.subscribe import allow_host, find_feed, forbid_host, list_feeds, subscribe, unsubscribe
from broker.vault.blind_index import contact_keys, md5_keys, sha256_keys
from broker.vault.keyring import WorkerKeys, create_keys, load_worker
from tests.store.audience_people import make_base, make_import, make_organisation

PEOPLE = [f"person{number}@shop.test" for number in range(6)]


@dataclass
class Host:
    """A server of one file; `asked` are the conditions of the requests."""

    content: bytes = b""
    status: int = 200
    location: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def host() -> Iterator[Host]:
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.headers.get("If-None-Match", ""))
            etag = f'"{hashlib.sha256(state.content).hexdigest()[:8]}"'
            if state.location:
                self.send_response(302)
                self.send_header("Location", state.location)
                self.end_headers()
            elif state.status == 200 and self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                self.end_headers()
            else:
                self.send_response(state.status)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(state.content)))
                self.end_headers()
                self.wfile.write(state.content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield state
    server.shutdown()


@dataclass
class Scene:
    database: Database
    settings: Settings
    keys: WorkerKeys
    advertiser: Actor
    broker: Actor
    code: str
    base: int
    feed_id: int

    def read(self) -> Feed:
        read_feed(self.database, self.keys, self.settings, self.feed_id, few_match)
        with self.database.begin(self.advertiser) as unit:
            return find_feed(unit, "feed_one")

    def listed(self) -> set[bytes]:
        with self.database.begin() as unit:
            return set(listed_keys(unit, self.base, self.advertiser.org_id))

    def keys_of(self, people: list[str]) -> set[bytes]:
        return set(contact_keys(self.keys, people))


@pytest.fixture
def scene(connection: Connection, tmp_path: Path, host: Host) -> Iterator[Scene]:
    create_keys(tmp_path / "keys", "mail.example.test", "s1")
    keys = load_worker(tmp_path / "keys")
    with connection.begin_nested():
        database = Database(connection)  # type: ignore[arg-type]
        with database.begin() as unit:
            base = make_base(unit, make_organisation(unit, "owner"))
            run = make_import(unit, base)
            org, company = make_organisation(unit, "advertiser"), make_organisation(unit, "broker")
            code = str(unit.scalar("SELECT code FROM organisation WHERE id = :id", id=org))
            three = (contact_keys, md5_keys, sha256_keys)
            unit.run_many(
                "INSERT INTO contact (base_id, contact_key, md5_key, sha256_key, pepper_version, key_version, sealed,"
                " import_id) VALUES (:base, :a, :b, :c, 1, 1, 'sealed', :run)",
                [
                    {"base": base, "run": run, "a": a, "b": b, "c": c}
                    for a, b, c in zip(*(keyed(keys, PEOPLE) for keyed in three), strict=True)
                ],
            )
            unit.run("INSERT INTO suppression_host (org_id, host) VALUES (:org, '127.0.0.1')", org=org)
            feed = unit.scalar(
                "INSERT INTO suppression_feed (code, org_id, name, url) VALUES ('feed_one', :org, 'Ours', :url)"
                " RETURNING id",
                org=org,
                url=f"http://127.0.0.1:{host.port}/ours.csv?token=secret",
            )
        inside = InstanceSettings(state_dir=str(tmp_path), private_hosts=("127.0.0.1",))
        yield Scene(
            database,
            Settings(instance=inside),
            keys,
            Actor("advertiser", org),
            Actor("broker", company),
            code,
            base,
            feed,
        )


def test_a_file_is_read_and_a_new_one_takes_its_place(scene: Scene, host: Host) -> None:
    host.content = "\n".join(PEOPLE[:3]).encode()
    feed = scene.read()
    assert (feed.state, feed.entries, feed.problem, feed.host) == ("read", 3, None, "127.0.0.1")
    assert scene.listed() == scene.keys_of(PEOPLE[:3])
    host.content = "\n".join(hashlib.md5(one.encode()).hexdigest() for one in PEOPLE[2:]).encode()  # noqa: S324
    scene.read()
    assert scene.listed() == scene.keys_of(PEOPLE[2:])
    with scene.database.begin() as unit:
        kept = unit.scalar("SELECT count(*) FROM suppression_list_entry e JOIN suppression_list l ON l.id = e.list_id"
                           " WHERE l.feed_id = :id AND l.state = 'removed'", id=scene.feed_id)  # fmt: skip
    assert kept == 0
    with scene.database.begin(scene.advertiser) as unit:
        assert list_lists(unit).items == []  # a subscription's readings are not files that were sent


def test_an_unchanged_file_is_not_read_again_but_is_fresh(scene: Scene, host: Host) -> None:
    host.content = PEOPLE[0].encode()
    first = scene.read()
    assert scene.read().fresh_at is not None
    assert host.asked[0] == ""
    assert host.asked[1].startswith('"')
    with scene.database.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM suppression_list WHERE feed_id = :id", id=scene.feed_id) == 1
    assert first.entries == scene.read().entries == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"status": 500}, "not_found"),
        ({"content": b"<html>Please log in</html>"}, "nothing_read"),
        ({"content": b""}, "nothing_read"),
        ({"location": "https://elsewhere.test/x"}, "host_not_allowed"),
        ({"location": "file:///etc/passwd"}, "bad_url"),
    ],
)
def test_a_failure_is_shown_and_the_last_good_reading_counts_on(
    scene: Scene, host: Host, change: dict[str, object], problem: str
) -> None:
    host.content = "\n".join(PEOPLE[:2]).encode()
    scene.read()
    for name, value in change.items():
        setattr(host, name, value)
    feed = scene.read()
    assert (feed.state, feed.problem, feed.failures, feed.entries) == ("failed", problem, 1, 2)
    assert scene.listed() == scene.keys_of(PEOPLE[:2])
    host.status, host.location, host.content = 200, "", PEOPLE[5].encode()
    assert (scene.read().state, scene.listed()) == ("read", scene.keys_of([PEOPLE[5]]))


def test_a_host_that_is_no_longer_allowed_is_not_asked(scene: Scene, host: Host) -> None:
    with scene.database.begin() as unit:
        unit.run("DELETE FROM suppression_host WHERE org_id = :org", org=scene.advertiser.org)
    assert scene.read().problem == "host_not_allowed"
    assert host.asked == []


def test_it_is_renewed_before_a_send_unless_it_was_within_the_hour(scene: Scene, host: Host) -> None:
    host.content = PEOPLE[0].encode()
    renew = (scene.database, scene.keys, scene.settings, scene.advertiser.org, few_match)
    renew_feeds(*renew)
    renew_feeds(*renew)
    assert len(host.asked) == 1
    with scene.database.begin() as unit:
        assert scene.feed_id not in feeds_to_read(unit, 24)
        unit.run("UPDATE suppression_feed SET fresh_at = app_now() - interval '2 hours', checked_at = app_now()"
                 " - interval '25 hours' WHERE id = :id", id=scene.feed_id)  # fmt: skip
        assert scene.feed_id in feeds_to_read(unit, 24)
    renew_feeds(*renew)
    assert len(host.asked) == 2


def test_a_subscription_that_ends_counts_no_more_and_is_forgotten(scene: Scene, host: Host) -> None:
    host.content = "\n".join(PEOPLE).encode()
    scene.read()
    with scene.database.begin() as unit:
        listed = unit.scalar("SELECT list_id FROM suppression_feed WHERE id = :id", id=scene.feed_id)
    with scene.database.begin(scene.advertiser) as unit:
        unsubscribe(unit, "feed_one")
        unsubscribe(unit, "feed_one")
        assert list_feeds(unit) == []
    assert scene.listed() == set()
    key_suppression_list(scene.database, scene.keys, scene.settings, listed, few_match)
    with scene.database.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM suppression_list_entry WHERE list_id = :id", id=listed) == 0
    read_feed(scene.database, scene.keys, scene.settings, scene.feed_id, few_match)
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://files.shop.test/a", "bad_feed_url"),
        ("https://user:word@files.shop.test/a", "bad_feed_url"),
        ("https://files.shop.test:8443/a", "bad_feed_url"),
        ("https://files.shop.test/a b", "bad_feed_url"),
        ("ftp://files.shop.test/a", "bad_feed_url"),
        ("https://files.shop.test.evil.test/a", "host_not_allowed"),
        ("https://169.254.169.254/latest", "host_not_allowed"),
    ],
)
def test_only_https_addresses_of_allowed_hosts_are_subscribed(scene: Scene, url: str, code: str) -> None:
    with scene.database.begin(scene.broker) as unit:
        allow_host(unit, scene.code, "https://FILES.shop.test/")
    with pytest.raises(InvalidInput) as refusal, scene.database.begin(scene.advertiser) as unit:
        subscribe(unit, "Ours", url)
    assert refusal.value.code == code
    with scene.database.begin(scene.advertiser) as unit:
        assert subscribe(unit, "Ours", "https://files.shop.test/a?token=1").state == "new"


@pytest.mark.parametrize("host_name", ["127.0.0.1", "0x7f.1", "127.1", "localhost", "[::1]", "a b.test", "-"])
def test_only_names_are_allowed_as_hosts(scene: Scene, host_name: str) -> None:
    with pytest.raises(InvalidInput) as refusal, scene.database.begin(scene.broker) as unit:
        allow_host(unit, scene.code, host_name)
    assert refusal.value.code == "bad_host"
    with scene.database.begin(scene.broker) as unit:
        assert forbid_host(unit, scene.code, "files.shop.test") == ["127.0.0.1"]


def test_a_name_that_leads_inside_is_not_fetched() -> None:
    with pytest.raises(FetchRefused) as refusal:
        fetch_changed(
            "https://files.shop.test/a",
            accept="*/*",
            most_bytes=9,
            hosts=["files.shop.test"],
            resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"],
        )
    assert refusal.value.why == "not_public"
