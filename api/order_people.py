"""Around an order: changes asked for, paper and signature, thread; an owner's rules."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, code_field, list_of, one_of, page_of, text, whole
from api.orders import OrderSchema
from api.work import front, unit
from broker.rentals.approval_rules import find_policy, find_rule, list_rules, set_policy, stop_rule, write_rule
from broker.rentals.find import find_order
from broker.rentals.order_paper import make_paper, order_pdf
from broker.rentals.review import ask_change, decisions, find_review, make_change
from broker.rentals.sign_order import set_purchase_order, sign_order, signatures
from broker.rentals.thread import mark_read, read_thread, write_message

calls = Blueprint("order_people", __name__, description="Answers, signatures and messages around an order")


class OrderReviewSchema(Schema):
    """Until when an order is to be answered. With `change_text` it is the advertiser's turn."""

    due_on = fields.Date(required=True)
    expires_on = fields.Date(required=True)
    change_text = fields.String(required=True, allow_none=True)
    rounds = fields.Integer(required=True)


class DecisionSchema(Schema):
    """What was decided; `rule` names the rule that did, or `each_advertiser`. Empty lists for the advertiser."""

    decision = fields.String(required=True)
    made_by = fields.String(required=True)
    rule = fields.String(required=True)
    reason = fields.String(required=True)
    at = fields.DateTime(required=True)


class OrderAnswerSchema(Schema):
    """Who is to answer an order, and what was decided of it."""

    review = fields.Nested(OrderReviewSchema, required=True, allow_none=True)
    decisions = fields.List(fields.Nested(DecisionSchema), required=True)


class ChangeWish(Schema):
    """What the advertiser should change."""

    text = text(2000)


class NewMessage(Schema):
    """Another signed creative, and a note to the owner."""

    creative = code_field()
    note = text(4000, least=0, required=False, load_default="")


class OrderSignatureSchema(Schema):
    """A signature. Hashes are SHA-256 in hexadecimal digits: of the terms, and of the PDF's bytes."""

    code = fields.String(required=True)
    version = fields.Integer(required=True)
    content_hash = fields.Function(lambda one: one.content_hash.hex(), required=True)
    pdf_hash = fields.Function(lambda one: one.pdf_hash.hex(), required=True)
    signer_name = fields.String(required=True)
    signer_org = fields.String(required=True)
    proof = fields.String(required=True, metadata={"description": "password or one_time_code"})
    signed_at = fields.DateTime(required=True)
    superseded_at = fields.DateTime(required=True, allow_none=True)


class OrderPaperSchema(Schema):
    """What an order's paper says besides its terms; `content_hash` is what a signature covers."""

    purchase_order = fields.String(required=True)
    agency = fields.String(required=True)
    payer = fields.String(required=True)
    content_hash = fields.String(required=True)
    signatures = fields.List(fields.Nested(OrderSignatureSchema), required=True)


class Signing(Schema):
    """By what the person proves to be there, and the hash of what was read."""

    password = text(200, least=0, required=False, load_default="")
    one_time_code = text(20, least=0, required=False, load_default="")
    read_hash = text(64, least=0, required=False, load_default="")


class PurchaseOrder(Schema):
    """The payer's own number; empty takes it off."""

    purchase_order = text(60, least=0)


class OrderMessageSchema(Schema):
    """A message. `writer` is empty where the writer's side is not to be known yet."""

    code = fields.String(required=True)
    party = fields.String(required=True)
    writer = fields.String(required=True)
    text = fields.String(required=True)
    at = fields.DateTime(required=True)
    own = fields.Boolean(required=True)
    unread = fields.Boolean(required=True)


class OrderMessageText(Schema):
    """What to write."""

    text = text(4000)


