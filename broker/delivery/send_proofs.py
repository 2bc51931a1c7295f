"""Proofs: a creative as its readers will see it, sent through the real relays to the asker's own control addresses.

A proof is marked in its subject and in `X-Courtier-Proof`, and is otherwise what is sent: the same cleaned HTML and
text, pictures served by us, signature. Its links lead straight to where they will lead, without our counting page, so
that no click on a proof counts; the links that belong to one recipient (opt-out, partner list) lead nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from html import escape

from broker.delivery.converse import ConnectionLost
from broker.delivery.encode import display_name, header_text, unfolded
from broker.delivery.letter import Letter
from broker.delivery.pool import relays_of
from broker.delivery.sign import DkimSigner, dkim_signer
from broker.delivery.template import compile_template
from broker.delivery.transport import connect
from broker.kernel.database import Database
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings, Settings
from broker.mailings import proof_store as store
from broker.mailings.model import Creative
from broker.mailings.preview import EXAMPLES, NAMES
from broker.mailings.seeds import seed_info
from broker.mailings.slots import MERGE_TAGS, SLOT, fill_image_slots
from broker.mailings.store import creative_by_id, links_of
from broker.mailings.variants import LETTERS
from broker.vault.keyring import WorkerKeys
from broker.vault.open import open_message

MARKS = {"fr": "ÉPREUVE", "en": "PROOF"}
SENDER = "proof"  # at the sending domain
NOWHERE = "#"


def send_proofs(database: Database, worker: WorkerKeys, settings: Settings, request_id: int) -> None:
    """Job: send what was asked for, each mail once; a worker that dies in between sends none of them again."""
    with database.begin() as unit:
        request = store.take(unit, request_id)
        if request is None:
            return
        creative = creative_by_id(unit, request.creative_id)
        assert creative is not None
        urls = {link.number: link.url for link in links_of(unit, creative.id) if not link.hidden}
        seeds = [
            open_message(worker, bytes(row.sealed), seed_info(row.org_id)).decode()
            for row in store.seeds_of(unit, request.org_id)
        ]
        now, year = unit.now, unit.today.year
    signer = dkim_signer(worker, settings.mail.sending_domain, settings.mail.dkim_selector)
    letters = [
        compose_proof(signer, settings, creative, number, urls, address, now, year)
        for number in range(1 + len(creative.variants))
        for address in seeds
    ]
    accepted = asyncio.run(_carry(letters, settings.mail))
    with database.begin() as unit:
        store.finish(unit, request_id, accepted, len(letters) - accepted)


def compose_proof(
    signer: DkimSigner,
    settings: Settings,
    creative: Creative,
    number: int,
    urls: Mapping[int, str],
    address: str,
    date: datetime,
    year: int,
) -> Letter:
    """The signed proof of one variant for one address."""
    public_url, domain = settings.web.public_url, settings.mail.sending_domain
    variant = None if number == 0 else creative.variants[number - 1]
    subject, html = (creative.subject, creative.html) if variant is None else (variant.subject, variant.html)
    html = _filled(fill_image_slots(html, public_url), creative, urls, year, escape)
    template = compile_template(html, _filled(creative.plain, creative, urls, year, str), public_url)
    body = b"".join(template.pieces)
    letter = f" {LETTERS[number]}" if creative.variants else ""
    title = f"[{MARKS[creative.language]}{letter}] {_filled(subject, creative, urls, year, str)}"
    fields: list[tuple[bytes, bytes]] = [
        (b"From", b"%b\r\n <%b@%b>" % (display_name(creative.from_name), SENDER.encode(), domain.encode())),
        (b"To", b"<%b>" % address.encode("ascii")),
        (b"Subject", header_text(title, 9)),
        (b"Date", format_datetime(date).encode()),
        (b"Message-ID", f"<{new_code('msg')}@{domain}>".encode()),
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", f'multipart/alternative;\r\n boundary="{template.boundary}"'.encode()),
    ]
    canonical = b"".join(b"%b:%b\r\n" % (name.lower(), unfolded(value)) for name, value in fields)
    signature = signer.header(canonical, hashlib.sha256(body).digest(), int(date.timestamp()))
    fields.append((b"X-Courtier-Proof", f"{creative.code};\r\n sha256={creative.content_hash.hex()}".encode()))
    head = b"".join(b"%b: %b\r\n" % field for field in fields)
    return Letter(b"", address.encode("ascii"), signature + head + b"\r\n" + body)


def _filled(text: str, creative: Creative, urls: Mapping[int, str], year: int, written: Callable[[str], str]) -> str:
    """Slots filled with examples; links lead where they will."""
    names = {
        **NAMES[creative.language],
        "advertiser_name": creative.from_name,
        "partners_url": NOWHERE,
        "unsubscribe_url": NOWHERE,
        "current_year": str(year),
    }

    def value(match: re.Match[str]) -> str:
        tag, default = match[1], match[2] or ""
        if tag.startswith("link:"):
            return written(urls.get(int(tag[5:]), NOWHERE))
        if tag in MERGE_TAGS:
            return written(EXAMPLES[creative.language].get(tag) or default)
        return written(names.get(tag, "")).replace("{{", "{ {")

    return SLOT.sub(value, text)


async def _carry(letters: list[Letter], mail: MailSettings) -> int:
    """Hand them to the first relay that answers; how many it took. What is not taken is not tried again."""
    seconds, accepted = float(mail.timeout_seconds), 0
    for relay in relays_of(mail):
        try:
            connection = await connect(relay, seconds)
        except ConnectionLost:
            continue
        try:
            for letter in letters:
                attempted = await connection.carry(letter, seconds, lambda: True, lambda: None)
                accepted += attempted.state == "accepted"
        except ConnectionLost:
            return accepted
        finally:
            connection.quit()
        return accepted
    return accepted
