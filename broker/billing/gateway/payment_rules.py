"""How an organisation may pay: the settings' ways, or its own; what happens to an order while a debit is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from broker.accounts.store import organisation_of
from broker.audit.record import record
from broker.billing.gateway import payment_rule_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.settings import Settings

METHODS = ("card", "sepa_debit")


@dataclass(frozen=True, slots=True)
class PaymentRule:
    """`methods` in the order shown; `debit`: while a debit is under way its order waits, or goes on credit."""

    methods: tuple[str, ...]
    debit: Literal["wait", "credit"]


def rule_of(unit: UnitOfWork, settings: Settings, org_id: int) -> PaymentRule:
    """The rule of an organisation by its id."""
    row = store.rule_of(unit, org_id)
    methods = settings.payment.methods if row is None else row.methods
    goes_on = (settings.payment.debit if row is None else row.debit) == "credit"
    return PaymentRule(tuple(one for one in METHODS if one in methods), "credit" if goes_on else "wait")


def find_rule(unit: UnitOfWork, settings: Settings, org_code: str = "") -> PaymentRule:
    """The rule of the acting advertiser, or, for broker and accountant, of the one named."""
    if not org_code:
        unit.actor.require("advertiser")
        return rule_of(unit, settings, unit.actor.org)
    unit.actor.require("broker", "accountant")
    return rule_of(unit, settings, _advertiser(unit, org_code))


def set_rule(unit: UnitOfWork, settings: Settings, org_code: str, methods: Sequence[str], debit: str) -> PaymentRule:
    """The broker says how an advertiser may pay. Raises `InvalidInput` (`bad_method`)."""
    unit.actor.require("broker")
    wrong = [one for one in methods if one not in METHODS]
    if wrong or not methods:
        named = ", ".join(METHODS)
        raise InvalidInput(
            f"There is no way to pay {wrong[0]!r}: name some of {named}." if wrong else f"Name some of {named}.",
            code="bad_method",
            field="methods",
        )
    if debit not in ("wait", "credit"):
        raise InvalidInput(
            "While a debit is under way an order can wait, or go on credit.", code="bad_method", field="debit"
        )
    advertiser = _advertiser(unit, org_code)
    store.set_rule(unit, advertiser, list(dict.fromkeys(methods)), debit)
    record(unit, "payment_rule.set", "organisation", org_code, methods=" ".join(methods), debit=debit)
    return rule_of(unit, settings, advertiser)


def _advertiser(unit: UnitOfWork, org_code: str) -> int:
    found = organisation_of(unit, org_code)
    if found is None or found.kind != "advertiser":
        raise NotFound(f"There is no advertiser {org_code!r}.", field="advertiser")
    return found.id
