"""An advertiser subscribes a suppression file by its address; the broker allows the hosts that files come from."""

from __future__ import annotations

from broker.accounts.store import organisation_of
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.suppression import feed_store as store
from broker.suppression import lists_store
from broker.suppression.feed_model import MOST_FEEDS, Feed, clean_host, clean_url
from broker.suppression.lists_model import list_name
from broker.suppression.receive_list import take_out


def subscribe(unit: UnitOfWork, name: str, url: str) -> Feed:
    """Have a file fetched every day and before each send; it is read at once for the first time.

    Raises `InvalidInput` (`missing_name`, `long_name`, `bad_url`, `host_not_allowed`), `Conflict` (`too_many_feeds`).
    """
    unit.actor.require("advertiser")
    name = list_name(name)
    url, host = clean_url(url)
    allowed = store.hosts_of(unit, unit.actor.org)
    if host not in allowed:
        known = ", ".join(allowed) or "none yet"
        raise InvalidInput(
            f"Files may be fetched from hosts that the broker has allowed for you ({known}). Ask it for {host}.",
            code="host_not_allowed",
            field="url",
            details={"host": host, "allowed": ", ".join(allowed)} if allowed else {"host": host},
        )
    if len(store.feeds_of_org(unit)) >= MOST_FEEDS:
        raise Conflict(f"There are {MOST_FEEDS} subscriptions already: end one first.", code="too_many_feeds")
    code = new_code("feed")
    store.insert_feed(unit, code, name, url)
    feed = find_feed(unit, code)
    unit.enqueue("read_suppression_feed", feed.id)
    record(unit, "suppression_feed.subscribed", "suppression_feed", code, host=host)
    return feed


def list_feeds(unit: UnitOfWork) -> list[Feed]:
    """The acting advertiser's subscriptions."""
    unit.actor.require("advertiser")
    return store.feeds_of_org(unit)


def find_feed(unit: UnitOfWork, code: str) -> Feed:
    """One of them."""
    found = store.feed_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no subscription {code!r} of yours.")
    return found


def read_again(unit: UnitOfWork, code: str) -> Feed:
    """Have a subscribed file read now."""
    unit.actor.require("advertiser")
    feed = find_feed(unit, code)
    unit.enqueue("read_suppression_feed", feed.id)
    return feed


def unsubscribe(unit: UnitOfWork, code: str) -> None:
    """End a subscription: its entries count no more and are forgotten. Twice is once."""
    unit.actor.require("advertiser")
    if store.remove_feed(unit, code):
        for listed in lists_store.lists_of_feed(unit, code):
            take_out(unit, listed)
        record(unit, "suppression_feed.ended", "suppression_feed", code)


def allow_host(unit: UnitOfWork, org_code: str, host: str) -> list[str]:
    """Let an advertiser's files be fetched from a host; for the broker, who knows whose host it is."""
    unit.actor.require("broker")
    org = _advertiser(unit, org_code)
    name = clean_host(host)
    if store.allow_host(unit, org, name):
        record(unit, "suppression_host.allowed", "organisation", org_code, host=name)
    return store.hosts_of(unit, org)


def forbid_host(unit: UnitOfWork, org_code: str, host: str) -> list[str]:
    """Fetch nothing more from a host; what was read counts on."""
    unit.actor.require("broker")
    org = _advertiser(unit, org_code)
    if store.forbid_host(unit, org, clean_host(host)):
        record(unit, "suppression_host.forbidden", "organisation", org_code, host=clean_host(host))
    return store.hosts_of(unit, org)


def allowed_hosts(unit: UnitOfWork, org_code: str = "") -> list[str]:
    """The hosts of the acting advertiser, or for the broker those of the one it names."""
    return store.hosts_of(unit, _advertiser(unit, org_code) if org_code else unit.actor.org)


def _advertiser(unit: UnitOfWork, code: str) -> int:
    found = organisation_of(unit, code)
    if found is None or found.kind != "advertiser":
        raise NotFound(f"There is no advertiser {code!r}.", code="organisation_not_found", field="org_code")
    return found.id
