"""The composers of a mailing, one a variant of its subject, and the proof of what they were made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.delivery import render_store
from broker.delivery.compose import Ahead, Composer, Envelope
from broker.delivery.domain_store import domain_of_mailing
from broker.delivery.letter import Letter
from broker.delivery.model import MailingFacts
from broker.delivery.opens import open_address, with_picture
from broker.delivery.sign import dkim_signer
from broker.delivery.template import compile_template
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import IntegrityFault
from broker.kernel.settings import Settings
from broker.mailings.flow_store import Progress, progress_of
from broker.mailings.model import Creative
from broker.mailings.sign_creative import check_content
from broker.mailings.slots import fill_image_slots, fill_mailing_slots
from broker.mailings.store import creative_by_id, links_of
from broker.mailings.variants import variant_of
from broker.vault.keyring import WorkerKeys


class VariantComposer:
    """Composes each recipient's mail in the variant that its position gets."""

    def __init__(self, composers: Sequence[Composer], mailing_id: int, progress: Progress | None) -> None:
        self._composers = composers
        self._mailing_id = mailing_id
        self._progress = progress
        self._planned: Progress | None = None

    def learn(self, unit: UnitOfWork, positions: Sequence[int]) -> None:
        """Read the winner, where some of these positions need one: the gate was opened for them by its choice."""
        if self._progress is not None and self._progress.winner is None and self._progress.variants > 1:
            self._progress = progress_of(unit, self._mailing_id)

    def compose(self, position: int, person: dict[str, str], date: datetime) -> Letter | None:
        """The signed mail of one recipient, or None where the address cannot be written to."""
        return self._composers[self.variant(position)].compose(position, person, date)

    def compose_all(
        self, people: Sequence[tuple[int, dict[str, str]]], date: datetime, ahead: Ahead | None = None
    ) -> list[Letter | None]:
        """The mails of many recipients, in order."""
        if len(self._composers) == 1:
            return self._composers[0].compose_all(people, date, ahead)
        return [self._composers[self.variant(one[0])].compose_all([one], date, ahead)[0] for one in people]

    def sign_ahead(
        self, people: Sequence[tuple[int, dict[str, str]]], date: datetime
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """(position, digest, signature) of each mail whose variant is known already and that can be sent."""
        for number, composer in enumerate(self._composers):
            mine = [one for one in people if self._known_variant(one[0]) == number]
            for (position, _), made in zip(mine, composer.sign_ahead(mine, date), strict=True):
                if made is not None:
                    yield position, *made

    def _known_variant(self, position: int) -> int | None:
        """The variant of a position, None while its subject test is undecided."""
        if len(self._composers) == 1:
            return 0
        known = self._planned or self._progress
        if known is None:
            return None
        return variant_of(position, known.recipients, known.test_size, known.variants, known.winner)

    def plan(self, progress: Progress) -> None:
        """The parts that the mailing will be cut into when it starts; for what is made before."""
        self._planned = progress

    def variant(self, position: int) -> int:
        """The number of a position's variant. Raises `no_winner`: such a position was let out too early."""
        known = self._progress
        if known is None or len(self._composers) == 1:
            return 0
        found = variant_of(position, known.recipients, known.test_size, known.variants, known.winner)
        if found is None:
            raise IntegrityFault("A recipient was let out before the subject test was decided.", code="no_winner")
        return found


def composer_of(
    unit: UnitOfWork, worker_keys: WorkerKeys, settings: Settings, facts: MailingFacts, *, noted: bool = True
) -> VariantComposer:
    """Prove that the creative is what was signed, compile each variant once, and write down what came of it."""
    creative = signed_creative(unit, facts)
    mail, values = settings.mail, mailing_values(unit, settings, facts)
    domain, back = domain_of_mailing(unit, facts.id) or (mail.sending_domain, mail.bounce_domain)
    signer = dkim_signer(worker_keys, domain, mail.dkim_selector, key_of=mail.sending_domain)
    composers = []
    public_url = settings.web.public_url
    picture = open_address(worker_keys.front, public_url, facts.dispatch_id, facts.id) if mail.count_opens else ""
    for number, one in enumerate(rendered(creative, values, public_url)):
        if noted:
            render_store.note(unit, facts.id, number, one.digest)
        html = with_picture(one.html, picture) if picture else one.html
        envelope = Envelope(
            dispatch_id=facts.dispatch_id,
            mailing_id=facts.id,
            mailing_code=facts.code,
            base_code=facts.base_code,
            kind=facts.kind,
            subject=one.subject,
            from_name=creative.from_name,
            sending_domain=domain,
            bounce_domain=back,
            public_url=public_url,
        )
        template = compile_template(html, one.plain, public_url)
        composers.append(Composer(worker_keys.front, signer, envelope, template))
    return VariantComposer(composers, facts.id, progress_of(unit, facts.id))


def signed_creative(unit: UnitOfWork, facts: MailingFacts) -> Creative:
    """The creative of a mailing, proven: signed, by the hash that the mailing was planned with, and unaltered."""
    creative = creative_by_id(unit, facts.creative_id)
    if creative is None or not creative.signed or creative.content_hash != facts.content_hash:
        raise IntegrityFault("The creative is not the one that was signed for this mailing.", code="creative_altered")
    check_content(creative, links_of(unit, creative.id))
    return creative


def mailing_values(unit: UnitOfWork, settings: Settings, facts: MailingFacts) -> dict[str, str]:
    """The slots that all mails of a mailing share."""
    return {
        "owner_name": facts.owner_name,
        "advertiser_name": facts.advertiser_name,
        "advertiser_identity": facts.advertiser_identity,
        "partners_url": f"{settings.web.public_url}/partners/{facts.base_code}",
        "current_year": str(unit.today.year),
    }


@dataclass(frozen=True, slots=True)
class Rendered:
    """One variant with the slots of its mailing filled; those of a person stay."""

    subject: str
    html: str = field(repr=False)
    plain: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 over all of it: what the senders wrote down is compared with it later."""
        parts = [self.subject, self.html, self.plain]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()


def rendered(creative: Creative, values: Mapping[str, str], public_url: str) -> list[Rendered]:
    """Each variant, A first; without the picture that counts opens, which is no part of what is signed."""
    plain = fill_mailing_slots(creative.plain, dict(values))
    pairs = [(creative.subject, creative.html), *((one.subject, one.html) for one in creative.variants)]
    return [
        Rendered(
            fill_mailing_slots(subject, dict(values)),
            fill_mailing_slots(fill_image_slots(html, public_url), dict(values), in_html=True),
            plain,
        )
        for subject, html in pairs
    ]
