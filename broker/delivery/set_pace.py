"""The broker sets how fast mail leaves: by relay, by provider, by recipient domain."""

from __future__ import annotations

from broker.audit.record import record
from broker.delivery import pace_store
from broker.delivery.pace_model import Pace, PaceRule, check_limit, check_name, shipped_providers
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def set_pace(unit: UnitOfWork, scope: str, name: str, per_minute: int | None, at_once: int | None) -> PaceRule:
    """Limit the mails a minute and those on their way at once, over all workers; None is no limit.

    Workers take the new limit with their next turn. Raises `InvalidInput`.
    """
    unit.actor.require("broker")
    name = name.strip().lower()
    checked = check_name(scope, name)
    check_limit(per_minute, "Mails a minute")
    check_limit(at_once, "Mails at once")
    pace = Pace(per_minute, at_once)
    pace_store.set_rule(unit, checked, name, pace)
    record(unit, "pace.set", "pace", f"{scope}:{name}", per_minute=per_minute, at_once=at_once)
    return PaceRule(checked, name, pace, shipped=False)


def reset_pace(unit: UnitOfWork, scope: str, name: str) -> None:
    """Back to what ships (a provider) or to no limit. Raises `NotFound`."""
    unit.actor.require("broker")
    name = name.strip().lower()
    if not pace_store.drop_rule(unit, check_name(scope, name), name):
        raise NotFound(f"No pace was set for the {scope} {name}.", code="pace_not_found")
    record(unit, "pace.reset", "pace", f"{scope}:{name}")


def list_paces(unit: UnitOfWork) -> list[PaceRule]:
    """The limits in force: the broker's, and those that ship where nobody changed them."""
    unit.actor.require("broker")
    own = {(rule.scope, rule.name): rule for rule in pace_store.rules(unit)}
    shipped = [PaceRule("provider", name, pace, shipped=True) for name, (pace, _) in shipped_providers().items()]
    rest = [rule for rule in shipped if ("provider", rule.name) not in own]
    return sorted([*own.values(), *rest], key=lambda rule: (rule.scope, rule.name))
