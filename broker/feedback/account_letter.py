"""Mails to people who log in: an invitation, or a link for a new password."""

from __future__ import annotations

from collections.abc import Callable

from broker.accounts.mail_link import LETTER_SEAL
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.feedback import account_store as store
from broker.feedback.letters import letter_words
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message

SENDER = "account"  # at the sending domain
Post = Callable[[WorkerKeys, MailSettings, Note], object]


def post_account_letter(
    database: Database, worker: WorkerKeys, settings: Settings, letter_id: int, post: Post = post_note
) -> None:
    """Job: mail the link and destroy it; no transaction is open while the relay is spoken to.

    Tried again while no relay answers (`Unavailable`). Run twice, or by two at once, it mails once; where a worker died
    in the middle the letter is mailed again.
    """
    with database.begin() as unit:
        letter = store.take_letter(unit, letter_id)
        now = unit.now
    if letter is None:
        return
    link = open_message(worker, bytes(letter.sealed), LETTER_SEAL).decode()
    subject, words = letter_words(letter.language, letter.kind)
    note = Note(
        to=letter.email,
        local=SENDER,
        from_name=settings.company.name,
        subject=subject.format(company=settings.company.name),
        text=words.format(name=letter.name, company=settings.company.name, organisation=letter.organisation, link=link),
        date=now,
    )
    try:
        post(worker, settings.mail, note)
    except ConnectionLost as error:
        with database.begin() as unit:
            store.put_back_letter(unit, letter_id)
        raise Unavailable("No relay takes the mail now; it is tried again.", code="no_relay") from error
    with database.begin() as unit:
        store.finish_letter(unit, letter_id)
