"""An objection by typed address: sealed here, matched by a worker, answered the same whether known or not."""

from __future__ import annotations

import re

from broker.feedback import store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

KINDS = ("objection", "access", "erasure")
REQUEST_SEAL = "typed request"
_LONGEST = 254  # RFC 5321 section 4.5.3.1.3
_SHAPE = re.compile(r"[^@\s<>\"',;:\\]{1,64}@[^@\s<>\"',;:\\]+\.[^@\s<>\"',;:\\.]{2,}")
# Sealed texts of one length tell nothing of what was typed.
_PADDED = 320


def object_by_address(unit: UnitOfWork, front: FrontKeys, address: str, kind: str = "objection") -> None:
    """Seal the address and have it matched: no more commercial mail to it from any base.

    The kinds `access` and `erasure` lead to a mail with a link to confirm instead, if the address is known.

    Only the shape is checked (`bad_address`): what the database knows plays no part, not even in the time it takes.
    """
    if kind not in KINDS:
        raise InvalidInput("Choose objection, access or erasure.", code="bad_kind", field="kind")
    typed = address.strip()
    if len(typed.encode()) > _LONGEST or not _SHAPE.fullmatch(typed):
        raise InvalidInput("Write one whole e-mail address.", code="bad_address", field="address")
    sealed = seal_message(front, typed.encode().ljust(_PADDED), REQUEST_SEAL)
    store.store_typed_request(unit, kind, "", sealed)
