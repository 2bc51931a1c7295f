"""Sign a frozen mailing before its hour, so that it leaves at the rate of unsigned mail.

A signature depends on recipient, template and date only. Each mail is composed as it will be sent, dated the start of
its recipient's wave, and its signature kept with sixteen bytes of digest over what was signed. When the hour has come
the mail is composed again, byte for byte: where the digest is the same the signature is used, else the mail is signed
anew. So a changed template, address, key, token or winner of a subject test voids what it touches and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from broker.delivery import presign_store
from broker.delivery.claim import AddressBook
from broker.delivery.compose import Ahead
from broker.delivery.model import Batch, MailingFacts
from broker.delivery.sign import DIGEST_BYTES, SIGNATURE_BYTES
from broker.delivery.store import facts_of, others_waiting
from broker.delivery.turn import Turn
from broker.delivery.variants import VariantComposer, composer_of
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings
from broker.mailings.flow_store import Progress, flow_row, recipients_of
from broker.mailings.seeds import seed_domain
from broker.mailings.store import creative_by_id
from broker.mailings.waves import test_group, wave_ends
from broker.vault.keyring import WorkerKeys

BLOCK = 200  # positions, or fewer where a wave ends
LATEST = timedelta(hours=2)  # a wave that starts later bears its own date
OLDEST = timedelta(hours=24)  # a retry after that bears its own date


def presign_mailing(
    database: Database,
    worker_keys: WorkerKeys,
    settings: Settings,
    mailing_id: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    slice_seconds: float = 10.0,
) -> None:
    """Sign what a frozen mailing will send. Resumable block by block; makes way for mailings that leave now."""
    turn = Turn(should_stop, slice_seconds)
    with database.begin() as unit:
        facts = facts_of(unit, mailing_id)
        hour = presign_store.starts_at(unit, mailing_id)
        if facts is None or facts.state != "frozen" or hour is None or hour <= unit.now:
            return
        if not settings.mail.sign_ahead:
            presign_store.begin(unit, mailing_id, hour)
            presign_store.finish(unit, mailing_id)
            return
        composer = composer_of(unit, worker_keys, settings, facts)
        plan = _plan(unit, facts, hour, composer)
        low, last = presign_store.begin(unit, mailing_id, hour), presign_store.last_position(unit, facts)
    book = AddressBook(worker_keys, facts.base_id, seed_domain(settings.mail))
    while low <= last:
        if turn.is_over(partial(_others, database, facts)):
            with database.begin() as unit:
                unit.enqueue("presign_mailing", mailing_id)
            return
        upto, dated = _wave_of(plan, low)
        upto = min(low + BLOCK, upto, last + 1)
        with database.begin() as unit:
            rows = presign_store.rows(unit, facts, low, upto)
            people = book.open_batch(unit, facts, Batch(UUID(int=0), tuple(rows), 0.0))
        persons = [(row.position, row.person) for row in people if row.person is not None]
        digests, signatures, made = _signed(composer, persons, low, upto - low, dated)
        with database.begin() as unit:
            if not presign_store.keep(
                unit, mailing_id, low, dated, digests, signatures, made=made, upto=upto
            ) or not _still_waits(unit, mailing_id, hour):
                return
        low = upto
    with database.begin() as unit:
        presign_store.finish(unit, mailing_id)


def _others(database: Database, facts: MailingFacts) -> tuple[int, int]:
    with database.begin() as unit:
        return others_waiting(unit, facts)


def _still_waits(unit: UnitOfWork, mailing_id: int, hour: datetime) -> bool:
    facts = facts_of(unit, mailing_id)
    return facts is not None and facts.state == "frozen" and presign_store.starts_at(unit, mailing_id) == hour


def _plan(
    unit: UnitOfWork, facts: MailingFacts, hour: datetime, composer: VariantComposer
) -> list[tuple[int, datetime]]:
    """(positions under it, hour) of each wave as it is planned; those behind a subject test have no hour yet."""
    creative, flow = creative_by_id(unit, facts.creative_id), flow_row(unit, facts.id)
    shares = () if flow is None else tuple(flow.shares)
    recipients = recipients_of(unit, facts.dispatch_id, facts.id)
    if creative is not None and creative.test is not None:
        variants = 1 + len(creative.variants)
        tested = test_group(recipients, creative.test.share_percent, variants)
        composer.plan(Progress(recipients, variants, tested, tested, None, None, None))
        return [(tested, hour), (2**31 - 1, hour)]
    if flow is None or len(shares) < 2:
        return [(2**31 - 1, hour)]
    ends = wave_ends(recipients, 0, shares)
    waves = [(end, hour + timedelta(minutes=at * flow.gap_minutes)) for at, end in enumerate(ends)]
    return [*waves, (2**31 - 1, hour)]


def _wave_of(plan: list[tuple[int, datetime]], position: int) -> tuple[int, datetime]:
    return next(one for one in plan if position < one[0])


def _signed(
    composer: VariantComposer, persons: list[tuple[int, dict[str, str]]], low: int, count: int, dated: datetime
) -> tuple[bytes, bytes, int]:
    """(digests, signatures, how many) of a block; zeros where there is none."""
    digests, signatures = bytearray(count * DIGEST_BYTES), bytearray(count * SIGNATURE_BYTES)
    made = 0
    for position, digest, signature in composer.sign_ahead(persons, dated):
        if len(signature) == SIGNATURE_BYTES:
            at = position - low
            digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] = digest
            signatures[at * SIGNATURE_BYTES : (at + 1) * SIGNATURE_BYTES] = signature
            made += 1
    return bytes(digests), bytes(signatures), made


def signatures_ahead(unit: UnitOfWork, mailing_id: int, positions: list[int]) -> Mapping[int, Ahead]:
    """What was signed ahead for these positions, as far as their wave began at its hour or up to two hours later."""
    found: dict[int, Ahead] = {}
    wanted = set(positions)
    begun = presign_store.begun_at(unit, mailing_id)
    for block in presign_store.blocks(unit, mailing_id, min(positions), max(positions), BLOCK):
        dated: datetime = block.dated
        opened = next(at for upto, at in begun if block.block < upto)
        if opened is None or not dated <= opened <= dated + LATEST or unit.now > dated + OLDEST:
            continue
        digests, signatures = bytes(block.digests), bytes(block.signatures)
        made = {}
        for at in range(len(digests) // DIGEST_BYTES):
            if block.block + at in wanted:
                digest = digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
                made[block.block + at] = (digest, signatures[at * SIGNATURE_BYTES : (at + 1) * SIGNATURE_BYTES])
        ahead = Ahead(dated, made)
        found.update(dict.fromkeys(made, ahead))
    return found
