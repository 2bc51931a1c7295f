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
    """Job: mail the link and destroy it. Tried again while no relay answers (`Unavailable`); twice is once."""
    with database.begin() as unit:
        letter = store.lock_letter(unit, letter_id)
        if letter is None:
            return
        link = open_message(worker, bytes(letter.sealed), LETTER_SEAL).decode()
        subject, words = letter_words(letter.language, letter.kind)
        note = Note(
            to=letter.email,
            local=SENDER,
            from_name=settings.company.name,
            subject=subject.format(company=settings.company.name),
            text=words.format(
                name=letter.name, company=settings.company.name, organisation=letter.organisation, link=link
            ),
            date=unit.now,
        )
        try:
            post(worker, settings.mail, note)
        except ConnectionLost as error:
            raise Unavailable("No relay takes the mail now; it is tried again.", code="no_relay") from error
        store.finish_letter(unit, letter_id)
