"""Simulated recipients, for the demo: they read what the mail sink kept and behave as real ones do.

Everything they do takes the ways of real recipients: HTTP requests to the addresses in the mails, one-click POSTs to
the List-Unsubscribe address (RFC 8058), bounces as RFC 3464 reports over SMTP to the mails' own return path.
"""

from __future__ import annotations

import http.client
import random
import smtplib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.operate.mail_sink import SunkMessage, read_sunk
from broker.operate.returned_mail import absence_notice, bounce_report
from broker.operate.sunk_links import MailLinks, read_links

THREADS = 4
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
)
SCANNERS = (BROWSERS[1], "Mozilla/5.0 (compatible; GatewayScan/2.1)", "python-requests/2.32.3", "")


@dataclass(frozen=True, slots=True)
class Habits:
    """How many recipients of a thousand do what; each does one thing at most."""

    click: float = 24
    scanned: float = 4
    leave: float = 3
    dead: float = 6  # hard bounces
    full: float = 2  # soft ones
    away: float = 1


@dataclass(frozen=True, slots=True)
class _Deed:
    kind: str
    mail: SunkMessage
    links: MailLinks
    seed: int


def simulate_recipients(
    settings: Settings, sink_folder: Path, *, seed: int, habits: Habits | None = None, start: int = 0
) -> dict[str, int]:
    """Let the recipients of the mails in the sink's folder (from byte `start` on) react; what they did, counted:

    `hits` (clicks by people), `scanner_hits`, `unsubscribed`, `bounced` (both hard and soft, delivery given up).
    """
    deeds = list(_draw(sink_folder, random.Random(seed), habits or Habits(), start))
    hands = _Hands(settings)
    counts = {"hits": 0, "scanner_hits": 0, "unsubscribed": 0, "bounced": 0}
    # In the order of life: machines first, then servers' reports, then people.
    for kinds, act, name in (
        (("scanned",), hands.scan, "scanner_hits"),
        (("dead", "full", "away"), hands.return_mail, "bounced"),
        (("leave",), hands.leave, "unsubscribed"),
        (("click",), hands.click, "hits"),
    ):
        counts[name] = hands.all(act, [deed for deed in deeds if deed.kind in kinds])
    return counts


def _draw(folder: Path, dice: random.Random, habits: Habits, start: int) -> Iterator[_Deed]:
    rates = (
        ("click", habits.click), ("scanned", habits.scanned), ("leave", habits.leave),
        ("dead", habits.dead), ("full", habits.full), ("away", habits.away),
    )  # fmt: skip
    for _, mail in read_sunk(folder, start):
        point = dice.random() * 1000
        for kind, rate in rates:
            if point < rate:
                yield _Deed(kind, mail, read_links(mail.raw), dice.getrandbits(32))
                break
            point -= rate


class _Hands:
    """Sends requests and mails, each thread over connections of its own that stay open."""

    def __init__(self, settings: Settings) -> None:
        self._site = urlsplit(settings.web.public_url)
        self._mailin = settings.mailin
        self._bounce_domain = settings.mail.bounce_domain
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection | smtplib.SMTP] = []

    def all(self, act: Callable[[_Deed], int], deeds: Sequence[_Deed]) -> int:
        """Do all deeds of a kind on a few threads; how many came of it."""
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                return sum(pool.map(act, deeds))
        except (OSError, http.client.HTTPException, smtplib.SMTPException) as error:
            raise Unavailable(f"The simulated recipients were not answered: {type(error).__name__}.") from error
        finally:
            while self._open:
                self._open.pop().close()
            self._local = threading.local()

    def click(self, deed: _Deed) -> int:
        """Follow one or two links that a person can see."""
        dice = random.Random(deed.seed)
        links = list(deed.links.visible)
        wanted = dice.sample(links, min(len(links), 1 if dice.random() < 0.8 else 2))
        agent = dice.choice(BROWSERS)
        return sum(self._get(link, agent) for link in wanted)

    def scan(self, deed: _Deed) -> int:
        """Fetch every link of the mail, hidden ones and the unsubscribe page included: a GET changes nothing."""
        agent = random.Random(deed.seed).choice(SCANNERS)
        for link in deed.links.leaving:
            self._get(link, agent, expected=200)
        return sum(self._get(link, agent) for link in (*deed.links.hidden, *deed.links.visible))

    def leave(self, deed: _Deed) -> int:
        """The one click of a mail programme, in one of the two encodings that RFC 8058 names."""
        if not deed.links.one_click:
            return 0
        if deed.seed % 2:
            kind, body = "application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"
        else:
            kind = "multipart/form-data; boundary=one"
            body = b'--one\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--one--\r\n'
        return self._request("POST", deed.links.one_click, 200, {"Content-Type": kind}, body)

    def return_mail(self, deed: _Deed) -> int:
        """Hand a report, or a notice of absence, to the mail's return path."""
        mail = deed.mail
        if deed.kind == "away":
            raw = absence_notice(mail)
        else:
            raw = bounce_report(mail, dead=deed.kind == "dead", variant=deed.seed)
        sender = mail.rcpt_to[0] if deed.kind == "away" else ""
        self._smtp().sendmail(sender, [mail.mail_from], raw)
        return 0 if deed.kind == "away" else 1

    def _get(self, address: str, agent: str, *, expected: int = 302) -> int:
        headers = {"Accept-Language": "fr-FR,fr;q=0.9"} | ({"User-Agent": agent} if agent else {})
        return self._request("GET", address, expected, headers)

    def _request(
        self, method: str, address: str, expected: int, headers: dict[str, str], body: bytes | None = None
    ) -> int:
        connection = self._http()
        connection.request(method, urlsplit(address).path, body, headers)
        reply = connection.getresponse()
        reply.read()
        if reply.status != expected:
            raise Unavailable(
                f"The public pages answered a simulated recipient's {method} with {reply.status}, not {expected}.",
                code="unexpected_reply",
            )
        return 1

    def _http(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "http"):
            secure = self._site.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._local.http = kind(self._site.hostname or "", self._site.port, timeout=30)
            self._open.append(self._local.http)
        connection: http.client.HTTPConnection = self._local.http
        return connection

    def _smtp(self) -> smtplib.SMTP:
        if not hasattr(self._local, "smtp"):
            self._local.smtp = smtplib.SMTP(self._mailin.host, self._mailin.port, "mx.recipient.test", timeout=30)
            self._open.append(self._local.smtp)
        connection: smtplib.SMTP = self._local.smtp
        return connection
