"""Own mailings: what an owner writes to its own people, once or on each day's events, and what it caused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import code_field, figures_field, list_of, one_of, text, whole
from api.work import unit
from broker.kernel.database import UnitOfWork
from broker.mailings.own.effect import effect_of
from broker.mailings.own.events import possible_events
from broker.mailings.own.find import find_own_mailing, list_own_mailings, parts_of, variants_of
from broker.mailings.own.model import BASES, GOALS, MOST_HELD_OUT_BP, MOST_VARIANTS
from broker.mailings.own.plan import (
    create_own_mailing,
    plan_own_mailing,
    revise_own_mailing,
    set_variants,
    what_lacks,
)
from broker.mailings.own.propose import propose_segments
from broker.mailings.own.steps import cancel_own_mailing, pause_own_mailing, resume_own_mailing
from broker.mailings.own.totals import totals_of

calls = Blueprint("own_mailings", __name__, description="An owner's mail to its own customers and prospects")
EVENTS = ("purchase", "birthday", "consent", "date", "off_cycle", "first_purchase", "inactivity")
MOST_COST = 10_000_000_000


class OwnTerms(Schema):
    """What can be set of a draft. With an event it is a standing mailing; an empty one takes that back."""

    legal_basis = one_of(*BASES, required=False)
    likeness = text(1_000, least=0, required=False)
    starts_at = fields.AwareDateTime(allow_none=True)
    send_hour = whole(0, 23, required=False)
    event_kind = one_of(*EVENTS, "", required=False)
    event_field = text(120, least=0, required=False)
    event_days = whole(0, 730, required=False)
    backlog = fields.Boolean()
    category = text(120, least=0, required=False)
    held_out_bp = whole(0, MOST_HELD_OUT_BP, required=False)
    window_days = whole(1, 365, required=False)
    cost_cents = whole(0, MOST_COST, required=False)
    cost_micros = whole(0, MOST_COST, required=False)


class NewOwnMailing(OwnTerms):
    """A draft."""

    base = code_field()
    name = text(120)
    goal = one_of(*GOALS)


class OwnChange(OwnTerms):
    """What to change; once it is planned only name, window and costs."""

    name = text(120, required=False)
    goal = one_of(*GOALS, required=False)


class OwnVariantSchema(Schema):
    """A segment and its message; no segment: everybody whom no earlier one takes."""

    place = fields.Integer(required=True)
    segment = fields.String(attribute="segment_code", allow_none=True)
    creative = fields.String(attribute="creative_code", allow_none=True)
    signed = fields.Boolean(required=True)


class NewVariant(Schema):
    """A segment (empty: everybody else, which comes last) and its message (empty: not chosen yet)."""

    segment = text(60, least=0, required=False, load_default="")
    creative = text(60, least=0, required=False, load_default="")


class NewVariants(Schema):
    """The segments in the order in which they take their people."""

    variants = fields.List(fields.Nested(NewVariant), required=True, validate=validate.Length(max=MOST_VARIANTS))


class OwnPartSchema(Schema):
    """What one day's run made of one variant; without a mailing nobody was left."""

    run_on = fields.Date(required=True)
    place = fields.Integer(required=True)
    mailing = fields.String(attribute="mailing_code", allow_none=True)
    state = fields.String(allow_none=True)
    people = fields.Integer(required=True)
    held_out = fields.Integer(required=True)
    exclusions = figures_field()


class OwnMailingSchema(Schema):
    """An own mailing."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True)
    name = fields.String(required=True)
    goal = fields.String(required=True)
    state = fields.String(required=True)
    schedule = fields.String(required=True)
    legal_basis = fields.String(required=True)
    likeness = fields.String(required=True)
    starts_at = fields.DateTime(allow_none=True)
    next_run_at = fields.DateTime(allow_none=True)
    send_hour = fields.Integer(required=True)
    event_kind = fields.String(allow_none=True)
    event_field = fields.String(required=True)
    event_days = fields.Integer(required=True)
    backlog = fields.Boolean(required=True)
    category = fields.String(required=True)
    held_out_bp = fields.Integer(required=True)
    window_days = fields.Integer(required=True)
    cost_cents = fields.Integer(required=True)
    cost_micros = fields.Integer(required=True)
    problem = fields.String(allow_none=True)


class OwnMailingFull(OwnMailingSchema):
    """With its segments, what it still lacks, what its runs made and the totals over them."""

    variants = fields.List(fields.Nested(OwnVariantSchema), required=True)
    lacking = fields.List(fields.String(), required=True)
    parts = fields.List(fields.Nested(OwnPartSchema), required=True)
    totals = figures_field(required=True)


class SideSchema(Schema):
    """One side of a comparison."""

    people = fields.Integer(required=True)
    buyers = fields.Integer(required=True)
    spend_cents = fields.Integer(required=True)


class IntervalSchema(Schema):
    """A figure with its 95 % interval."""

    value = fields.Float(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)


class EffectSchema(Schema):
    """What the mailing caused: mailed against held out. `reason`: why nothing is said."""

    mailed = fields.Nested(SideSchema, required=True)
    held_out = fields.Nested(SideSchema, required=True)
    rate = fields.Nested(IntervalSchema, allow_none=True)
    mean_cents = fields.Nested(IntervalSchema, allow_none=True)
    purchases = fields.Nested(IntervalSchema, allow_none=True)
    revenue_cents = fields.Nested(IntervalSchema, allow_none=True)
    cost_cents = fields.Integer(required=True)
    net_cents = fields.Nested(IntervalSchema, allow_none=True)
    first_day = fields.Date(allow_none=True)
    last_day = fields.Date(allow_none=True)
    until = fields.Date(allow_none=True)
    proven = fields.Boolean(required=True)
    complete = fields.Boolean(required=True)
    reason = fields.String(allow_none=True)


class OwnProposalSchema(Schema):
    """A segment that a goal suggests."""

    name = fields.String(required=True)
    why = fields.String(required=True)
    what = fields.String(required=True)
    rule_text = fields.String(required=True)
    customers = fields.Integer(allow_none=True)
    revenue_cents = fields.Integer(allow_none=True)


class GoalQuery(Schema):
    """For which goal."""

    goal = one_of(*GOALS)


class OwnEventSchema(Schema):
    """An event that the base's people have."""

    kind = fields.String(required=True)
    field = fields.String(required=True)


