"""Create an organisation."""

from __future__ import annotations

from typing import get_args

from broker.accounts import store
from broker.accounts.model import LEGAL_FIELDS, Organisation, OrganisationKind
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.ids import new_code


def create_organisation(unit: UnitOfWork, kind: OrganisationKind, name: str, **legal: str) -> Organisation:
    """Create a base owner, an advertiser, an agency or the broker; `legal` holds keys of `LEGAL_FIELDS`."""
    unit.actor.require("broker")
    if kind not in get_args(OrganisationKind):
        known = ", ".join(get_args(OrganisationKind))
        raise InvalidInput(f"An organisation is one of {known}, not {kind!r}.", code="bad_kind", field="kind")
    if not name.strip():
        raise InvalidInput("An organisation needs a name.", code="missing_name", field="name")
    for key in legal:
        if key not in LEGAL_FIELDS:
            raise InvalidInput(
                f"An organisation has no field {key!r}; known: {', '.join(LEGAL_FIELDS)}.",
                code="unknown_field",
                field=key,
            )
    organisation = store.add_organisation(unit, new_code("org"), kind, name.strip(), legal)
    record(unit, "organisation.created", "organisation", organisation.code, kind=kind)
    return organisation
