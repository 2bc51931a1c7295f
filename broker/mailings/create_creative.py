"""Store a message that an advertiser (or an owner, for its own mailings) wants sent."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.mailings import store
from broker.mailings.creative_check import check_creative
from broker.mailings.model import Creative, CreativeLink, content_hash

LONGEST_SUBJECT = 200


def create_creative(unit: UnitOfWork, name: str, subject: str, from_name: str, language: str, html: str) -> Creative:
    """Check and store a creative as a draft; refuses one that could not be sent, naming what to mend."""
    unit.actor.require("advertiser", "owner")
    subject, from_name, name = (" ".join(text.split()) for text in (subject, from_name, name))
    for field, text in (("name", name), ("subject", subject), ("from_name", from_name)):
        if not text or len(text) > LONGEST_SUBJECT:
            raise InvalidInput(f"Write 1 to {LONGEST_SUBJECT} characters.", code="bad_text", field=field)
    if language not in ("fr", "en"):
        raise InvalidInput("The language of a creative is fr or en.", code="bad_language", field="language")
    report = check_creative(html.replace("\0", ""), language, subject)
    if report.errors:
        raise InvalidInput(
            f"This creative cannot be sent: {' '.join(report.errors[:5])}",
            code="bad_creative",
            field="html",
            details=report.keys(),
        )
    # The link only machines see must lead somewhere: to where the first link leads.
    hidden = CreativeLink(0, report.urls[0] if report.urls else "/", hidden=True)
    links = [hidden, *(CreativeLink(number, url) for number, url in enumerate(report.urls, start=1))]
    digest = content_hash(subject, from_name, language, report.html, report.plain, links)
    creative = Creative(
        id=0,
        code=new_code("creative"),
        org_id=unit.actor.org,
        name=name,
        subject=subject,
        from_name=from_name,
        language=language,
        source_html=html.replace("\0", ""),
        html=report.html,
        plain=report.plain,
        report=report.keys(),
        content_hash=digest,
        state="draft",
    )
    store.add_creative(unit, creative, links)
    record(unit, "creative.created", "creative", creative.code, links=report.links, weight=report.weight)
    return find_creative(unit, creative.code)


def find_creative(unit: UnitOfWork, code: str) -> Creative:
    """One creative the actor may see: its own, or one it was asked to approve."""
    creative = store.creative_by_code(unit, code)
    if creative is None:
        raise NotFound("There is no such creative.", code="creative_not_found")
    return creative


def list_creatives(unit: UnitOfWork) -> list[Creative]:
    """The actor's own creatives, newest first."""
    return store.creatives_of(unit, unit.actor.org)
