"""An owner asks about one of its customers by its own reference; a worker answers (find_customer.py).

The front has no key that matches a reference, and needs none: it seals what was typed. The answer stands for HOLDS.
"""

from __future__ import annotations

from datetime import timedelta

from broker.audit.record import record
from broker.insight import store
from broker.insight.model import Lookup
from broker.insight.own_base import own_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

LOOKUP_SEAL = "customer lookup"
HOLDS = timedelta(hours=1)
LONGEST = 200


def ask_about_customer(unit: UnitOfWork, keys: FrontKeys, base_code: str, reference: str) -> str:
    """Ask; returns the code under which the answer will stand. Raises `not_found`, `missing_reference`."""
    base = own_base(unit, base_code)
    if not reference.strip() or len(reference) > LONGEST:
        raise InvalidInput(
            f"Type the customer's reference as your files have it (at most {LONGEST} characters).",
            code="missing_reference",
            field="reference",
        )
    code = new_code("cus")
    store.insert_lookup(unit, code, base.id, seal_message(keys, reference.strip().encode(), LOOKUP_SEAL))
    record(unit, "customer.looked_up", "base", base.code, lookup=code)
    return code


def customer_answer(unit: UnitOfWork, code: str) -> Lookup:
    """The question and, once it is there, its answer; raises `not_found` also when its hour is over."""
    unit.actor.require("owner")
    row = store.lookup_by_code(unit, code)
    if row is None or row.created_at < unit.now - HOLDS:
        raise NotFound("This page is kept for an hour: look the customer up again.", field="code")
    return Lookup(**row._mapping)
