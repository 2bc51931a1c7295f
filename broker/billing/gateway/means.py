"""Saved cards and SEPA mandates: given on the gateway's page, used without the payer, removed."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import means_store as store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_params import customer_params, setup_params
from broker.billing.gateway.means_store import SavedMeans
from broker.billing.gateway.payment_rules import rule_of
from broker.billing.invoices.parties import party
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings


def save_means(unit: UnitOfWork, settings: Settings, gateway: Gateway, kind: str) -> str:
    """The address of the gateway's page where the advertiser gives a card or signs a SEPA mandate; asked again while
    that page is open, it is the same. Raises `Conflict` (`method_closed`)."""
    unit.actor.require("advertiser")
    rule = rule_of(unit, settings, unit.actor.org)
    if kind not in rule.methods:
        raise Conflict(
            f"You may pay by {' or '.join(rule.methods)}: ask the broker for another way.",
            code="method_closed",
            field="kind",
        )
    store.lock_org(unit, unit.actor.org)
    standing = store.waiting(unit, unit.actor.org, kind)
    if standing is not None:
        page = gateway.read_checkout(standing.setup_reference)
        if page.state == "open":
            return page.url
        if page.state == "expired":
            store.set_state(unit, standing.id, "asked", "removed")
    payer = party(unit, unit.actor.org)
    customer = store.customer_of(unit, payer.id)
    if not customer:
        customer = gateway.create_customer(customer_params(payer.code, payer.name), f"customer:{payer.code}")
        store.keep_customer(unit, payer.id, customer)
    # The key counts, so that a request repeated after a crash finds its page again.
    key = f"setup:{payer.code}:{store.asked(unit, payer.id)}"
    back = f"{settings.web.public_url}/payment-means"
    page = gateway.create_checkout(setup_params(customer, kind, key, back), key)
    code = new_code("means")
    store.insert(unit, code, payer.id, kind, page.reference)
    record(unit, "means.asked", "payment_means", code, kind=kind)
    return page.url


def read_setup(database: Database, gateway: Gateway, means_id: int) -> None:
    """Read at the gateway what became of a means that was asked for; called again it changes nothing."""
    with database.begin() as unit:
        means = store.by_id(unit, means_id)
    if means is None or means.state != "asked":
        return
    page = gateway.read_checkout(means.setup_reference)
    found = gateway.read_means(page.means) if page.means else None
    with database.begin() as unit:
        if found is not None:
            store.ready(unit, means.id, found)
            record(unit, "means.saved", "payment_means", means.code, kind=found.kind, mandate=found.mandate)
        elif page.state == "expired":
            store.set_state(unit, means.id, "asked", "failed")


def list_means(unit: UnitOfWork) -> list[SavedMeans]:
    """What the acting advertiser saved."""
    unit.actor.require("advertiser")
    return store.of_org(unit, unit.actor.org)


def remove_means(unit: UnitOfWork, code: str) -> None:
    """Forget a saved means; a job has the gateway forget it too. One that is about to pay stays until it has
    (`Conflict`, `means_in_use`)."""
    unit.actor.require("advertiser")
    means = usable_means(unit, code)
    busy = store.under_way(unit, means.id)
    if busy:
        raise Conflict(f"The payment {busy} is under way with it: remove it afterwards.", code="means_in_use")
    store.set_state(unit, means.id, "ready", "removing")
    unit.enqueue("remove_means", means.id)
    record(unit, "means.removed", "payment_means", means.code)


def detach_means(database: Database, gateway: Gateway, means_id: int) -> None:
    """Have the gateway forget a means that was removed; done twice it is done."""
    with database.begin() as unit:
        means = store.by_id(unit, means_id)
    if means is None or means.state != "removing":
        return
    gateway.detach_means(means.gateway_reference)
    with database.begin() as unit:
        store.removed(unit, means.id)


def usable_means(unit: UnitOfWork, code: str) -> SavedMeans:
    """A saved means of the actor's organisation that can pay; raises `NotFound`, `Conflict` (`means_expired`)."""
    means = store.by_code(unit, code)
    if means is None or means.state != "ready":
        raise NotFound(f"There is no saved means of payment {code!r}.", field="means")
    if means.expires_on is not None and means.expires_on <= unit.today:
        raise Conflict(f"The card {means.label} has expired: save another one.", code="means_expired", field="means")
    return means
