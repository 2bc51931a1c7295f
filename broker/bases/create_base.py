"""Create a base."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import store
from broker.bases.model import CODE_FORM, Base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput


def create_base(unit: UnitOfWork, code: str, name: str, sector: str | None, contact_kind: str = "b2c") -> Base:
    """Create a base of the actor's organisation; its code stands in public addresses."""
    unit.actor.require("owner")
    if not CODE_FORM.fullmatch(code):
        raise InvalidInput(
            "A base's code is 2 to 40 lower-case letters, digits or '-', beginning with a letter or digit.",
            code="bad_code",
            field="code",
        )
    if not name.strip():
        raise InvalidInput("A base needs a name.", code="missing_name", field="name")
    if contact_kind not in ("b2c", "b2b"):
        raise InvalidInput(f"Contacts are b2c or b2b, not '{contact_kind}'.", code="bad_kind", field="contact_kind")
    base = store.add_base(unit, unit.actor.org, code, name.strip(), (sector or "").strip() or None, contact_kind)
    record(unit, "base.created", "base", base.code, contact_kind=contact_kind)
    return base
