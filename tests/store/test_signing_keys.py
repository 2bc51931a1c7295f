"""DKIM keys by turns: made by a worker, published, seen, signing, left, destroyed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from broker.delivery import dkim_store as store
from broker.delivery.dkim_keys import OVERLAP_DAYS
from broker.delivery.dkim_model import KeptKey
from broker.delivery.dkim_rotation import ask_for_key, ask_new_key, check_not_kept, check_retirable, list_kept_keys
from broker.delivery.sending_domain import Seen, selectors, state_after
from broker.delivery.sign import dkim_signer
from broker.delivery.tend_dkim_key import Signing, ask_due_keys, tend_dkim_key
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import WorkerKeys, new_dkim_key

BROKER = Actor("broker", 1, 1)
SETTINGS = Settings(mail=MailSettings(sending_domain="mail.example.test", dkim_selector="s1"))
MAIL = SETTINGS.mail


@pytest.fixture
def data(worker_engine: Engine) -> Iterator[Database]:
    found = Database(worker_engine)
    with found.begin() as unit:
        unit.run("DELETE FROM dkim_key")
    yield found
    with found.begin() as unit:
        unit.run("DELETE FROM dkim_key")


class Zone:
    """What the DNS publishes."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    def ask(self, name: str, kind: str) -> Sequence[str]:
        return self.texts.get(name, []) if kind == "TXT" else []


def keys(data: Database) -> dict[str, KeptKey]:
    with data.begin(BROKER) as unit:
        return {key.selector: key for key in list_kept_keys(unit, MAIL)}


def wish(data: Database, ring: WorkerKeys, zone: Zone, selector: str, what: str) -> None:
    key = keys(data)[selector]
    with data.begin(BROKER) as unit:
        ask_for_key(unit, key.code, what)
    tend_dkim_key(data, ring, SETTINGS, key.id, zone.ask)


def renewed(data: Database, ring: WorkerKeys, zone: Zone) -> None:
    """A second key made, published, and signing."""
    with data.begin() as unit:
        ask_due_keys(unit, ring, MAIL)
    with data.begin(BROKER) as unit:
        ask_new_key(unit, MAIL)
    second = keys(data)[selectors(MAIL)[1]]
    tend_dkim_key(data, ring, SETTINGS, second.id, zone.ask)
    published = keys(data)[selectors(MAIL)[1]].published
    zone.texts[published.name] = [published.record]
    wish(data, ring, zone, published.selector, "look")
    wish(data, ring, zone, published.selector, "sign")


def test_a_key_signs_once_its_record_is_seen_and_the_former_one_stays_a_week(
    data: Database, worker_keys: WorkerKeys
) -> None:
    zone, (first, second) = Zone(), selectors(MAIL)
    signing = Signing(data, lambda: worker_keys, SETTINGS)
    assert signing.now().mail.dkim_selector == first
    renewed(data, worker_keys, zone)
    assert {name: key.state for name, key in keys(data).items()} == {first: "leaving", second: "signs"}
    assert signing.now().mail.dkim_selector == second
    signer = dkim_signer(signing.keys(), "news.marque.fr", second, key_of=MAIL.sending_domain)
    assert len(signer.sign(b"x")) == 256
    with pytest.raises(Conflict) as refused:
        wish(data, worker_keys, zone, first, "retire")
    assert refused.value.code == "overlap_runs"
    with data.begin() as unit:
        unit.run("UPDATE dkim_key SET left_at = left_at - make_interval(days => :days)", days=OVERLAP_DAYS)
    wish(data, worker_keys, zone, first, "retire")
    assert set(keys(data)) == {second}
    with data.begin(BROKER) as unit:
        ask_new_key(unit, MAIL)
    third = keys(data)[first]
    tend_dkim_key(data, worker_keys, SETTINGS, third.id, zone.ask)
    assert signing.keys().dkim[f"{MAIL.sending_domain}:{first}"] != worker_keys.dkim[f"{MAIL.sending_domain}:{first}"]


def test_what_cannot_be_verified_never_signs(data: Database, worker_keys: WorkerKeys) -> None:
    zone, (first, second) = Zone(), selectors(MAIL)
    with data.begin(BROKER) as unit, pytest.raises(Conflict) as refused:
        ask_new_key(unit, MAIL)
    assert refused.value.code == "keys_not_noted"
    with data.begin() as unit:
        ask_due_keys(unit, worker_keys, MAIL)
        ask_due_keys(unit, worker_keys, MAIL)
    with data.begin(BROKER) as unit:
        ask_new_key(unit, MAIL)
        with pytest.raises(Conflict) as refused:
            ask_new_key(unit, MAIL)
        assert refused.value.code == "selectors_taken"
    tend_dkim_key(data, worker_keys, SETTINGS, keys(data)[second].id, zone.ask)
    for selector, what, code in ((second, "sign", "record_missing"), (first, "retire", "selector_signs")):
        with pytest.raises(Conflict) as refused:
            wish(data, worker_keys, zone, selector, what)
        assert refused.value.code == code
    published = keys(data)[second].published
    zone.texts[published.name] = [published.record]
    wish(data, worker_keys, zone, second, "look")
    with data.begin(BROKER) as unit:
        ask_for_key(unit, keys(data)[second].code, "sign")
    zone.texts.clear()  # withdrawn before the worker came to it
    tend_dkim_key(data, worker_keys, SETTINGS, keys(data)[second].id, zone.ask)
    found = keys(data)[second]
    assert (found.state, found.wish, found.finding) == ("waiting", "", "missing")


