"""The chart of accounts (plan comptable général): accounts are added and named; none is ever taken out."""

from __future__ import annotations

import re

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.ledger import store


def add_account(unit: UnitOfWork, number: str, label_fr: str, label_en: str = "") -> None:
    """Add an account. Raises `InvalidInput` (`bad_account`, `bad_label`), `Conflict` (`account_known`)."""
    unit.actor.require("accountant", "broker")
    if not re.fullmatch(r"[1-8][0-9]{2,9}", number):
        raise InvalidInput(
            "An account has 3 to 10 digits and begins with its class, 1 to 8: 411, 627100.",
            code="bad_account",
            field="number",
        )
    label = _label(label_fr)
    if not store.insert_account(unit, number, label, _label(label_en or label_fr)):
        raise Conflict(f"The account {number} is in the chart already.", code="account_known", field="number")
    record(unit, "account.added", "ledger_account", number)


def rename_account(unit: UnitOfWork, number: str, label_fr: str, label_en: str = "") -> None:
    """Name an account anew: exports made later show the new name; entries keep their number."""
    unit.actor.require("accountant", "broker")
    if not store.rename_account(unit, number, _label(label_fr), _label(label_en or label_fr)):
        raise NotFound(f"There is no account {number!r} in the chart.", field="number")
    record(unit, "account.renamed", "ledger_account", number)


def _label(text: str) -> str:
    plain = " ".join(text.replace("|", " ").split())
    if not 1 <= len(plain) <= 100:
        raise InvalidInput("An account's name has 1 to 100 letters.", code="bad_label", field="label")
    return plain
