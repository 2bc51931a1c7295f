"""Workers make DKIM keys, look whether their records are published, let them sign, and destroy them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from broker.audit.record import record
from broker.delivery import dkim_store as store
from broker.delivery.dkim_keys import DkimKey, dkim_record, list_dkim_keys, published
from broker.delivery.dkim_model import KeptKey
from broker.delivery.dkim_rotation import check_wish
from broker.delivery.look_up_records import Ask, ask_dns
from broker.delivery.sending_domain import selectors
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import FrontKeys, WorkerKeys, new_dkim_key
from broker.vault.open import open_message
from broker.vault.seal import seal_message

LOOK_EVERY = timedelta(hours=6)
LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Signing:
    """What workers sign with at this moment: the ring with the keys of the rows, and the selector in use."""

    database: Database
    ring: Callable[[], WorkerKeys]
    settings: Settings

    def keys(self) -> WorkerKeys:
        """The ring; where a selector has a key in the rows too, that one, being newer."""
        worker = self.ring()
        with self.database.begin() as unit:
            rows = store.private_keys(unit)
        if not rows:
            return worker
        made = {
            f"{row.domain}:{row.selector}": open_message(
                worker, bytes(row.sealed), _seal_of(row.domain, row.selector)
            ).decode()
            for row in rows
        }
        return replace(worker, dkim={**worker.dkim, **made})

    def now(self) -> Settings:
        """The settings, `mail.dkim_selector` being the selector that signs.

        A key of another pair than the settings name was left by hand: what the settings name signs.
        """
        mail = self.settings.mail
        with self.database.begin() as unit:
            selector = store.signing_selector(unit, mail.sending_domain)
        if selector not in selectors(mail):
            return self.settings
        return replace(self.settings, mail=replace(mail, dkim_selector=selector))

    def list(self) -> list[DkimKey]:
        """The keys of ring and rows, by domain and selector; `signs` is what mail is signed with at this moment."""
        return list_dkim_keys(self.keys(), self.now().mail)


def tend_dkim_key(database: Database, worker: WorkerKeys, settings: Settings, key_id: int, ask: Ask = ask_dns) -> None:
    """Job: make what is not made, look at the record, carry out the wish if it still can be. Twice is once."""
    with database.begin() as unit:
        key = store.lock_key(unit, key_id)
        if key is None:
            return
        if not key.public_key:
            _make(unit, worker.front, key)
            key = store.lock_key(unit, key_id)
            assert key is not None
    finding, found = _look(key, ask)  # outside of any transaction
    with database.begin() as unit:
        store.lock_key(unit, key_id)
        store.write_seen(unit, key_id, finding, found)
        now = store.lock_key(unit, key_id)
        if now is not None and now.wish:
            _carry_out(unit, now)


def ask_due_keys(unit: UnitOfWork, worker: WorkerKeys, mail: MailSettings) -> int:
    """Periodic: look at records again; how many.

    The ring's key is noted where none is, or where the settings name another pair than that of the key that signs.
    """
    pem = worker.dkim.get(f"{mail.sending_domain}:{mail.dkim_selector}")
    if pem is not None:
        public = dkim_record(pem).rpartition("p=")[2]
        if store.leave_other_pair(unit, mail.sending_domain, selectors(mail)):
            record(unit, "dkim.left_by_hand", "key", f"{mail.sending_domain}:{mail.dkim_selector}")
        store.note_ring_key(unit, new_code("dkim"), mail.sending_domain, mail.dkim_selector, public)
    numbers = store.due_keys(unit, unit.now - LOOK_EVERY)
    for number in numbers:
        unit.enqueue("tend_dkim_key", number)
    return len(numbers)


def _make(unit: UnitOfWork, front: FrontKeys, key: KeptKey) -> None:
    pem = new_dkim_key()
    public = dkim_record(pem).rpartition("p=")[2]
    store.write_made(unit, key.id, public, seal_message(front, pem.encode(), _seal_of(key.domain, key.selector)))
    record(unit, "dkim.made", "dkim_key", key.code, selector=key.selector)


def _look(key: KeptKey, ask: Ask) -> tuple[str, str]:
    texts = ask(key.published.name, "TXT")
    if texts is None:
        return "unanswered", ""
    wrong = published(key.published.record, texts)
    if wrong is None:
        return "ok", ""
    return ("wrong" if texts else "missing"), "; ".join(texts)[:LONGEST_SHOWN]


def _carry_out(unit: UnitOfWork, key: KeptKey) -> None:
    store.end_wish(unit, key.id)
    if key.wish == "look":
        return
    try:
        check_wish(unit, key, key.wish)
    except Conflict as refusal:
        record(unit, f"dkim.{key.wish}_refused", "dkim_key", key.code, reason=refusal.code)
        return
    if key.wish == "sign":
        store.let_sign(unit, key.id, key.domain)
        record(unit, "dkim.signs", "dkim_key", key.code, selector=key.selector)
    else:
        store.retire(unit, key.id)
        record(unit, "dkim.retired", "dkim_key", key.code, selector=key.selector)


def _seal_of(domain: str, selector: str) -> str:
    return f"dkim {domain} {selector}"
