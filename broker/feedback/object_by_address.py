"""What a person asks by a typed address, or by the link of a mail: stored here, matched by a worker.

A typed address is sealed at once and answered the same, by the same work, whether anybody knows it or not: one
statement stores the request and its job, and no other is asked.
"""

from __future__ import annotations

import re

from broker.feedback import rights_store as store
from broker.feedback.model import SCOPES, Scope, SendKey
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message
from broker.vault.tokens import TokenRef

KINDS = ("objection", "access", "portability", "correction", "erasure")
BY_LINK = ("access", "portability", "correction", "erasure")  # objecting is the leaving page's
REQUEST_SEAL = "typed request"
_LONGEST = 254  # RFC 5321 section 4.5.3.1.3
_SHAPE = re.compile(r"[^@\s<>\"',;:\\]{1,64}@[^@\s<>\"',;:\\]+\.[^@\s<>\"',;:\\.]{2,}")
# Sealed texts of one length tell nothing of what was typed.
_PADDED = 320


def object_by_address(
    unit: UnitOfWork,
    front: FrontKeys,
    address: str,
    kind: str = "objection",
    *,
    scope: str = "everywhere",
    base_code: str = "",
    partner: str = "",
) -> None:
    """Seal the address and have it matched: no more commercial mail to it, in a scope.

    `base` and `advertiser` need the code of the base that the page was about; the advertiser is named as on the base's
    partner list. The other kinds lead to a mail with a link to confirm, if the address is known.

    Only the shape is checked (`bad_address`): what the database knows plays no part, not even in the time it takes.
    """
    if kind not in KINDS:
        raise InvalidInput(
            "Choose objection, access, portability, correction or erasure.", code="bad_kind", field="kind"
        )
    chosen = _scope(scope if base_code else "everywhere")
    if chosen == "advertiser" and not partner.strip():
        raise InvalidInput("Choose the company that you no longer want to hear from.", code="bad_scope", field="scope")
    typed = address.strip()
    if len(typed.encode()) > _LONGEST or not _SHAPE.fullmatch(typed):
        raise InvalidInput("Write one whole e-mail address.", code="bad_address", field="address")
    sealed = seal_address(front, typed)
    store.store_request(unit, kind, chosen, base_code, partner.strip() if chosen == "advertiser" else "", sealed, None)


def ask_by_link(unit: UnitOfWork, ref: TokenRef, kind: str, scope: str = "base") -> None:
    """A request by the signed link of a mail: the send names the person, and the answer goes to its address alone."""
    if kind not in BY_LINK:
        raise InvalidInput("Choose access, portability, correction or erasure.", code="bad_kind", field="kind")
    key = SendKey(ref.dispatch_id, ref.mailing_id, ref.position)
    store.store_request(unit, kind, _scope(scope), "", "", None, key)


def seal_address(front: FrontKeys, address: str) -> bytes:
    """The address as a request keeps it."""
    return seal_message(front, address.encode().ljust(_PADDED), REQUEST_SEAL)


def _scope(given: str) -> Scope:
    for scope in SCOPES:
        if given == scope:
            return scope
    raise InvalidInput("Choose this base, this advertiser or everything.", code="bad_scope", field="scope")
