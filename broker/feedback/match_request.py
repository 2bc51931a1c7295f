"""What a person's request leads to. An objection: its fingerprint is suppressed, known or not. The others: a mail with
a link to confirm, if anybody knows the address; nothing otherwise. Whoever typed it learns neither.

Each request stands in the log of every controller concerned, with its deadline; one that concerns nobody stands in the
broker's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

from broker.audit.record import record
from broker.bases.compliance_model import ANSWER_MONTHS, months_after
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.feedback import rights_store, store
from broker.feedback.letters import letter_words
from broker.feedback.model import SendKey
from broker.feedback.object_by_address import REQUEST_SEAL, seal_address
from broker.feedback.rights import RIGHTS, rights_token
from broker.feedback.rights_store import Asked
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings, Settings
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message, open_row

REQUEST_SENDER = "privacy"  # at the sending domain
LINK_EVERY = timedelta(days=1)  # whoever types somebody else's address again and again does not fill his mailbox
MOST_BASES = 20  # links in one mail
Post = Callable[[WorkerKeys, MailSettings, Note], object]


def match_request(
    database: Database, worker: WorkerKeys, settings: Settings, request_id: int, post: Post = post_note
) -> None:
    """Job: open the address and do what was asked. Twice is once.

    An objection also holds for an address that no base has yet: it may be imported tomorrow.
    """
    with database.begin() as unit:
        asked = rights_store.lock_asked(unit, request_id)
        if asked is None:
            return
        address = _address(unit, worker, asked)
        if address is None:
            store.finish_typed_request(unit, request_id)
        elif asked.kind == "objection":
            _object(unit, worker, asked, address)
            store.finish_typed_request(unit, request_id)
        elif not _mail_link(unit, worker, settings, asked, address, post):
            store.finish_typed_request(unit, request_id)
        record(unit, "request.matched", "typed_request", request_id, kind=asked.kind)


def opened_request(worker: WorkerKeys, sealed: bytes) -> str:
    """The address that was typed."""
    return open_message(worker, sealed, REQUEST_SEAL).decode().strip()


def keys_of(worker: WorkerKeys, address: str) -> list[bytes]:
    """The contact keys of an address under every pepper."""
    return [contact_keys(worker, [address], version)[0] for version in worker.peppers]


def _address(unit: UnitOfWork, worker: WorkerKeys, asked: Asked) -> str | None:
    """The typed address; by a mail's link that of its send, sealed now for the answer. None once erased."""
    if asked.sealed is not None:
        return opened_request(worker, asked.sealed)
    if asked.send is None:
        return None
    writer = store.writer_of(unit, SendKey(*asked.send))
    if writer is None:
        return None
    contact = writer.contact
    secret = data_key(unit, worker, contact.base_id, contact.key_version)
    opened = open_row(secret, contact.base_id, contact.key_version, contact.contact_id, contact.sealed)
    address = str(json.loads(opened)["email"])
    rights_store.keep_address(unit, asked.id, seal_address(worker.front, address), writer.base_code)
    return address


def _object(unit: UnitOfWork, worker: WorkerKeys, asked: Asked, address: str) -> None:
    """Suppressed under every pepper. A scope that names nothing here (a base that is gone, a partner from outside)
    becomes the next wider one: a wish to hear less is never lost.
    """
    base_id = rights_store.base_id(unit, asked.base_code) if asked.scope != "everywhere" else None
    advertiser_id = None
    if asked.scope == "advertiser" and base_id is not None:
        advertiser_id = rights_store.advertiser_named(unit, base_id, asked.partner)
    evidence = f"request {asked.id}"
    for version in worker.peppers:
        (key,) = contact_keys(worker, [address], version)
        if advertiser_id is not None:
            suppress(unit, key, version, "advertiser", "objection", advertiser_id=advertiser_id, evidence=evidence)
        elif base_id is not None:
            suppress(unit, key, version, "base", "objection", base_id=base_id, evidence=evidence)
        else:
            suppress(unit, key, version, "everywhere", "objection", evidence=evidence)
    _log(unit, asked, keys_of(worker, address), base_id)
    rights_store.answer_logged(unit, asked.id, "granted")


def _mail_link(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, asked: Asked, address: str, post: Post
) -> bool:
    """Mail the link to a known address; False where there is nothing to mail or one was mailed lately."""
    keys = keys_of(worker, address)
    language = rights_store.language_of(unit, keys)
    if language is None:
        _log(unit, asked, keys, None)
        return False
    if not store.may_answer(unit, keys[0], unit.now - LINK_EVERY, asked.kind):
        return False
    _log(unit, asked, keys, None)
    right = RIGHTS[asked.kind]
    subject, words = letter_words(language, f"confirm_{right}")
    bases = rights_store.bases_of(unit, keys)[:MOST_BASES] if right == "correction" else []
    links = "\n\n".join(
        f"{base.owner_name}, {base.base_name} :\n{_link(worker, settings, asked.id, right, base.id, language)}"
        for base in bases
    ) or _link(worker, settings, asked.id, right, 0, language)
    note = Note(
        to=address,
        local=REQUEST_SENDER,
        from_name=settings.company.name,
        subject=subject,
        text=words.format(company=settings.company.name, link=links),
        date=unit.now,
    )
    try:
        post(worker, settings.mail, note)
    except ConnectionLost as error:
        raise Unavailable("No relay takes the mail now; it is tried again.", code="no_relay") from error
    rights_store.mark_mailed(unit, asked.id)
    return True


def _link(
    worker: WorkerKeys, settings: Settings, request_id: int, right: rights_store.RightsKind, base_id: int, language: str
) -> str:
    token = rights_token(worker.front, request_id, right, base_id)
    return f"{settings.web.public_url}/rights/{token}?l={language}"


def _log(unit: UnitOfWork, asked: Asked, keys: Sequence[bytes], base_id: int | None) -> None:
    """The request in each concerned controller's log (art. 12(3) GDPR); nobody's is noted with the broker, answered."""
    today = unit.today
    due = months_after(today, ANSWER_MONTHS)
    concerned = rights_store.controllers_of(unit, keys, base_id)
    for org_id in concerned or rights_store.broker_ids(unit):
        rights_store.log_asked(unit, asked.id, org_id, new_code("req"), asked.kind, today, due, known=bool(concerned))
