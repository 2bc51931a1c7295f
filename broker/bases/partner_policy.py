"""Which partners may reach whom: a base's policy, changed only by a person who signs for the controller.

DOMAIN section 4; the three policies are told apart in broker/audience/partners.py. What is signed is a whole text, kept
with the change and in the audit.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from broker.audit.record import record
from broker.bases import partner_store as store
from broker.bases.find_base import find_base
from broker.bases.model import Base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput

POLICIES = ("named_at_consent", "named_after_notice", "category")
TEXTS = Path(__file__).parent / "data" / "policy_statements.toml"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One change: from what to what, the text that was signed, by whom and when."""

    from_policy: str
    to_policy: str
    statement: str
    signed_by: str
    at: datetime


def statement_of(unit: UnitOfWork, base: Base, policy: str, language: str, wait_days: int) -> str:
    """The text that is signed for a policy of a base."""
    texts = _texts().get(language, _texts()["fr"])
    return texts[policy].format(owner=store.owner_name(unit, base.id), base=base.name, days=wait_days)


def change_partner_policy(
    unit: UnitOfWork, base_code: str, policy: str, signature: str, language: str, wait_days: int
) -> Base:
    """Sign for another policy. `signature` is the signer's own name, typed under the text.

    Raises `Forbidden` (`may_not_sign`) for whoever has no right to sign for the controller; the database refuses it,
    too. Counts follow at once.
    """
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    if policy not in POLICIES:
        raise InvalidInput(f"A policy is one of {', '.join(POLICIES)}.", code="bad_policy", field="policy")
    if policy == base.partner_policy:
        raise Conflict("This policy is in force already.", code="policy_in_force")
    if _plain(signature) != _plain(unit.actor.name):
        raise InvalidInput("Sign with your name as it stands in your account.", code="bad_signature", field="signature")
    statement = statement_of(unit, base, policy, language, wait_days)
    former = store.change_policy(unit, base.id, policy, statement)
    if former is None:
        raise Forbidden(
            "Only a person who signs for the controller changes the policy. The broker notes who that is.",
            code="may_not_sign",
        )
    record(unit, "partner_policy.signed", "base", base.code, former=former, policy=policy, statement=statement)
    return find_base(unit, base_code)


def list_policy_changes(unit: UnitOfWork, base_code: str) -> list[PolicyChange]:
    """Every change, the newest first."""
    return [PolicyChange(**row._mapping) for row in store.policy_changes(unit, find_base(unit, base_code).id)]


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


@cache
def _texts() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return table
