"""The only queries of owners' rules, of what they are tried on, and of decisions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset
from broker.rentals.approval_model import ApprovalPolicy, ApprovalRule, Asked, Decision
from broker.rentals.model import Order

_RULES = (
    "SELECT r.id, r.code, b.code AS base_code, r.effect, r.title, r.advertisers, r.sectors, r.domains,"
    " r.least_price_micros, r.most_volume, r.reason, r.active, r.created_at, r.stopped_at"
    " FROM approval_rule r LEFT JOIN base b ON b.id = r.base_id WHERE r.owner_id = :owner"
)


def rules_of(unit: UnitOfWork, owner_id: int) -> list[ApprovalRule]:
    """An owner's rules that hold, in the order in which they were written."""
    rows = unit.all(f"{_RULES} AND r.active ORDER BY r.id", owner=owner_id)
    return [_rule(row) for row in rows]


def rules_page(unit: UnitOfWork, owner_id: int, number: int, size: int) -> Page[ApprovalRule]:
    """A page of an owner's rules in the order in which they are tried, stopped ones last."""
    rows = unit.all(
        f"{_RULES} ORDER BY r.active DESC, r.effect <> 'refuse', r.id LIMIT :size OFFSET :offset",
        owner=owner_id,
        size=size,
        offset=offset(number, size),
    )
    total = unit.scalar("SELECT count(*) FROM approval_rule WHERE owner_id = :owner", owner=owner_id)
    return Page([_rule(row) for row in rows], int(total), number, size)


def rule_by_code(unit: UnitOfWork, owner_id: int, code: str) -> ApprovalRule | None:
    """One of an owner's rules, its row locked."""
    unit.run(
        "SELECT id FROM approval_rule WHERE code = :code AND owner_id = :owner FOR UPDATE", code=code, owner=owner_id
    )
    row = unit.one(f"{_RULES} AND r.code = :code", owner=owner_id, code=code)
    return None if row is None else _rule(row)


def insert_rule(unit: UnitOfWork, code: str, values: dict[str, Any]) -> None:
    """A new rule of the acting owner; `values` are the columns that it sets."""
    names = sorted(values)
    unit.run(
        f"INSERT INTO approval_rule (code, owner_id, created_by, {', '.join(names)})"  # noqa: S608 - our own columns
        f" VALUES (:code, :owner, :user, {', '.join(f':{name}' for name in names)})",
        code=code,
        owner=unit.actor.org,
        user=unit.actor.user_id,
        **values,
    )


def stop_rule(unit: UnitOfWork, rule_id: int) -> None:
    """Have a rule answer nothing any more."""
    unit.run("UPDATE approval_rule SET active = false, stopped_at = app_now() WHERE id = :id", id=rule_id)


def policy_of(unit: UnitOfWork, owner_id: int) -> ApprovalPolicy:
    """What an owner asks of every order."""
    row = unit.one("SELECT signed_orders, grace_days FROM approval_policy WHERE owner_id = :owner", owner=owner_id)
    return ApprovalPolicy() if row is None else ApprovalPolicy(**row._mapping)


def set_policy(unit: UnitOfWork, policy: ApprovalPolicy) -> None:
    """Set it for the acting owner."""
    unit.run(
        "INSERT INTO approval_policy (owner_id, signed_orders, grace_days, set_by)"
        " VALUES (:owner, :signed_orders, :grace_days, :user) ON CONFLICT (owner_id) DO UPDATE SET"
        " signed_orders = excluded.signed_orders, grace_days = excluded.grace_days, set_by = excluded.set_by,"
        " set_at = app_now()",
        owner=unit.actor.org,
        user=unit.actor.user_id,
        **asdict(policy),
    )


def base_of_owner(unit: UnitOfWork, code: str) -> int | None:
    """The id of a base of the acting owner."""
    found = unit.scalar("SELECT id FROM base WHERE code = :code AND org_id = :org", code=code, org=unit.actor.org)
    return None if found is None else int(found)


def advertiser_code(unit: UnitOfWork, order_id: int) -> str | None:
    """The code of whoever sent an order, for its owner."""
    found = unit.scalar("SELECT advertiser_code_of(:id)", id=order_id)
    return None if found is None else str(found)


def asked_of(unit: UnitOfWork, order: Order) -> Asked:
    """What an order asks for. For a worker: links and log-ins of an advertiser are not its owner's to read."""
    row = unit.one(
        "SELECT b.code AS base_code, a.code, a.sector, c.sector AS card_sector FROM rental_order o"
        " JOIN base b ON b.id = o.base_id JOIN organisation a ON a.id = o.advertiser_id"
        " JOIN data_card c ON c.id = o.card_id WHERE o.id = :id",
        id=order.id,
    )
    assert row is not None
    links = unit.all("SELECT url FROM creative_link WHERE creative_id = :id", id=order.creative_id)
    mails = unit.all(
        "SELECT DISTINCT split_part(email, '@', 2) AS domain FROM app_user WHERE org_id = :org AND active",
        org=order.advertiser_id,
    )
    domains = {_host(link.url) for link in links} | {mail.domain for mail in mails}
    sectors = frozenset({row.sector} if row.sector else ())
    return Asked(row.base_code, row.code, sectors, frozenset(domains - {""}), order.price_micros, order.volume)


def approved_before(unit: UnitOfWork, order: Order) -> bool:
    """Whether the last answer that a person of the owner gave this advertiser on this base was a yes."""
    found = unit.scalar(
        "SELECT d.decision FROM order_decision d JOIN rental_order o ON o.id = d.order_id"
        " WHERE o.advertiser_id = :advertiser AND o.base_id = :base AND o.id <> :id AND d.made_by = 'person'"
        " AND d.decision IN ('approved', 'refused') ORDER BY d.id DESC LIMIT 1",
        advertiser=order.advertiser_id,
        base=order.base_id,
        id=order.id,
    )
    return bool(found == "approved")


def card_approval(unit: UnitOfWork, card_id: int) -> tuple[str, int]:
    """(approval, approval_days) of a card; of one that is no longer offered, the usual."""
    row = unit.one("SELECT approval, approval_days FROM published_card WHERE card_id = :id", id=card_id)
    return ("each_piece", 2) if row is None else (row.approval, row.approval_days)


def insert_decision(unit: UnitOfWork, order: Order, decision: str, *, rule: str = "", reason: str = "") -> None:
    """Keep what was decided, and by which rule where no person did."""
    unit.run(
        "INSERT INTO order_decision (order_id, owner_id, decision, made_by, rule, user_id, reason, creative_id)"
        " VALUES (:order, :owner, :decision, :made_by, :rule, :user, :reason, :creative)",
        order=order.id,
        owner=order.owner_id,
        decision=decision,
        made_by="rule" if rule else "person",
        rule=rule,
        user=unit.actor.user_id,
        reason=reason,
        creative=order.creative_id,
    )


def decisions_of(unit: UnitOfWork, order_id: int) -> list[Decision]:
    """What was decided of an order, the first first; the owner's and the broker's to see."""
    rows = unit.all(
        "SELECT decision, made_by, rule, reason, at FROM order_decision WHERE order_id = :id ORDER BY id", id=order_id
    )
    return [Decision(**row._mapping) for row in rows]


def _rule(row: Any) -> ApprovalRule:
    values = dict(row._mapping)
    return ApprovalRule(**values | {name: tuple(values[name]) for name in ("advertisers", "sectors", "domains")})


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").strip(".").encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return ""
