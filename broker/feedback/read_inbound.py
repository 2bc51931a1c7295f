"""Reads a returned message and lets it take effect; then nothing of it is left but the verdict.

A letter of a person that asks for nothing is answered, outside the transaction and once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.feedback import store
from broker.feedback.answer_letter import prepare_answer
from broker.feedback.leaks import seen_at_seed
from broker.feedback.match_returned import COMPLAINT_DESKS, match_returned
from broker.feedback.model import ONE_CLICK_SCOPE, ReturnedMail, SendKey
from broker.feedback.parse_returned import read_opened
from broker.feedback.receive_inbound import open_inbound
from broker.feedback.returned.complaint import OPT_OUTS, WITHOUT_EFFECT
from broker.feedback.returned.opened import open_mail
from broker.feedback.tally_returned import tally_returned
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.log import get_logger
from broker.kernel.settings import MailSettings, Settings
from broker.suppression.suppress import suppress
from broker.vault.keyring import WorkerKeys

log = get_logger(__name__)

# billing.reverse_bounces, given by whoever wires the job: money is a later room.
ReverseBounces = Callable[[UnitOfWork, int, Sequence[tuple[int, int]]], None]

Post = Callable[[WorkerKeys, MailSettings, Note], object]

# Reasons of soft bounces that tell of us or of the mail, not of the mailbox: they speak against no address.
NOT_THE_MAILBOX = frozenset(
    {
        "sender_refused", "message_too_large", "mail_loop", "authentication", "blocked", "spam", "virus", "format",
        "relay_denied", "policy", "greylisted",
    }
)  # fmt: skip
IN_FLIGHT = frozenset({"claimed", "attempting"})
WAIT_SECONDS = 30


def read_inbound(
    database: Database,
    worker: WorkerKeys,
    settings: Settings,
    inbound_id: int,
    reverse_bounces: ReverseBounces,
    post: Post = post_note,
) -> None:
    """Job: open, parse, match, act, destroy, all in one transaction; then `post` the answer, if any. Twice is once.

    A bounce can come before the outcome of its own mail is written: then it is looked at again a little later.
    """
    with database.begin() as unit:
        answer = _read(unit, worker, settings, inbound_id, reverse_bounces)
    if answer is not None:
        try:
            post(worker, settings.mail, answer)
        except ConnectionLost:
            log.warning("answer.lost", inbound=inbound_id)  # a courtesy: it is not tried again


def _read(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, inbound_id: int, reverse_bounces: ReverseBounces
) -> Note | None:
    sealed = store.lock_inbound(unit, inbound_id)
    if sealed is None:
        return None
    recipients, raw = open_inbound(worker, sealed)
    mail = open_mail(raw)
    result = meant(strongest(read_opened(mail)))
    if seen_at_seed(unit, worker.front, recipients, mail):
        result = replace(result, kind="other", verdict="none", status="", reason="seed")
        store.finish_inbound(unit, inbound_id, result, None)
        return None
    match = match_returned(worker.front, recipients, mail)
    if match is None:
        store.finish_inbound(unit, inbound_id, result, None)
        return None
    if result.kind == "other" and mail.returned and _came_to_complain(recipients):
        result = replace(result, kind="complaint", verdict="none", reason="copy")
    if match.asks_to_leave and result.kind != "bounce":
        result = replace(result, kind="unsubscribe", verdict="none", reason="asked_by_mail")
    if not act(unit, settings, inbound_id, result, match.key, reverse_bounces):
        unit.enqueue("read_inbound", inbound_id, after_seconds=WAIT_SECONDS)
        return None
    tally_returned(unit, settings.mail, inbound_id, result, mail, match.key)
    store.finish_inbound(unit, inbound_id, result, match.key)
    if result.kind == "other" and not result.reason:
        return prepare_answer(unit, worker, settings, mail, match.key)
    return None


def _came_to_complain(recipients: Sequence[str]) -> bool:
    """Whether a message was sent to the desk of complaints: some providers return the mail itself, without a report."""
    return any(address.rpartition("@")[0].lower() in COMPLAINT_DESKS for address in recipients)


def act(
    unit: UnitOfWork,
    settings: Settings,
    inbound_id: int,
    result: ReturnedMail,
    key: SendKey,
    reverse_bounces: ReverseBounces,
) -> bool:
    """Let one result take effect on its send; False when it is too early for that."""
    if result.kind == "complaint":
        store.leave(unit, key, "everywhere", "complaint")
    elif result.kind == "unsubscribe":
        store.leave(unit, key, ONE_CLICK_SCOPE, "opt_out")
    elif result.kind == "bounce" and result.final:
        return _bounce(unit, settings, inbound_id, result, key, reverse_bounces)
    return True


def meant(result: ReturnedMail) -> ReturnedMail:
    """What a report counts as here: not every type of RFC 5965 is a complaint of a person.

    | type                     | counts as                                                    |
    | auth-failure, not-spam   | nothing                                                      |
    | opt-out, opt-out-list    | the wish to leave this list: the button for it was pressed   |
    | any other                | a complaint                                                  |
    """
    if result.kind == "complaint" and result.reason in WITHOUT_EFFECT:
        return replace(result, kind="other")
    if result.kind == "complaint" and result.reason in OPT_OUTS:
        return replace(result, kind="unsubscribe")
    return result


def strongest(results: Sequence[ReturnedMail]) -> ReturnedMail:
    """The result that counts for a message about one send: a failure before a delay, hard before soft."""
    return max(results, key=lambda one: (one.kind == "bounce", one.final, one.verdict == "hard"))


def _bounce(
    unit: UnitOfWork,
    settings: Settings,
    inbound_id: int,
    result: ReturnedMail,
    key: SendKey,
    reverse_bounces: ReverseBounces,
) -> bool:
    """Mark the send, take it out of the bill within the freeze, and stop mail to a dead address.

    | state before            | after                                                                           |
    | accepted                | accepted and bounced; its accrual is reversed while the mailing is open         |
    | uncertain, mailing open | accepted and bounced: this is the written proof that it left; it was never billed |
    | uncertain, closed       | unchanged: what has been settled is not told otherwise afterwards               |
    | claimed, attempting     | unchanged: the outcome is about to be written, looked at again later            |
    | any other               | unchanged: nothing of ours can have bounced                                     |
    """
    still_open = store.mailing_open(unit, key.mailing_id)  # first, so that it is not settled in between
    found = store.lock_send(unit, key)
    if found is None:
        return True
    state, bounced, contact_key, pepper_version = found
    if state in IN_FLIGHT:
        return False
    if not bounced and (state == "accepted" or (state == "uncertain" and still_open)):
        store.mark_bounced(unit, key, result.status)
        if state == "accepted" and still_open:
            reverse_bounces(unit, key.mailing_id, [(key.dispatch_id, key.position)])
    evidence = f"inbound {inbound_id}"
    if result.verdict == "hard":
        suppress(unit, contact_key, pepper_version, "everywhere", "hard_bounce", evidence=evidence)
    elif result.reason not in NOT_THE_MAILBOX:
        store.note_soft_bounce(unit, contact_key, key)
        if _counts_as_dead(unit, settings, contact_key):
            evidence += f", soft for the {settings.mailin.soft_bounces}th day"
            suppress(unit, contact_key, pepper_version, "everywhere", "hard_bounce", evidence=evidence)
    return True


def _counts_as_dead(unit: UnitOfWork, settings: Settings, contact_key: bytes) -> bool:
    """Whether enough days of soft bounces lie behind this address with nothing delivered since."""
    since = unit.now - timedelta(days=settings.mailin.soft_bounce_days)
    settled = unit.now - timedelta(hours=settings.trade.bounce_freeze_hours)
    return store.days_of_soft_bounces(unit, contact_key, since, settled) >= settings.mailin.soft_bounces
