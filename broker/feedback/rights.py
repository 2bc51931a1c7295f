"""Requests of persons about their data: the link that was mailed to them, and what their click confirms."""

from __future__ import annotations

from datetime import timedelta

from broker.feedback import rights_store as store
from broker.feedback.rights_store import RightsKind
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token, read_token

RIGHTS: dict[str, RightsKind] = {
    "access": "access",
    "erasure": "erasure",
    "portability": "portability",
    "correction": "correction",
}
_NUMBERS: dict[RightsKind, int] = {"access": 1, "erasure": 2, "portability": 3, "correction": 4}
LINK_HOLDS = timedelta(days=7)


def rights_token(front: FrontKeys, request_id: int, kind: RightsKind, base_id: int = 0) -> str:
    """The signed token of a request; it holds the request's number and kind, of a correction also the base."""
    return make_token(front, "rights", request_id, base_id, 0, _NUMBERS[kind])


def read_rights_token(front: FrontKeys, token: str) -> tuple[int, RightsKind]:
    """(request, kind) of a token; raises `InvalidInput` (`bad_token`)."""
    ref = read_token(front, "rights", token)
    for kind, number in _NUMBERS.items():
        if ref.link == number:
            return ref.dispatch_id, kind
    raise InvalidInput("This link is not one of ours, or not whole: copy it again from the mail.", code="bad_token")


def base_of_token(front: FrontKeys, token: str) -> int:
    """The base that a correction's token is about; 0 for the other kinds."""
    return read_token(front, "rights", token).mailing_id


def confirm_request(unit: UnitOfWork, request_id: int, kind: RightsKind) -> bool:
    """Confirm a request within seven days of its mail; again is the same. False when it is too late."""
    return store.confirm_request(unit, request_id, kind)


def forget_unconfirmed(unit: UnitOfWork) -> int:
    """Periodic: destroy the addresses of requests whose link is over, and say so in the logs."""
    store.answer_unconfirmed(unit, unit.now - LINK_HOLDS)
    return store.forget_unconfirmed(unit, unit.now - LINK_HOLDS)
