"""What a typed address leads to. An objection: its fingerprint is suppressed, known or not. Access or erasure: a mail
with a link to confirm, if anybody knows the address; nothing otherwise. Whoever typed it learns neither.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from broker.audit.record import record
from broker.delivery.post_letter import Note, post_note
from broker.delivery.transport import ConnectionLost
from broker.feedback import rights_store, store
from broker.feedback.letters import letter_words
from broker.feedback.object_by_address import REQUEST_SEAL
from broker.feedback.rights import RIGHTS, rights_token
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.settings import MailSettings, Settings
from broker.suppression.suppress import suppress
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message

REQUEST_SENDER = "privacy"  # at the sending domain
LINK_EVERY = timedelta(days=1)  # whoever types somebody else's address again and again does not fill his mailbox
Post = Callable[[WorkerKeys, MailSettings, Note], object]


def match_request(
    database: Database, worker: WorkerKeys, settings: Settings, request_id: int, post: Post = post_note
) -> None:
    """Job: open the address and do what was asked. Twice is once.

    An objection also holds for an address that no base has yet: it may be imported tomorrow.
    """
    with database.begin() as unit:
        found = store.lock_typed_request(unit, request_id)
        if found is None:
            return
        kind, _, sealed = found
        address = opened_request(worker, sealed)
        if kind == "objection":
            for version in worker.peppers:
                (key,) = contact_keys(worker, [address], version)
                suppress(unit, key, version, "everywhere", "objection", evidence=f"request {request_id}")
            store.finish_typed_request(unit, request_id)
        elif not _mail_link(unit, worker, settings, request_id, kind, address, post):
            store.finish_typed_request(unit, request_id)
        record(unit, "request.matched", "typed_request", request_id, kind=kind)


def opened_request(worker: WorkerKeys, sealed: bytes) -> str:
    """The address that was typed."""
    return open_message(worker, sealed, REQUEST_SEAL).decode().strip()


def keys_of(worker: WorkerKeys, address: str) -> list[bytes]:
    """The contact keys of an address under every pepper."""
    return [contact_keys(worker, [address], version)[0] for version in worker.peppers]


def _mail_link(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, request_id: int, kind: str, address: str, post: Post
) -> bool:
    """Mail the link to a known address; False where there is nothing to mail or one was mailed lately."""
    keys = keys_of(worker, address)
    language = rights_store.language_of(unit, keys)
    if language is None or not store.may_answer(unit, keys[0], unit.now - LINK_EVERY, kind):
        return False
    right = RIGHTS[kind]
    subject, words = letter_words(language, f"confirm_{right}")
    link = f"{settings.web.public_url}/rights/{rights_token(worker.front, request_id, right)}?l={language}"
    note = Note(
        to=address,
        local=REQUEST_SENDER,
        from_name=settings.company.name,
        subject=subject,
        text=words.format(company=settings.company.name, link=link),
        date=unit.now,
    )
    try:
        post(worker, settings.mail, note)
    except ConnectionLost as error:
        raise Unavailable("No relay takes the mail now; it is tried again.", code="no_relay") from error
    rights_store.mark_mailed(unit, request_id)
    return True
