"""The mail that carries a link to set a password: asked for here, sent by a worker."""

from __future__ import annotations

from typing import Literal

from broker.accounts import people_store
from broker.accounts.find_user import user_named
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

LETTER_SEAL = "account letter"
LetterKind = Literal["invitation", "password"]


def mail_link(unit: UnitOfWork, front: FrontKeys, email: str, kind: LetterKind, link: str) -> None:
    """Have the link mailed to the person. It is sealed for the workers: the database never holds a token that works."""
    unit.actor.require("broker")
    user = user_named(unit, email)
    if not people_store.queue_letter(unit, user.id, kind, seal_message(front, link.encode(), LETTER_SEAL)):
        raise Conflict("This person is deactivated: let them in again first.", code="user_inactive", field="email")
