"""An advertiser changes what may change in an open programme. Prices do not: open another one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from broker.audit.record import record
from broker.catalogue import programme_store as store
from broker.catalogue.offer_model import JOINING, Joining, JoinRules
from broker.catalogue.programme_model import Programme
from broker.catalogue.programmes import find_programme
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound

SECRET_OVERLAP = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class ProgrammeChange:
    """What is to be otherwise; None: as it is. 0 takes a cap away."""

    terms: str | None = None
    joining: Joining | None = None
    join_rules: JoinRules | None = None
    budget_cents: int | None = None
    day_cap_cents: int | None = None
    owner_cap_cents: int | None = None
    ends_on: date | None = None


def change_programme(unit: UnitOfWork, code: str, change: ProgrammeChange) -> Programme:
    """Change terms, joining, budget, caps or last day. New terms make a new version, which each owner accepts before
    its next send. A budget never falls below what is used. Raises `InvalidInput` naming the field, `Conflict`."""
    programme = own_programme(unit, code)
    if programme.state != "open":
        raise Conflict("This programme is closed.", code="programme_closed")
    values: dict[str, object] = {}
    if change.terms is not None and change.terms.strip() != programme.terms:
        values |= {"terms": change.terms.strip(), "terms_version": programme.terms_version + 1}
    if change.joining is not None:
        if change.joining not in JOINING:
            raise InvalidInput(f"Owners join: {', '.join(JOINING)}.", code="bad_joining", field="joining")
        values["joining"] = change.joining
    if change.join_rules is not None:
        values["join_rules"] = json.dumps(change.join_rules.as_json())
    if change.budget_cents is not None:
        least = -(-sum(store.use_of(unit, programme.id)) // 10_000)
        if change.budget_cents < max(1, least):
            raise InvalidInput(
                f"{least} cents of the budget are used or reserved: it cannot fall below them.",
                code="budget_used",
                field="budget_cents",
            )
        values["budget_cents"] = change.budget_cents
    for name in ("day_cap_cents", "owner_cap_cents"):
        cap = getattr(change, name)
        if cap is not None:
            if cap < 0:
                raise InvalidInput("A cap is positive; 0 takes it away.", code="bad_cap", field=name)
            values[name] = cap or None
    if change.ends_on is not None:
        if change.ends_on < max(unit.today, programme.starts_on):
            raise InvalidInput("The last day cannot lie in the past.", code="bad_days", field="ends_on")
        values["ends_on"] = change.ends_on
    if values:
        store.change_programme(unit, programme.id, **values)
        record(unit, "programme.changed", "programme", code, changed=", ".join(sorted(values)))
    return find_programme(unit, code)


def renew_secret(unit: UnitOfWork, code: str, key_version: int) -> None:
    """Make a new secret for the programme's postbacks; the former one is good for two days more."""
    programme = own_programme(unit, code)
    secret = store.secret_of(unit, programme.id)
    assert secret is not None
    until = unit.now + SECRET_OVERLAP if key_version == secret.postback_key else None
    store.change_programme(
        unit,
        programme.id,
        postback_version=secret.postback_version + 1,
        postback_key=key_version,
        former_postback_until=until,
    )
    record(unit, "programme.secret_renewed", "programme", code)


def own_programme(unit: UnitOfWork, code: str) -> Programme:
    """A programme of the acting advertiser."""
    unit.actor.require("advertiser")
    programme = find_programme(unit, code)
    if unit.actor.role == "advertiser" and programme.advertiser_id != unit.actor.org:
        raise NotFound(f"There is no programme {code!r} of yours.")
    return programme
