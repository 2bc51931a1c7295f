"""How mail leaves, for the broker: relays, pace, warm-up of sending domains, signing keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, text, whole
from api.work import front, unit
from broker.delivery.dkim_model import KeptKey
from broker.delivery.dkim_rotation import WISHES, ask_for_key, ask_new_key, list_kept_keys
from broker.delivery.list_relays import list_relays
from broker.delivery.pace_model import LONGEST_PLAN, SCOPES, PaceRule
from broker.delivery.set_pace import list_paces, reset_pace, set_pace
from broker.delivery.warm_up import WarmUp, end_warm_up, list_warm_ups, set_warm_up, start_warm_up
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

calls = Blueprint("delivery", __name__, description="Relays, pace, warm-up, signing keys")
MOST = 10_000_000


class RelaySchema(Schema):
    """A relay of the settings. `resting`: left alone until then; `probing`: one mail tries it first."""

    name = fields.String(required=True)
    weight = fields.Integer(required=True)
    connections = fields.Integer(required=True)
    tls = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["well", "resting", "probing"]})
    failures = fields.Integer(required=True)
    reason = fields.String(required=True, allow_none=True)
    resting_until = fields.DateTime(required=True, allow_none=True)
    since = fields.DateTime(required=True, allow_none=True)


class PaceName(Schema):
    """Which limit: a relay (host:port), a provider or a recipient domain."""

    scope = one_of(*SCOPES)
    name = text(253)


class NewPace(PaceName):
    """A limit over all workers together; null is no limit."""

    per_minute = whole(1, MOST, required=False, allow_none=True, load_default=None)
    at_once = whole(1, MOST, required=False, allow_none=True, load_default=None)


class PaceSchema(Schema):
    """A limit in force; `shipped` where nobody has changed it."""

    scope = fields.String(required=True)
    name = fields.String(required=True)
    per_minute = fields.Integer(required=True, allow_none=True)
    at_once = fields.Integer(required=True, allow_none=True)
    shipped = fields.Boolean(required=True)


class SigningKeySchema(Schema):
    """A DKIM key of the platform. `record` is empty until a worker has made the key; `finding` is what the DNS says."""

    code = fields.String(required=True)
    selector = fields.String(required=True)
    name = fields.String(required=True)
    record = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["waiting", "signs", "leaving"]})
    finding = fields.String(required=True, metadata={"enum": ["", "ok", "missing", "wrong", "unanswered"]})
    found = fields.String(required=True)
    checked_at = fields.DateTime(required=True, allow_none=True)
    signs_since = fields.DateTime(required=True, allow_none=True)
    free_from = fields.DateTime(required=True, allow_none=True)


class KeyWish(Schema):
    """What a worker is to do with a key."""

    wish = one_of(*WISHES)


class DomainName(Schema):
    """A sending domain."""

    domain = text(253)


class NewWarmUp(DomainName):
    """A plan from today on: `caps` day by day, or `first`, `growth_percent` and `until`."""

    caps = fields.List(whole(1, MOST), load_default=list, validate=validate.Length(max=LONGEST_PLAN))
    first = whole(1, MOST, required=False, allow_none=True, load_default=None)
    growth_percent = whole(1, 400, required=False, load_default=50)
    until = whole(1, MOST, required=False, allow_none=True, load_default=None)


class WarmUpSchema(Schema):
    """A plan: the caps of its days, today's (null: it is over) and what of it is used."""

    domain = fields.String(required=True)
    started_on = fields.Date(required=True)
    caps = fields.List(fields.Integer(), required=True)
    today = fields.Integer(required=True, allow_none=True)
    used = fields.Integer(required=True)


@calls.route("/delivery/relays", methods=["GET"])
@calls.response(200, list_of(RelaySchema))
def relays() -> Any:
    """The relays with their weight and health; they are set in the settings."""
    with unit() as work:
        return {"items": list_relays(work, front().settings.mail)}


