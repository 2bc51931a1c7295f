"""A courteous answer to a person's letter; nothing of the letter is kept.

It goes to the address that the mail went to, which only the vault knows: a letter with a forged sender leads to no mail
to a stranger. It is given once: who may get one is written before it leaves, and a lost answer is not sent again.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

from broker.delivery.post_letter import Note
from broker.feedback import store
from broker.feedback.letters import letter_words
from broker.feedback.model import SendKey
from broker.feedback.returned.addresses import addresses_of, is_machine
from broker.feedback.returned.opened import OpenedMail
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.vault.data_keys import data_key
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_row
from broker.vault.tokens import make_token

_ANSWERABLE = re.compile(r"[!-;=?A-~]{1,64}@[A-Za-z0-9.-]+").fullmatch
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}>").search


def is_from_a_person(mail: OpenedMail) -> bool:
    """Whether a letter may be answered at all (RFC 3834 section 2)."""
    submitted = mail.header("auto-submitted").lower().partition(";")[0].strip()
    writers = addresses_of(mail.headers, "from")
    return not (
        submitted not in ("", "no")
        or mail.header("precedence").lower() in ("bulk", "list", "junk", "auto_reply", "auto-reply")
        or mail.header("return-path").strip() == "<>"
        or any(name.startswith("list-") for name in mail.headers)
        or "x-auto-response-suppress" in mail.headers
        or not writers
        or is_machine(writers[0])
    )


def prepare_answer(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, mail: OpenedMail, key: SendKey
) -> Note | None:
    """The answer to a letter about a send, if one is due; noted as given in this transaction."""
    if not is_from_a_person(mail):
        return None
    writer = store.writer_of(unit, key)
    if writer is None:
        return None
    contact = writer.contact
    secret = data_key(unit, worker, contact.base_id, contact.key_version)
    opened = open_row(secret, contact.base_id, contact.key_version, contact.contact_id, contact.sealed)
    address = str(json.loads(opened)["email"])
    since = unit.now - timedelta(days=settings.mailin.answer_days)
    if _ANSWERABLE(address) is None or not store.may_answer(unit, writer.contact_key, since):
        return None
    subject, text = letter_words(writer.language, "answer")
    public = settings.web.public_url
    leave = make_token(worker.front, "leave", key.dispatch_id, key.mailing_id, key.position)
    answered = _MESSAGE_ID(mail.header("message-id"))
    return Note(
        to=address,
        local=writer.base_code,
        from_name=writer.owner_name,
        subject=subject,
        text=text.format(
            owner=writer.owner_name,
            advertiser=writer.advertiser_name,
            advertiser_address=", ".join(filter(None, (writer.advertiser_name, writer.advertiser_place))),
            leave_url=f"{public}/u/{leave}",
            partners_url=f"{public}/partners/{writer.base_code}",
        ),
        date=unit.now,
        answers=(answered[0],) if answered else (f"<{leave}@{settings.mail.sending_domain}>",),
    )
