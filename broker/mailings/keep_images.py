"""Fetch a creative's remote images once and put our copies into it: a foreign load tells who opened."""

from __future__ import annotations

from dataclasses import replace

from broker.audit.record import record
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.fetch_public import FetchRefused
from broker.kernel.settings import Settings
from broker.mailings import image_store, store
from broker.mailings.create_creative import links_in
from broker.mailings.creative_check import Extras, check_creative
from broker.mailings.fetch_image import fetch_image
from broker.mailings.model import Creative
from broker.mailings.sign_creative import hash_of
from broker.mailings.slots import MERGE_TAGS, OWN_TAGS
from broker.mailings.variants import Variation, compose_variants


def fetch_images(database: Database, settings: Settings, creative_id: int) -> None:
    """Job: fetch what waits, one unit of work an image, then compose the draft again with what is there."""
    with database.begin() as unit:
        creative = store.creative_by_id(unit, creative_id)
        waiting = [image.url for image in image_store.images_of(unit, creative_id) if image.state == "waiting"]
    if creative is None or creative.signed:
        return
    for url in waiting:
        try:
            image = fetch_image(url, settings.instance.private_hosts)
        except FetchRefused as refusal:
            with database.begin() as unit:
                image_store.refuse_image(unit, creative_id, url, refusal.why)
        else:
            with database.begin() as unit:
                image_store.keep_image(unit, creative_id, url, image)
    with database.begin() as unit:
        compose_again(unit, creative.code)


def compose_again(unit: UnitOfWork, code: str) -> None:
    """Put the images that were fetched into a draft; changed or signed meanwhile, it is left to the next job."""
    creative = store.creative_by_code(unit, code, lock=True)
    if creative is None or creative.signed:
        return
    images = image_store.images_of(unit, creative.id)
    if any(image.state == "waiting" for image in images):
        return
    names = {image.url: image.name for image in images if image.name is not None}
    # Its author may use fewer tags now than when it was written: what was accepted stays accepted.
    own = image_store.writes_to_its_own(unit, creative.org_id)
    tags = (*MERGE_TAGS, *OWN_TAGS)
    extras = Extras(creative.preheader, creative.own_plain, creative.utm, names, tags, own)
    report = check_creative(creative.source_html, creative.language, creative.subject, extras)
    variations = [Variation(one.subject, one.preheader) for one in creative.variants]
    variants, _ = compose_variants(creative.source_html, creative.language, variations, extras)
    again = replace(creative, html=report.html, plain=report.plain, variants=variants)
    store.recompose(unit, creative.id, report, hash_of(again, links_in(report)), variants)
    record(unit, "creative.images_kept", "creative", code, kept=len(names), refused=len(images) - len(names))


def fetch_again(unit: UnitOfWork, code: str) -> Creative:
    """Ask once more for the images of one's own draft that could not be had."""
    unit.actor.require("advertiser", "owner")
    creative = store.creative_by_code(unit, code, lock=True)
    if creative is None or creative.org_id != unit.actor.org:
        raise NotFound("There is no such creative.", code="creative_not_found")
    if creative.signed:
        raise Conflict("This creative is signed and does not change any more.", code="creative_signed")
    if image_store.ask_again(unit, creative.id):
        unit.enqueue("fetch_images", creative.id)
    return creative
