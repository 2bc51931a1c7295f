"""Store a message that an advertiser (or an owner, for its own mailings) wants sent; change it while it is a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.mailings import image_store, store
from broker.mailings.campaign_parameters import check_parameters
from broker.mailings.creative_check import CreativeReport, Extras, check_creative
from broker.mailings.foreign_tags import in_our_tags
from broker.mailings.model import Creative, CreativeLine, CreativeLink, content_hash
from broker.mailings.own_text import LONGEST as LONGEST_PLAIN
from broker.mailings.sender_name import check_sender_name
from broker.mailings.variants import LETTERS, SubjectTest, Variant, Variation, check_test, compose_variants

LONGEST_SUBJECT = 200
MOST_IMAGES = 200


@dataclass(frozen=True, slots=True)
class Message:
    """What an author writes. `plain` empty: the text part is made from the HTML. `utm`: added to each link.

    `variants`: other subjects and preheaders, tried as `test` says.
    """

    name: str
    subject: str
    from_name: str
    language: str
    html: str = field(repr=False)
    preheader: str = ""
    plain: str = field(default="", repr=False)
    utm: Mapping[str, str] = field(default_factory=dict)
    variants: Sequence[Variation] = ()
    test: SubjectTest = field(default_factory=SubjectTest)


def create_creative(unit: UnitOfWork, message: Message) -> Creative:
    """Check and store a creative as a draft; refuses one that could not be sent, naming what to mend.

    Its remote images are fetched by a job; it can be signed when they are there.
    """
    unit.actor.require("advertiser", "owner")
    message = _tidy(message)
    report, variants = _checked(unit, message)
    content = _content(message, report, variants)
    links = links_in(report)
    creative = Creative(id=0, code=new_code("creative"), org_id=unit.actor.org, state="draft", **content)
    creative_id = store.add_creative(unit, creative, links)
    _ask_for_images(unit, creative_id, report)
    record(unit, "creative.created", "creative", creative.code, links=report.links, weight=report.weight)
    return find_creative(unit, creative.code)


def revise_creative(unit: UnitOfWork, code: str, message: Message) -> Creative:
    """Put another content into one's own draft. A signed one never changes: make a new creative and sign that."""
    unit.actor.require("advertiser", "owner")
    before = store.creative_by_code(unit, code, lock=True)
    if before is None or before.org_id != unit.actor.org:
        raise NotFound("There is no such creative.", code="creative_not_found")
    if before.signed:
        raise Conflict(
            "This creative is signed and does not change any more. Make a copy, change that and sign it.",
            code="creative_signed",
        )
    message = _tidy(message)
    report, variants = _checked(unit, message)
    after = replace(before, **_content(message, report, variants))
    links = links_in(report)
    store.change_creative(unit, after, links)
    _ask_for_images(unit, before.id, report)
    record(unit, "creative.changed", "creative", code, links=report.links, weight=report.weight)
    return find_creative(unit, code)


def _tidy(message: Message) -> Message:
    subject, from_name, name, preheader = (
        " ".join(text.split())
        for text in (in_our_tags(message.subject), message.from_name, message.name, in_our_tags(message.preheader))
    )
    others = [
        replace(one, subject=in_our_tags(one.subject), preheader=in_our_tags(one.preheader)) for one in message.variants
    ]
    for where, text in (("name", name), ("subject", subject), ("from_name", from_name)):
        if not text or len(text) > LONGEST_SUBJECT:
            raise InvalidInput(f"Write 1 to {LONGEST_SUBJECT} characters.", code="bad_text", field=where)
    if len(preheader) > LONGEST_SUBJECT:
        raise InvalidInput(f"Write at most {LONGEST_SUBJECT} characters.", code="bad_text", field="preheader")
    if len(message.plain) > LONGEST_PLAIN:
        raise InvalidInput(
            f"The text part may have {LONGEST_PLAIN:,} characters at most.", code="bad_text", field="plain"
        )
    if message.language not in ("fr", "en"):
        raise InvalidInput("The language of a creative is fr or en.", code="bad_language", field="language")
    check_sender_name(from_name)
    return replace(
        message,
        variants=check_test(others, message.test, Variation(subject, preheader)),
        name=name,
        subject=subject,
        from_name=from_name,
        preheader=preheader,
        plain=message.plain.replace("\0", "").strip(),
        html=message.html.replace("\0", ""),
        utm=check_parameters(message.utm),
    )


def _checked(unit: UnitOfWork, message: Message) -> tuple[CreativeReport, tuple[Variant, ...]]:
    tags = image_store.merge_tags_of(unit, unit.actor.org)
    own = image_store.writes_to_its_own(unit, unit.actor.org)
    extras = Extras(message.preheader, message.plain, message.utm, tags=tags, own=own)
    report = check_creative(message.html, message.language, message.subject, extras)
    errors = list(report.errors)
    variants, reports = compose_variants(message.html, message.language, message.variants, extras)
    for number, one in reports:
        errors += [f"Variant {LETTERS[number]}: {error}" for error in one.errors if error not in report.errors]
    if len(report.pictures) > MOST_IMAGES:
        errors.append(f"The message has {len(report.pictures)} remote images; at most {MOST_IMAGES} are fetched.")
    if errors:
        raise InvalidInput(
            f"This creative cannot be sent: {' '.join(errors[:5])}",
            code="bad_creative",
            field="html",
            details={**report.keys(), "errors": errors},
        )
    return report, variants


def links_in(report: CreativeReport) -> list[CreativeLink]:
    """The numbered links. The one only machines see must lead somewhere: to where the first link leads."""
    hidden = CreativeLink(0, report.urls[0] if report.urls else "/", hidden=True)
    return [hidden, *(CreativeLink(number, url) for number, url in enumerate(report.urls, start=1))]


def _content(message: Message, report: CreativeReport, variants: tuple[Variant, ...]) -> dict[str, Any]:
    """What a creative holds of a message and its check."""
    test = message.test if variants else None
    return {
        "variants": variants,
        "test": test,
        "name": message.name,
        "subject": message.subject,
        "from_name": message.from_name,
        "language": message.language,
        "preheader": message.preheader,
        "own_plain": message.plain,
        "utm": dict(message.utm),
        "source_html": message.html,
        "html": report.html,
        "plain": report.plain,
        "report": report.keys(),
        "content_hash": content_hash(
            message.subject,
            message.from_name,
            message.language,
            report.html,
            report.plain,
            links_in(report),
            variants,
            test,
        ),
    }


def _ask_for_images(unit: UnitOfWork, creative_id: int, report: CreativeReport) -> None:
    image_store.set_images(unit, creative_id, report.pictures)
    if report.pictures:
        unit.enqueue("fetch_images", creative_id)


def find_creative(unit: UnitOfWork, code: str) -> Creative:
    """One creative the actor may see: its own, or one it was asked to approve."""
    creative = store.creative_by_code(unit, code)
    if creative is None:
        raise NotFound("There is no such creative.", code="creative_not_found")
    return creative


def list_creatives(unit: UnitOfWork) -> list[CreativeLine]:
    """The actor's own creatives, newest first."""
    return store.creative_lines(unit, unit.actor.org)


def whole_creatives(unit: UnitOfWork) -> list[Creative]:
    """The same with texts and reports, as programs read them."""
    return store.creatives_of(unit, unit.actor.org)