@calls.route("/delivery/paces", methods=["GET"])
@calls.response(200, list_of(PaceSchema))
def paces() -> Any:
    """The limits in force."""
    with unit() as work:
        return {"items": [_pace(rule) for rule in list_paces(work)]}


@calls.route("/delivery/paces", methods=["PUT"])
@calls.arguments(NewPace)
@calls.response(200, PaceSchema)
def limit(body: dict[str, Any]) -> Any:
    """Set a limit; workers take it with their next turn."""
    with unit() as work:
        return _pace(set_pace(work, body["scope"], body["name"], body["per_minute"], body["at_once"]))


@calls.route("/delivery/paces/reset", methods=["POST"])
@calls.arguments(PaceName)
@calls.response(204)
def forget(body: dict[str, Any]) -> None:
    """Back to what ships, or to no limit."""
    with unit() as work:
        reset_pace(work, body["scope"], body["name"])


@calls.route("/delivery/warm-ups", methods=["GET"])
@calls.response(200, list_of(WarmUpSchema))
def warm_ups() -> Any:
    """The plans of sending domains."""
    with unit() as work:
        return {"items": [_plan(work, plan) for plan in list_warm_ups(work)]}


@calls.route("/delivery/warm-ups", methods=["PUT"])
@calls.arguments(NewWarmUp)
@calls.response(200, WarmUpSchema)
def begin(body: dict[str, Any]) -> Any:
    """Begin a plan today; an earlier one of the domain is replaced."""
    with unit() as work:
        if body["caps"]:
            return _plan(work, set_warm_up(work, body["domain"], body["caps"], work.today))
        if body["first"] is None or body["until"] is None:
            raise InvalidInput("Say `caps`, or `first` and `until`.", code="bad_warm_up", field="first")
        growth = 10_000 + 100 * body["growth_percent"]
        return _plan(
            work,
            start_warm_up(work, body["domain"], first=body["first"], growth_bp=growth, until=body["until"]),
        )


@calls.route("/delivery/warm-ups/end", methods=["POST"])
@calls.arguments(DomainName)
@calls.response(204)
def end(body: dict[str, Any]) -> None:
    """End a plan: no cap any more."""
    with unit() as work:
        end_warm_up(work, body["domain"])


@calls.route("/delivery/keys", methods=["GET"])
@calls.response(200, list_of(SigningKeySchema))
def signing_keys() -> Any:
    """The keys that mails are signed with, and what the DNS says of their records."""
    with unit() as work:
        return {"items": [_key(key) for key in list_kept_keys(work, front().settings.mail)]}


@calls.route("/delivery/keys", methods=["POST"])
@calls.response(201, SigningKeySchema)
def make_key() -> Any:
    """Have a key made under the selector that is free; its record is there once a worker made it."""
    with unit() as work:
        mail = front().settings.mail
        code = ask_new_key(work, mail)
        return next(_key(key) for key in list_kept_keys(work, mail) if key.code == code)


@calls.route("/delivery/keys/<code>/wish", methods=["POST"])
@calls.arguments(KeyWish)
@calls.response(204)
def ask_key(body: dict[str, Any], code: str) -> None:
    """Have a key looked up, sign (once its record is seen), or retire (a week after it signed last)."""
    with unit() as work:
        ask_for_key(work, code, body["wish"])


def _key(key: KeptKey) -> dict[str, Any]:
    record = key.published
    return asdict(key) | {
        "name": record.name,
        "record": record.record if key.public_key else "",
        "free_from": key.free_from,
    }


def _pace(rule: PaceRule) -> dict[str, Any]:
    return {"scope": rule.scope, "name": rule.name, "shipped": rule.shipped} | asdict(rule.pace)


def _plan(work: UnitOfWork, plan: WarmUp) -> dict[str, Any]:
    return asdict(plan) | {"caps": list(plan.caps), "today": plan.cap(work.today)}
