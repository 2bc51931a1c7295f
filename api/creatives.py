"""Creatives: the message, its checks and its signed proof."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, text, whole
from api.work import front, unit
from broker.accounts.find_user import organisation_named
from broker.mailings.allow_tags import allow_tags, allowed_tags
from broker.mailings.ask_proof import ask_proof, list_proofs
from broker.mailings.create_creative import (
    Message,
    create_creative,
    find_creative,
    revise_creative,
    whole_creatives,
)
from broker.mailings.creative_check import HEAVIEST
from broker.mailings.find_image import images_of_creative
from broker.mailings.keep_images import fetch_again
from broker.mailings.own_text import LONGEST
from broker.mailings.sign_creative import sign_creative
from broker.mailings.variants import MOST_OTHERS, SHARES, WAITS, SubjectTest, Variation

calls = Blueprint("creatives", __name__, description="Messages")


class ImageSchema(Schema):
    """A remote image of a message, fetched once for us to serve."""

    url = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "waiting, kept or refused"})
    name = fields.String(allow_none=True, metadata={"description": "Served at /i/<name>."})
    why = fields.String(allow_none=True, metadata={"description": "The code of the refusal."})


class VariationSchema(Schema):
    """Another subject and preheader of a message."""

    subject = text(200)
    preheader = text(200, required=False, load_default="", least=0)


class SubjectTestSchema(Schema):
    """How variants are tried: the test group's share in per cent, and the wait before the winner leaves."""

    share_percent = whole(*SHARES, required=False, load_default=20)
    wait_minutes = whole(*WAITS, required=False, load_default=240)


class MailedProofSchema(Schema):
    """Proof mails sent to the organisation's own control addresses."""

    code = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    mails = fields.Integer(required=True)
    done_at = fields.DateTime(allow_none=True)
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    current = fields.Boolean(required=True, metadata={"description": "Whether the creative is still what was sent."})


class CreativeSchema(Schema):
    """A message with the report of its checks."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    subject = fields.String(required=True)
    preheader = fields.String()
    from_name = fields.String(required=True)
    language = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "draft or signed"})
    plain = fields.String(metadata={"description": "The text part with its slots."})
    utm = fields.Dict(keys=fields.String(), values=fields.String())
    report = fields.Dict(metadata={"description": "The keys of `courtier creative check`."})
    content_hash = fields.Function(lambda creative: creative.content_hash.hex())
    signed_at = fields.DateTime(allow_none=True)
    variants = fields.List(fields.Nested(VariationSchema), metadata={"description": "Variants B, C and D."})
    test = fields.Nested(SubjectTestSchema, allow_none=True)


class NewCreative(Schema):
    """A message to check and keep."""

    name = text(120)
    subject = text(200)
    preheader = text(200, required=False, load_default="", least=0)
    from_name = text(100)
    language = one_of("fr", "en", required=False, load_default="fr")
    html = text(HEAVIEST)
    plain = text(LONGEST, required=False, load_default="", least=0)
    utm = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    variants = fields.List(fields.Nested(VariationSchema), load_default=list, validate=validate.Length(max=MOST_OTHERS))
    test = fields.Nested(SubjectTestSchema, load_default=dict)


class MergeTagsSchema(Schema):
    """Which merge tags an organisation's messages may have: first_name, last_name, city; none of them is a list too."""

    tags = fields.List(text(40), required=True, validate=validate.Length(max=20))


def message_of(body: dict[str, Any]) -> Message:
    """What a call says."""
    variations = [Variation(**one) for one in body["variants"]]
    return Message(**body | {"variants": variations, "test": SubjectTest(**body["test"])})


@calls.route("/creatives", methods=["GET"])
@calls.response(200, list_of(CreativeSchema))
def index() -> dict[str, Any]:
    """The organisation's creatives."""
    with unit() as work:
        return {"items": whole_creatives(work)}


@calls.route("/creatives", methods=["POST"])
@calls.arguments(NewCreative)
@calls.response(201, CreativeSchema)
def create(body: dict[str, Any]) -> Any:
    """Check and keep a message; its remote images are fetched once, within moments."""
    with unit() as work:
        return create_creative(work, message_of(body))


@calls.route("/creatives/<code:code>", methods=["GET"])
@calls.response(200, CreativeSchema)
def show(code: str) -> Any:
    """One creative."""
    with unit() as work:
        return find_creative(work, code)


@calls.route("/creatives/<code:code>/images", methods=["GET"])
@calls.response(200, list_of(ImageSchema))
def images(code: str) -> dict[str, Any]:
    """The remote images of a creative and what became of each."""
    with unit() as work:
        return {"items": images_of_creative(work, find_creative(work, code))}


@calls.route("/creatives/<code:code>", methods=["PUT"])
@calls.arguments(NewCreative)
@calls.response(200, CreativeSchema)
def change(body: dict[str, Any], code: str) -> Any:
    """Put another content into a draft; a signed one never changes."""
    with unit() as work:
        return revise_creative(work, code, message_of(body))


@calls.route("/creatives/<code:code>/images", methods=["POST"])
@calls.response(202, CreativeSchema)
def fetch(code: str) -> Any:
    """Fetch once more the images of a draft that could not be had."""
    with unit() as work:
        return fetch_again(work, code)


@calls.route("/creatives/<code:code>/sign", methods=["POST"])
@calls.response(200, CreativeSchema)
def sign(code: str) -> Any:
    """Sign the proof (BAT): the content can no longer change."""
    with unit() as work:
        sign_creative(work, code)
        return find_creative(work, code)


@calls.route("/creatives/<code:code>/proofs", methods=["GET"])
@calls.response(200, list_of(MailedProofSchema))
def proofs(code: str) -> dict[str, Any]:
    """The proofs that the organisation had sent of a creative."""
    with unit() as work:
        return {"items": list_proofs(work, find_creative(work, code))}


@calls.route("/creatives/<code:code>/proofs", methods=["POST"])
@calls.response(202, list_of(MailedProofSchema))
def prove(code: str) -> dict[str, Any]:
    """Have each variant sent to the organisation's own control addresses; their clicks do not count."""
    with unit() as work:
        return {"items": list_proofs(work, ask_proof(work, code, front().settings.watch.proofs_per_day))}


@calls.route("/organisations/<code:code>/merge-tags", methods=["GET"])
@calls.response(200, MergeTagsSchema)
def merge_tags(code: str) -> Any:
    """The merge tags that an organisation may use; the broker's."""
    with unit() as work:
        return {"tags": allowed_tags(work, organisation_named(work, code))}


@calls.route("/organisations/<code:code>/merge-tags", methods=["PUT"])
@calls.arguments(MergeTagsSchema)
@calls.response(200, MergeTagsSchema)
def set_merge_tags(body: dict[str, Any], code: str) -> Any:
    """Say which; the broker's. What is signed already stays as it is."""
    with unit() as work:
        return {"tags": allow_tags(work, organisation_named(work, code), body["tags"])}
