"""Let an owner, an advertiser or an agency in: the organisation and its first person, who is invited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from broker.accounts import store
from broker.accounts.create_organisation import create_organisation
from broker.accounts.invite import invite_user
from broker.accounts.legal_facts import checked_legal
from broker.accounts.model import Language, Organisation, OrganisationKind, User, UserRole
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput

OPENED: tuple[OrganisationKind, ...] = ("owner", "advertiser", "agency")
LONGEST = 200


def open_organisation(
    unit: UnitOfWork,
    kind: str,
    name: str,
    legal: Mapping[str, str],
    *,
    email: str,
    person: str,
    language: str = "fr",
) -> tuple[Organisation, User, str]:
    """(organisation, its first person, the token of the invitation); the caller has the link mailed (`mail_link`).

    Raises `InvalidInput` naming the field, `Conflict` (`siren_taken`, `email_taken`).
    """
    unit.actor.require("broker")
    if kind not in OPENED:
        raise InvalidInput(f"Choose one of {', '.join(OPENED)}, not '{kind[:30]}'.", code="bad_org_kind", field="kind")
    if language not in get_args(Language):
        raise InvalidInput("The language is fr or en.", code="bad_language", field="language")
    if not name.strip():
        raise InvalidInput("An organisation needs a name.", code="missing_name", field="name")
    for key, value in (("name", name), ("person", person), *legal.items()):
        if len(value) > LONGEST:
            raise InvalidInput(f"At most {LONGEST} characters.", code="text_too_long", field=key)
    if not person.strip():
        raise InvalidInput("Say who the first person is.", code="missing_name", field="person")
    facts = checked_legal(legal)
    there = store.organisation_with_siren(unit, kind, facts.get("siren", ""))
    if there is not None:
        raise Conflict(
            f"{there.name} ({there.code}) is the {kind} of this SIREN already: invite the person there.",
            code="siren_taken",
            field="siren",
        )
    made = create_organisation(unit, kind, name, **facts, language=language)
    user, token = invite_user(unit, made.code, email, person, cast("UserRole", kind), cast("Language", language))
    return made, user, token