class PlanBody(Schema):
    """How to put it on its way."""

    keep_the_day = fields.Boolean(load_default=False)


def full(work: UnitOfWork, code: str) -> dict[str, Any]:
    """One own mailing with everything beside it."""
    own = find_own_mailing(work, code)
    totals = totals_of(work, own)
    return {
        **{name: getattr(own, name) for name in own.__slots__},
        "variants": variants_of(work, own),
        "lacking": what_lacks(work, own) if own.state == "draft" else [],
        "parts": parts_of(work, own),
        "totals": {name: getattr(totals, name) for name in totals.__slots__},
    }


@calls.route("/own-mailings", methods=["GET"])
@calls.response(200, list_of(OwnMailingSchema))
def index() -> dict[str, Any]:
    """The owner's own mailings, the newest first."""
    with unit() as work:
        return {"items": list_own_mailings(work)}


@calls.route("/own-mailings", methods=["POST"])
@calls.arguments(NewOwnMailing)
@calls.response(201, OwnMailingFull)
def create(body: dict[str, Any]) -> Any:
    """Begin a draft."""
    with unit() as work:
        base, name, goal = body.pop("base"), body.pop("name"), body.pop("goal")
        return full(work, create_own_mailing(work, base, name, goal, **body).code)


@calls.route("/own-mailings/<code:code>", methods=["GET"])
@calls.response(200, OwnMailingFull)
def show(code: str) -> Any:
    """One own mailing."""
    with unit() as work:
        return full(work, code)


@calls.route("/own-mailings/<code:code>", methods=["PATCH"])
@calls.arguments(OwnChange)
@calls.response(200, OwnMailingFull)
def change(body: dict[str, Any], code: str) -> Any:
    """Set some of its terms."""
    with unit() as work:
        revise_own_mailing(work, code, **body)
        return full(work, code)


@calls.route("/own-mailings/<code:code>/variants", methods=["PUT"])
@calls.arguments(NewVariants)
@calls.response(200, OwnMailingFull)
def variants(body: dict[str, Any], code: str) -> Any:
    """Set the segments and messages of a draft."""
    with unit() as work:
        set_variants(work, code, body["variants"])
        return full(work, code)


@calls.route("/own-mailings/<code:code>/plan", methods=["POST"])
@calls.arguments(PlanBody)
@calls.response(200, OwnMailingFull)
def plan(body: dict[str, Any], code: str) -> Any:
    """Put a draft on its way: from its hour on its people are frozen and its mails leave."""
    with unit() as work:
        plan_own_mailing(work, code, keep_the_day=body["keep_the_day"])
        return full(work, code)


def _changed(act: Callable[[UnitOfWork, str], object], code: str) -> Any:
    """Do it, and say how the mailing stands."""
    with unit() as work:
        act(work, code)
        return full(work, code)


@calls.route("/own-mailings/<code:code>/pause", methods=["POST"])
@calls.response(200, OwnMailingFull)
def pause(code: str) -> Any:
    """Stop for now: no day is frozen, what is under way stops too."""
    return _changed(pause_own_mailing, code)


@calls.route("/own-mailings/<code:code>/resume", methods=["POST"])
@calls.response(200, OwnMailingFull)
def resume(code: str) -> Any:
    """Go on; the events of the pause are not made up for."""
    return _changed(resume_own_mailing, code)


@calls.route("/own-mailings/<code:code>/cancel", methods=["POST"])
@calls.response(200, OwnMailingFull)
def cancel(code: str) -> Any:
    """Stop for good; what has left stays counted."""
    return _changed(cancel_own_mailing, code)


@calls.route("/own-mailings/<code:code>/effect", methods=["GET"])
@calls.response(200, EffectSchema)
def effect(code: str) -> Any:
    """What purchases it caused: mailed against held out, with 95 % intervals, net of cost."""
    with unit() as work:
        return effect_of(work, code)


@calls.route("/bases/<code:code>/own-proposals", methods=["GET"])
@calls.arguments(GoalQuery, location="query")
@calls.response(200, list_of(OwnProposalSchema))
def proposals(query: dict[str, Any], code: str) -> dict[str, Any]:
    """Segments that a goal suggests, from the base's findings."""
    with unit() as work:
        return {"items": propose_segments(work, code, query["goal"])}


@calls.route("/bases/<code:code>/own-events", methods=["GET"])
@calls.response(200, list_of(OwnEventSchema))
def events(code: str) -> dict[str, Any]:
    """Events on which a standing mailing may leave."""
    with unit() as work:
        return {"items": possible_events(work, code)}
