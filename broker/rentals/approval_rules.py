"""An owner writes the rules by which orders are answered without it, and what it asks of every order."""

from __future__ import annotations

from collections.abc import Sequence

from broker.audit.record import record
from broker.bases.store import advertisers_by_code
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import cpm_cents_to_micros
from broker.kernel.paging import Page
from broker.rentals import approval_store as store
from broker.rentals.approval_model import ApprovalPolicy, ApprovalRule, Effect, clean_domain
from broker.rentals.find import find_order

MOST_RULES = 200
MOST_VALUES = 1_000


def write_rule(
    unit: UnitOfWork,
    effect: Effect,
    title: str,
    *,
    advertisers: Sequence[str] = (),
    sectors: Sequence[str] = (),
    domains: Sequence[str] = (),
    least_cpm_cents: int | None = None,
    most_volume: int | None = None,
    reason: str = "",
    base_code: str = "",
) -> ApprovalRule:
    """A rule that answers orders from now on; those that wait already wait on for a person.

    Refusals go by advertisers, sectors and domains, and tell `reason` to the advertiser; approvals by advertisers,
    sectors, a price floor (per thousand, net) and a volume. Raises `InvalidInput` naming the field.
    """
    unit.actor.require("owner")
    title, reason = title.strip(), reason.strip()
    if effect not in ("refuse", "approve"):
        raise InvalidInput("A rule refuses or approves.", code="bad_effect", field="effect")
    if not 1 <= len(title) <= 120:
        raise InvalidInput("Name the rule in 1 to 120 characters.", code="missing_title", field="title")
    named = {
        "advertisers": _known_advertisers(unit, advertisers),
        "sectors": _tidy(sectors),
        "domains": sorted({clean_domain(text) for text in _tidy(domains)}),
    }
    limits = {"least_price_micros": None, "most_volume": most_volume}
    if least_cpm_cents is not None:
        limits["least_price_micros"] = cpm_cents_to_micros(least_cpm_cents)
    _check(effect, named, limits, reason)
    base_id = None
    if base_code:
        base_id = store.base_of_owner(unit, base_code)
        if base_id is None:
            raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    if len(store.rules_of(unit, unit.actor.org)) >= MOST_RULES:
        raise Conflict(f"There are {MOST_RULES} rules already: stop some of them first.", code="too_many_rules")
    code = new_code("rule")
    values = {**named, **limits, "effect": effect, "title": title, "reason": reason, "base_id": base_id}
    store.insert_rule(unit, code, values)
    record(unit, "approval_rule.written", "approval_rule", code, effect=effect)
    return find_rule(unit, code)


def stop_rule(unit: UnitOfWork, code: str) -> ApprovalRule:
    """Stop a rule; what it decided stays. It is not edited either: stop it and write another."""
    unit.actor.require("owner")
    rule = find_rule(unit, code)
    if not rule.active:
        raise Conflict("This rule is stopped already.", code="rule_stopped")
    store.stop_rule(unit, rule.id)
    record(unit, "approval_rule.stopped", "approval_rule", code)
    return find_rule(unit, code)


def find_rule(unit: UnitOfWork, code: str) -> ApprovalRule:
    """One of the acting owner's rules."""
    rule = store.rule_by_code(unit, unit.actor.org, code)
    if rule is None:
        raise NotFound(f"There is no rule {code!r}.")
    return rule


def list_rules(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[ApprovalRule]:
    """The acting owner's rules in the order in which they are tried, those it stopped last."""
    unit.actor.require("owner")
    return store.rules_page(unit, unit.actor.org, page, size)


def sender_of(unit: UnitOfWork, order_code: str) -> tuple[str, str]:
    """(code, name) of the advertiser of an order, to write a rule about it."""
    unit.actor.require("owner")
    order = find_order(unit, order_code)
    return store.advertiser_code(unit, order.id) or "", order.advertiser_name


def find_policy(unit: UnitOfWork) -> ApprovalPolicy:
    """What the acting owner asks of every order."""
    unit.actor.require("owner")
    return store.policy_of(unit, unit.actor.org)


def set_policy(unit: UnitOfWork, *, signed_orders: bool, grace_days: int) -> ApprovalPolicy:
    """Ask for signed orders or not; how many working days after the due day an unanswered order expires."""
    unit.actor.require("owner")
    if not 0 <= grace_days <= 30:
        raise InvalidInput(
            "An order expires 0 to 30 working days after its due day.", code="bad_days", field="grace_days"
        )
    policy = ApprovalPolicy(signed_orders, grace_days)
    store.set_policy(unit, policy)
    record(unit, "approval_policy.set", "organisation", unit.actor.org, signed=signed_orders, grace_days=grace_days)
    return policy


def _check(effect: Effect, named: dict[str, list[str]], limits: dict[str, int | None], reason: str) -> None:
    if effect == "refuse":
        if not any(named.values()):
            raise InvalidInput(
                "Say whom the rule refuses: advertisers, sectors or domains.",
                code="rule_without_condition",
                field="sectors",
            )
        if any(value is not None for value in limits.values()):
            raise InvalidInput(
                "A price floor or a volume belongs to a rule that approves.", code="bad_condition", field="most_volume"
            )
        if not 1 <= len(reason) <= 500:
            raise InvalidInput(
                "Give the reason that refused advertisers read, in 1 to 500 characters.",
                code="reason_missing",
                field="reason",
            )
        return
    if named["domains"] or reason:
        raise InvalidInput("Domains and a reason belong to a rule that refuses.", code="bad_condition", field="domains")
    if not any(named.values()) and all(value is None for value in limits.values()):
        raise InvalidInput(
            "Say what the rule approves: advertisers, sectors, a price floor or a largest volume.",
            code="rule_without_condition",
            field="advertisers",
        )
    for name, value in limits.items():
        if value is not None and value <= 0:
            field = "least_cpm_cents" if name == "least_price_micros" else name
            raise InvalidInput("Write a number above zero, or nothing.", code="bad_condition", field=field)


def _known_advertisers(unit: UnitOfWork, codes: Sequence[str]) -> list[str]:
    asked = _tidy(codes)
    known = advertisers_by_code(unit, asked)
    for code in asked:
        if code not in known:
            raise InvalidInput(f"There is no advertiser {code!r}.", code="unknown_advertiser", field="advertisers")
    return asked


def _tidy(values: Sequence[str]) -> list[str]:
    found = sorted({value.strip().lower() for value in values if value.strip()})
    if len(found) > MOST_VALUES:
        raise InvalidInput(f"A rule names at most {MOST_VALUES} of a kind.", code="bad_condition", field="domains")
    return found
