"""The door for returned mail: an SMTP and LMTP server that holds no key that opens anything.

A message is sealed for the workers before it is written, and acknowledged only after the commit. Taken are the
addresses that our own mails name (`b-<token>`, `u-<token>`) and the desks (abuse, fbl, postmaster) of the bounce
domain; a forged or damaged token is refused in the dialogue, so that nobody's mail ends here by chance.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from broker.bases.model import CODE_FORM
from broker.delivery.domain_store import delegated
from broker.feedback.leak_store import seed_known
from broker.feedback.match_returned import DESKS, read_recipient
from broker.feedback.receive_inbound import receive_inbound
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import CourtierError, SettingsError
from broker.kernel.log import configure_logging, get_logger
from broker.kernel.settings import MailSettings, Settings
from broker.mailings.seeds import seed_domain, tags_in
from broker.operate.processes import imap, maildir
from broker.operate.processes.imap import check_imap, read_imap_quietly
from broker.operate.processes.maildir import check_maildir, read_maildir_quietly
from broker.operate.system import check_port_free
from broker.vault.keyring import FrontKeys, load_front

log = get_logger(__name__)

MOST_RECIPIENTS = 20
DOMAINS_SECONDS = 60.0  # for so long the delegated domains are not asked for again


class Desk:
    """What happens to recipients and messages (the handler of aiosmtpd)."""

    def __init__(self, database: Database, front: FrontKeys, mail: MailSettings) -> None:
        self._database = database
        self._front = front
        self._bounce_domain = mail.bounce_domain.lower()
        self._sending_domain = mail.sending_domain.lower()
        self._known = frozenset((self._sending_domain,)), frozenset((self._bounce_domain,))
        self._known_until = 0.0
        self._seed_domain = seed_domain(mail)

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take our own addresses only."""
        local, _, domain = address.lower().rpartition("@")
        shown, back = await asyncio.to_thread(self._domains)
        if domain in shown and CODE_FORM.fullmatch(local):
            envelope.rcpt_tos.append(address)  # a person answers the sender that the mail showed
            return "250 2.1.5 Ok"
        if domain == self._seed_domain and await asyncio.to_thread(self._is_seed, address):
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 Ok"
        if domain not in back:
            return "550 5.7.1 We take mail for our own domains only"
        if local not in DESKS and read_recipient(self._front, address) is None:
            return "550 5.1.1 No such address here"
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Seal and keep; only then say so."""
        raw = envelope.original_content or b""
        if envelope.mail_from in (None, "", "<>"):
            raw = b"Return-Path: <>\r\n" + raw  # as the last server does (RFC 5321 section 4.4): no answer to this
        try:
            numbers = await asyncio.to_thread(self._keep, list(envelope.rcpt_tos), raw)
        except CourtierError as error:
            log.warning("mailin.not_kept", code=error.code)
            return "451 4.3.0 Not kept, try again later"
        log.info("mailin.kept", inbound_ids=numbers, size=len(raw))
        reply = "250 2.6.0 Kept"
        if not isinstance(server, Door) or not server.speaks_lmtp:
            return reply
        return "\r\n".join([reply] * len(envelope.rcpt_tos))  # RFC 2033 section 4.2: one reply a recipient

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: named, never with what the message held."""
        log.error("mailin.fault", kind=type(error).__name__)
        return "451 4.3.0 Not kept, try again later"

    def _is_seed(self, address: str) -> bool:
        """Whether a mailing wrote to this control mailbox of ours."""
        tags = tags_in(address)
        if not tags:
            return False
        with self._database.begin(PUBLIC) as unit:
            return seed_known(unit, tags[0])

    def _domains(self) -> tuple[frozenset[str], frozenset[str]]:
        """(domains that mails show, domains they return to): ours, and those that owners delegated."""
        if time.monotonic() > self._known_until:
            with suppress(CourtierError):  # away for a moment: what was known holds
                with self._database.begin(PUBLIC) as unit:
                    shown, back = delegated(unit)
                self._known = frozenset((self._sending_domain, *shown)), frozenset((self._bounce_domain, *back))
            self._known_until = time.monotonic() + DOMAINS_SECONDS
        return self._known

    def _keep(self, recipients: list[str], raw: bytes) -> list[int]:
        # A row for each recipient, all or none: each names a send of its own.
        with self._database.begin(PUBLIC) as unit:
            return [receive_inbound(unit, self._front, [recipient], raw) for recipient in recipients]


class Door(SMTP):
    """SMTP, and LMTP for a mail server that hands over locally: the greeting tells which."""

    line_length_limit = 65_536  # servers that bounce wrap less than RFC 5322 asks
    speaks_lmtp = False

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802
        """The greeting of LMTP (RFC 2033)."""
        self.speaks_lmtp = True
        await self.smtp_EHLO(arg)


def make_door(database: Database, front: FrontKeys, settings: Settings) -> Callable[[], Door]:
    """Makes the protocol of one connection."""
    desk = Desk(database, front, settings.mail)
    return partial(
        Door,
        desk,
        data_size_limit=settings.mailin.max_message_kb * 1024,
        enable_SMTPUTF8=True,
        hostname=settings.mail.bounce_domain,
        ident="Courtier",
        timeout=120,
    )


async def serve(
    database: Database, front: FrontKeys, settings: Settings, ready: Callable[[int], None], stop: asyncio.Event
) -> None:
    """Serve until `stop`; `ready` gets the port."""
    loop = asyncio.get_running_loop()
    make: Callable[[], Any] = make_door(database, front, settings)
    server = await loop.create_server(make, settings.mailin.host, settings.mailin.port, backlog=256)
    async with server:
        ready(server.sockets[0].getsockname()[1])
        mailin, most = settings.mailin, settings.mailin.max_message_kb * 1024
        readers = []
        if mailin.maildir:
            folder = Path(mailin.maildir).expanduser()
            look = partial(read_maildir_quietly, database, front, folder, most)
            readers.append(_look_again(look, maildir.PAUSE_SECONDS, stop))
        if mailin.imap_host:
            look = partial(read_imap_quietly, database, front, mailin, most)
            readers.append(_look_again(look, imap.PAUSE_SECONDS, stop))
        await asyncio.gather(stop.wait(), *readers)


async def _look_again(look: Callable[[], None], seconds: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.to_thread(look)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


def run(settings: Settings) -> None:
    """Serve until SIGTERM. The settings carry the address of the role `public` and no other."""
    configure_logging("mailin")
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's own: it names peers and recipients
    address = os.environ.get("COURTIER_PUBLIC_DATABASE_URL") or settings.database.public_url
    if not address:
        raise SettingsError(
            "The mail door was given no database: set database.public_url in the settings,"
            " or start everything with `courtier up`.",
            field="database.public_url",
        )
    check_port_free(settings.mailin.host, settings.mailin.port, "mailin.port")
    if settings.mailin.maildir:
        check_maildir(Path(settings.mailin.maildir).expanduser())
    if settings.mailin.imap_host:
        check_imap(settings.mailin)
    asyncio.run(_serve_until_told(settings, Database(make_engine(address, settings.database.pool_size))))


async def _serve_until_told(settings: Settings, database: Database) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    ready = partial(log.info, "mailin.ready")
    await serve(database, load_front(settings.key_dir), settings, lambda port: ready(port=port), stop)
