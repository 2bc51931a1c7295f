"""An owner delegates a subdomain, has it looked at, takes it back; workers look at the records."""

from __future__ import annotations

from datetime import timedelta

from broker.audit.record import record
from broker.delivery import domain_store as store
from broker.delivery.dkim_keys import dkim_record
from broker.delivery.look_up_records import Ask, ask_dns, look_up
from broker.delivery.sending_domain import (
    RETURN_LABEL,
    SendingDomain,
    records_of,
    selectors,
    state_after,
    subdomain,
)
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings, Settings
from broker.notifications.notify import notify
from broker.vault.keyring import WorkerKeys

MOST_DOMAINS = 5
AGAIN_WAITING, AGAIN_SETTLED = timedelta(minutes=10), timedelta(hours=6)


def delegate_domain(unit: UnitOfWork, mail: MailSettings, given: str) -> SendingDomain:
    """Add a subdomain of the owner's; from then on its mailings wait until the records are seen.

    Raises `bad_domain`, `main_domain`, `domain_taken`, `too_many_domains`.
    """
    unit.actor.require("owner")
    name = subdomain(given, mail)
    if len(store.domains(unit)) >= MOST_DOMAINS:
        raise Conflict(
            f"An owner may delegate {MOST_DOMAINS} subdomains; take one back first.", code="too_many_domains"
        )
    code = new_code("dom")
    try:
        number = store.insert(unit, code, name, f"{RETURN_LABEL}.{name}")
    except Conflict as error:
        raise Conflict(f"{name} is delegated already.", code="domain_taken", field="domain") from error
    unit.enqueue("check_sending_domain", number)
    record(unit, "sending_domain.delegated", "sending_domain", code, domain=name)
    return find_domain(unit, code)


def list_domains(unit: UnitOfWork) -> list[SendingDomain]:
    """The owner's domains; for the broker, everybody's."""
    unit.actor.require("owner", "broker")
    return store.domains(unit)


def find_domain(unit: UnitOfWork, code: str) -> SendingDomain:
    """One of them."""
    unit.actor.require("owner", "broker")
    found = store.domain_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no sending domain {code!r} of yours.")
    return found


def ask_check(unit: UnitOfWork, code: str) -> SendingDomain:
    """Have the records looked at now."""
    unit.actor.require("owner")
    found = find_domain(unit, code)
    store.ask_again(unit, found.id)
    unit.enqueue("check_sending_domain", found.id)
    return find_domain(unit, code)


def take_back(unit: UnitOfWork, code: str) -> None:
    """Use the domain for no new mailing; those that are planned keep it, and its returned mail is still taken."""
    unit.actor.require("owner")
    found = find_domain(unit, code)
    store.retire(unit, found.id)
    record(unit, "sending_domain.taken_back", "sending_domain", code, domain=found.domain)


def check_domain(
    database: Database, worker: WorkerKeys, settings: Settings, domain_id: int, ask: Ask = ask_dns
) -> None:
    """Job: look at the records, outside of any transaction, then write down what was seen and tell of a change."""
    with database.begin() as unit:
        found = store.locked(unit, domain_id)
    if found is None:
        return
    seen = look_up(records_of(found[0].domain, settings.mail), settings.mail, public_keys(worker, settings.mail), ask)
    with database.begin() as unit:
        now = store.locked(unit, domain_id)
        if now is None:
            return
        (domain, owner), before = now, now[0].state
        after = state_after(before, seen)
        store.write_seen(unit, domain_id, after, seen)
        if after == before:
            return
        record(unit, f"sending_domain.{after}", "sending_domain", domain.code, domain=domain.domain)
        if after == "green":
            notify(unit, "sending_domain.ready", owner, domain.code, domain=domain.domain)
        elif after == "broken":
            for org in (owner, None):
                notify(unit, "sending_domain.broken", org, domain.code, domain=domain.domain)


def ask_due_checks(unit: UnitOfWork) -> int:
    """Periodic: look again at what waits and, more rarely, at what is in order; how many."""
    numbers = store.due(unit, unit.now - AGAIN_WAITING, unit.now - AGAIN_SETTLED)
    for number in numbers:
        unit.enqueue("check_sending_domain", number)
    return len(numbers)


def public_keys(worker: WorkerKeys, mail: MailSettings) -> frozenset[str]:
    """The base64 of our DKIM keys as their records hold it (RFC 6376, 3.6.1)."""
    names = (f"{mail.sending_domain}:{selector}" for selector in selectors(mail))
    return frozenset(dkim_record(worker.dkim[name]).rpartition("p=")[2] for name in names if name in worker.dkim)
