"""What a confirmed request leads to: the report by mail, or the erasure everywhere."""

from __future__ import annotations

from collections.abc import Callable

from broker.audit.record import record
from broker.bases.erase import erase_address
from broker.delivery.converse import ConnectionLost
from broker.delivery.post_letter import Note, post_note
from broker.feedback import rights_store, store
from broker.feedback.access_report import access_report, held_about
from broker.feedback.letters import letter_words
from broker.feedback.match_request import REQUEST_SENDER, keys_of, opened_request
from broker.feedback.portable import portable_files
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import NotFound, Unavailable
from broker.kernel.log import get_logger
from broker.kernel.settings import MailSettings, Settings
from broker.vault.keyring import WorkerKeys

log = get_logger(__name__)

Post = Callable[[WorkerKeys, MailSettings, Note], object]


def answer_request(
    database: Database, worker: WorkerKeys, settings: Settings, request_id: int, post: Post = post_note
) -> None:
    """Job: answer, then destroy the address.

    A report that no relay takes now is tried again (`Unavailable`); an erasure waits for no relay, its notice may be
    lost.
    """
    notice: Note | None = None
    with database.begin() as unit:
        found = rights_store.lock_confirmed(unit, request_id)
        if found is None:
            return
        kind, base_code, sealed = found
        address = opened_request(worker, sealed)
        keys = keys_of(worker, address)
        language = rights_store.language_of(unit, keys) or "fr"
        if kind == "erasure":
            _erase(unit, worker, address, base_code, f"request {request_id}")
            notice = _note(unit, settings, address, language, "erased")
        else:
            snapshots = settings.state_dir / "snapshots"
            if kind == "portability":
                enclosed = portable_files(held_about(unit, worker, snapshots, keys, base_code))
            else:
                report = access_report(unit, worker, snapshots, keys, base_code)
                enclosed = (("data.json", "application/json", report),)
            try:
                post(worker, settings.mail, _note(unit, settings, address, language, "report", enclosed))
            except ConnectionLost as error:
                raise Unavailable("No relay takes the report now; it is tried again.", code="no_relay") from error
        store.finish_typed_request(unit, request_id)
        rights_store.answer_logged(unit, request_id, "granted")
        record(unit, "request.answered", "typed_request", request_id, kind=kind)
    if notice is not None:
        try:
            post(worker, settings.mail, notice)
        except ConnectionLost:
            log.warning("request.notice_lost", request=request_id)


def _erase(unit: UnitOfWork, worker: WorkerKeys, address: str, base_code: str, via: str) -> None:
    """From the base that the page was about; from all where it named none, or one that there is not."""
    try:
        erase_address(unit, worker, address, base_code, via)
    except NotFound:
        erase_address(unit, worker, address, "", via)


def _note(
    unit: UnitOfWork,
    settings: Settings,
    address: str,
    language: str,
    name: str,
    enclosed: tuple[tuple[str, str, bytes], ...] = (),
) -> Note:
    subject, words = letter_words(language, name)
    text = words.format(company=settings.company.name, objection_url=f"{settings.web.public_url}/objection")
    return Note(
        to=address,
        local=REQUEST_SENDER,
        from_name=settings.company.name,
        subject=subject,
        text=text,
        date=unit.now,
        enclosed=enclosed,
    )