class ApprovalRuleSchema(Schema):
    """A rule: all its conditions hold at once, of each any value. Amounts are cents per thousand."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True, allow_none=True)
    effect = fields.String(required=True, metadata={"description": "refuse or approve"})
    title = fields.String(required=True)
    advertisers = fields.List(fields.String(), required=True)
    sectors = fields.List(fields.String(), required=True)
    domains = fields.List(fields.String(), required=True)
    least_cpm_cents = fields.Integer(required=True, allow_none=True)
    most_volume = fields.Integer(required=True, allow_none=True)
    reason = fields.String(required=True)
    active = fields.Boolean(required=True)


class NewApprovalRule(Schema):
    """A rule to write. Domains and a reason belong to refusals, a price floor and a volume to approvals."""

    effect = one_of("refuse", "approve")
    title = text(120)
    advertisers = fields.List(text(60), load_default=list)
    sectors = fields.List(text(60), load_default=list)
    domains = fields.List(text(253), load_default=list)
    least_cpm_cents = whole(1, 100_000_000, required=False, load_default=None, allow_none=True)
    most_volume = whole(1, required=False, load_default=None, allow_none=True)
    reason = text(500, least=0, required=False, load_default="")
    base = text(60, least=0, required=False, load_default="")


class ApprovalPolicySchema(Schema):
    """What an owner asks of every order."""

    signed_orders = fields.Boolean(required=True)
    grace_days = whole(0, 30)


@calls.route("/orders/<code:code>/answer", methods=["GET"])
@calls.response(200, OrderAnswerSchema)
def answer(code: str) -> Any:
    """Who is to answer until when, and what was decided by whom or by which rule."""
    with unit() as work:
        order = find_order(work, code)
        return {"review": find_review(work, order), "decisions": decisions(work, order)}


@calls.route("/orders/<code:code>/change", methods=["POST"])
@calls.arguments(ChangeWish)
@calls.response(200, OrderReviewSchema)
def ask(body: dict[str, Any], code: str) -> Any:
    """The owner asks for another message before it answers."""
    with unit() as work:
        return ask_change(work, code, body["text"])


@calls.route("/orders/<code:code>/changed", methods=["POST"])
@calls.arguments(NewMessage)
@calls.response(200, OrderSchema)
def change(body: dict[str, Any], code: str) -> Any:
    """The advertiser answers with another signed creative."""
    with unit() as work:
        return make_change(work, code, body["creative"], body["note"])


@calls.route("/orders/<code:code>/paper", methods=["GET"])
@calls.response(200, OrderPaperSchema)
def paper(code: str) -> Any:
    """Numbers, payer and signatures of an order."""
    with unit() as work:
        order = find_order(work, code)
        made = make_paper(work, front().settings, order)
        return {
            "purchase_order": "" if made.reader == "owner" else made.purchase_order,
            "agency": made.agency,
            "payer": "" if made.reader == "owner" else made.payer,
            "content_hash": made.content_hash,
            "signatures": signatures(work, order),
        }


@calls.route("/orders/<code:code>/paper.pdf", methods=["GET"])
@calls.doc(responses={"200": {"description": "The PDF.", "content": {"application/pdf": {}}}})
def pdf(code: str) -> Response:
    """The quote or order as PDF, as the caller may have it: the signed document once it is signed."""
    with unit() as work:
        return Response(order_pdf(work, front().settings, code), mimetype="application/pdf")


@calls.route("/orders/<code:code>/sign", methods=["POST"])
@calls.arguments(Signing)
@calls.response(201, OrderSignatureSchema)
def sign(body: dict[str, Any], code: str) -> Any:
    """Sign a placed order as the person of the key, by its second factor or password."""
    means = front()
    with unit() as work:
        return sign_order(work, means.keys, means.settings, code, **body)


@calls.route("/orders/<code:code>/purchase-order", methods=["PUT"])
@calls.arguments(PurchaseOrder)
@calls.response(200, OrderSchema)
def number(body: dict[str, Any], code: str) -> Any:
    """Put the payer's own number on an order and its invoices."""
    with unit() as work:
        return set_purchase_order(work, code, body["purchase_order"])


@calls.route("/orders/<code:code>/messages", methods=["GET"])
@calls.response(200, list_of(OrderMessageSchema))
def thread(code: str) -> Any:
    """The thread, the oldest message first."""
    with unit() as work:
        return {"items": read_thread(work, code)}


@calls.route("/orders/<code:code>/messages/read", methods=["POST"])
@calls.response(200, list_of(OrderMessageSchema))
def read(code: str) -> Any:
    """Take the messages as read by the person of the key."""
    with unit() as work:
        return {"items": mark_read(work, code)}


@calls.route("/orders/<code:code>/messages", methods=["POST"])
@calls.arguments(OrderMessageText)
@calls.response(201, list_of(OrderMessageSchema))
def write(body: dict[str, Any], code: str) -> Any:
    """Write to the other parties."""
    with unit() as work:
        return {"items": write_message(work, code, body["text"])}


@calls.route("/approval-rules", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(ApprovalRuleSchema))
def rules(query: dict[str, Any]) -> Any:
    """The owner's rules in the order in which they are tried, stopped ones last."""
    with unit() as work:
        return list_rules(work, query["page"])


@calls.route("/approval-rules", methods=["POST"])
@calls.arguments(NewApprovalRule)
@calls.response(201, ApprovalRuleSchema)
def add_rule(body: dict[str, Any]) -> Any:
    """Write a rule that answers orders from now on."""
    with unit() as work:
        base = body.pop("base")
        return write_rule(work, body.pop("effect"), body.pop("title"), base_code=base, **body)


@calls.route("/approval-rules/<code:code>", methods=["GET"])
@calls.response(200, ApprovalRuleSchema)
def rule(code: str) -> Any:
    """One rule."""
    with unit() as work:
        return find_rule(work, code)


@calls.route("/approval-rules/<code:code>/stop", methods=["POST"])
@calls.response(200, ApprovalRuleSchema)
def end_rule(code: str) -> Any:
    """Stop a rule; what it decided stays."""
    with unit() as work:
        return stop_rule(work, code)


@calls.route("/approval-policy", methods=["GET"])
@calls.response(200, ApprovalPolicySchema)
def policy() -> Any:
    """What the owner asks of every order."""
    with unit() as work:
        return find_policy(work)


@calls.route("/approval-policy", methods=["PUT"])
@calls.arguments(ApprovalPolicySchema)
@calls.response(200, ApprovalPolicySchema)
def change_policy(body: dict[str, Any]) -> Any:
    """Ask for signed orders or not; days until an unanswered order expires."""
    with unit() as work:
        return set_policy(work, **body)
