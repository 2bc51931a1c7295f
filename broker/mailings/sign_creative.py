"""BAT, *bon à tirer*: signing freezes the content hash. Whatever is sent is proven equal to it."""

from __future__ import annotations

from broker.audit.record import record
from broker.catalogue.creative_text_store import creative_text
from broker.catalogue.sectors import check_message
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, IntegrityFault, NotFound
from broker.mailings import image_store, store
from broker.mailings.model import Creative, CreativeLink, content_hash


def sign_creative(unit: UnitOfWork, code: str) -> Creative:
    """Sign one's own creative; signing twice changes nothing. Raises `sector_forbidden`, `sector_wording` besides."""
    unit.actor.require("advertiser", "owner")
    creative = store.creative_by_code(unit, code, lock=True)
    if creative is None or (unit.actor.role != "system" and creative.org_id != unit.actor.org):
        raise NotFound("There is no such creative.", code="creative_not_found")
    if creative.signed:
        return creative
    check_content(creative, store.links_of(unit, creative.id))
    if any(image.state == "waiting" for image in image_store.images_of(unit, creative.id)):
        raise Conflict(
            "The images of this creative are still being fetched. Look at it again in a moment, then sign it.",
            code="images_waiting",
        )
    message = creative_text(unit, creative.id)
    check_message(message.sectors, message.text, message.language, unit.today, field="html")
    store.sign(unit, creative.id)
    signed = store.creative_by_code(unit, code)
    if signed is None or not signed.signed:
        raise Conflict("This creative was changed meanwhile. Look at it again.", code="creative_changed")
    record(unit, "creative.signed", "creative", code, content_hash=creative.content_hash.hex())
    return signed


def hash_of(creative: Creative, links: list[CreativeLink]) -> bytes:
    """The hash of a creative as it is stored now."""
    return content_hash(
        creative.subject,
        creative.from_name,
        creative.language,
        creative.html,
        creative.plain,
        links,
        creative.variants,
        creative.test,
    )


def check_content(creative: Creative, links: list[CreativeLink]) -> None:
    """Prove that a stored creative is what its hash says."""
    found = hash_of(creative, links)
    if found != creative.content_hash:
        raise IntegrityFault(
            "The stored creative differs from its content hash: it was changed outside the product.",
            code="creative_altered",
        )