def test_a_delegated_domain_that_does_not_point_to_the_new_selector_keeps_the_old_one(
    data: Database, worker_keys: WorkerKeys
) -> None:
    with data.begin() as unit:
        org = unit.scalar(
            "INSERT INTO organisation (code, kind, name) VALUES ('org_dkim_test', 'owner', 'X') RETURNING id"
        )
        number = unit.scalar(
            "INSERT INTO sending_domain (code, org_id, domain, return_domain, state)"
            " VALUES ('dom_dkim', :org, 'news.dkim.test', 'bounce.news.dkim.test', 'green') RETURNING id",
            org=org,
        )
    try:
        with pytest.raises(Conflict) as refused:
            renewed(data, worker_keys, Zone())
        assert refused.value.code == "domains_lack_selector"
        assert "news.dkim.test" in refused.value.sentence
    finally:
        with data.begin() as unit:
            unit.run("UPDATE sending_domain SET retired_at = app_now() WHERE id = :id", id=number)


def test_the_front_makes_no_key_and_reads_no_private_one(data: Database, web_engine: Engine) -> None:
    with data.begin() as unit:
        store.note_ring_key(unit, "dkim_x", MAIL.sending_domain, "s1", "AAAA")
    front = Database(web_engine)
    with front.begin(BROKER) as unit:
        assert ask_new_key(unit, MAIL)
    for statement in ("SELECT sealed FROM dkim_key", "UPDATE dkim_key SET state = 'signs'", "DELETE FROM dkim_key"):
        with pytest.raises(Exception, match="permission denied"), front.begin(BROKER) as unit:
            unit.run(statement)
    owner = Actor("owner", 5, 5)
    with front.begin(owner) as unit:
        assert unit.all("SELECT code FROM dkim_key") == []
        with pytest.raises(Forbidden):
            list_kept_keys(unit, MAIL)


def test_a_second_selector_that_goes_missing_later_breaks_nothing() -> None:
    def look(spare: str) -> list[Seen]:
        rows = (("dkim", "ok"), ("dkim_spare", spare))
        return [Seen(purpose, "n", "CNAME", "v", state, "") for purpose, state in rows]  # type: ignore[arg-type]

    assert state_after("waiting", look("missing")) == "waiting"
    assert state_after("waiting", look("ok")) == "green"
    assert state_after("green", look("missing")) == "green"


def test_lists_name_the_key_that_signs_at_this_moment(data: Database, worker_keys: WorkerKeys) -> None:
    zone, (first, second) = Zone(), selectors(MAIL)
    signing = Signing(data, lambda: worker_keys, SETTINGS)
    renewed(data, worker_keys, zone)
    listed = {key.selector: key for key in signing.list() if key.domain == MAIL.sending_domain}
    assert {name: key.signs for name, key in listed.items()} == {first: False, second: True}
    assert listed[second].record == keys(data)[second].published.record
    with data.begin() as unit:
        for selector, code in ((first, "overlap_runs"), (second, "key_of_page")):
            with pytest.raises(Conflict) as refused:
                check_retirable(unit, MAIL.sending_domain, selector)
            assert refused.value.code == code
        with pytest.raises(Conflict):
            check_not_kept(unit, MAIL.sending_domain, second)


def test_another_pair_named_in_the_settings_signs_and_the_former_key_leaves(
    data: Database, worker_keys: WorkerKeys
) -> None:
    ring = replace(worker_keys, dkim={**worker_keys.dkim, f"{MAIL.sending_domain}:s2": new_dkim_key()})
    with data.begin() as unit:
        ask_due_keys(unit, ring, MAIL)
    for selector, other in (("s2", "s1"), ("s1", "s2")):
        named = replace(SETTINGS, mail=replace(MAIL, dkim_selector=selector))
        assert Signing(data, lambda: ring, named).now().mail.dkim_selector == selector
        with data.begin() as unit:
            ask_due_keys(unit, ring, named.mail)
        assert {name: key.state for name, key in keys(data).items()} == {selector: "signs", other: "leaving"}
