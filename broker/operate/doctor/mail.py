"""Mail: whether relays answer, and what the DNS says of the sending domain."""

from __future__ import annotations

import smtplib

import dns.exception
import dns.resolver

from broker.delivery.dkim_keys import DkimKey, list_dkim_keys, published
from broker.delivery.dkim_model import KeyState
from broker.delivery.dkim_store import keys_of
from broker.delivery.tend_dkim_key import Signing
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import CourtierError
from broker.kernel.settings import RelaySettings, Settings
from broker.operate.database_server import DatabaseServer
from broker.operate.doctor.check import Check
from broker.vault.keyring import WorkerKeys, load_worker

SECONDS = 5.0
_STANDING = {"waiting": "does not sign yet", "leaving": "signed until lately"}


def relay(one: RelaySettings) -> Check:
    """Greets a relay and leaves."""
    name = f"relay {one.host}:{one.port}"
    try:
        with smtplib.SMTP(one.host, one.port, timeout=SECONDS) as client:
            client.ehlo()
            secure = client.has_extn("starttls")
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return Check(name, False, f"The relay does not answer ({why}): check mail.relays and the relay itself.")
    if one.tls in ("required", "encrypt") and not secure:
        return Check(name, False, f"The relay offers no STARTTLS, and its tls is '{one.tls}': enable it on the relay.")
    return Check(name, True, f"The relay answers{' and offers STARTTLS' if secure else ''}.")


def _texts(domain: str) -> list[str] | None:
    """The TXT records of a name; an empty list where there are none, None where the DNS does not answer."""
    try:
        answer = dns.resolver.resolve(domain, "TXT", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        return None
    return [b"".join(record.strings).decode("ascii", "replace") for record in answer]


def _record(name: str, domain: str, start: str, advice: str) -> Check:
    texts = _texts(domain)
    if texts is None:
        return Check(name, False, f"The DNS does not answer for {domain}: check this machine's resolver.")
    found = [text for text in texts if text.lower().replace(" ", "").startswith(start)]
    if len(found) == 1:
        return Check(name, True, f"{domain} has its record.")
    if found:
        return Check(name, False, f"{domain} has {len(found)} records where one is allowed: keep one.")
    return Check(name, False, f"{domain} has no such record: {advice}")


def dns_records(settings: Settings) -> list[Check]:
    """SPF of the bounce domain (the envelope's sender), DMARC of the sending domain, MX for bounces."""
    domain, bounce = settings.mail.sending_domain, settings.mail.bounce_domain
    return [
        _record("SPF", bounce, "v=spf1", 'publish TXT "v=spf1 ip4:<your relay\'s address> -all".'),
        _record("DMARC", f"_dmarc.{domain}", "v=dmarc1", 'publish TXT "v=DMARC1; p=quarantine; rua=mailto:<you>".'),
        _mx(bounce),
    ]


def dkim(settings: Settings, server: DatabaseServer | None) -> list[Check]:
    """Each key of the ring and of the page of signing keys: whether the DNS publishes that very key.

    Which signs stands in the database; without one it is what the settings name.
    """
    try:
        ring = load_worker(settings.key_dir)
        keys, states = (list_dkim_keys(ring, settings.mail), {}) if server is None else _kept(settings, server, ring)
    except CourtierError as error:
        return [Check("DKIM", False, error.sentence)]
    checks = []
    if not any(key.signs for key in keys):
        mail = settings.mail
        say = f"There is no key {mail.dkim_selector} of {mail.sending_domain}: courtier delivery dkim new."
        checks.append(Check("DKIM", False, say))
    return checks + [_published(key, states.get((key.domain, key.selector))) for key in keys]


def _kept(
    settings: Settings, server: DatabaseServer, ring: WorkerKeys
) -> tuple[list[DkimKey], dict[tuple[str, str], KeyState]]:
    engine = make_engine(server.url("worker"), 1)
    try:
        database = Database(engine)
        with database.begin() as unit:
            kept = keys_of(unit, settings.mail.sending_domain)
        listed = Signing(database, lambda: ring, settings).list()
    finally:
        engine.dispose()
    return listed, {(key.domain, key.selector): key.state for key in kept}


def _published(key: DkimKey, state: KeyState | None) -> Check:
    """A key that has not signed may wait for its record; one that signed lately may not."""
    texts = _texts(key.name)
    wrong = None if texts is None else published(key.record, texts)
    standing = "signs now" if key.signs else _STANDING.get(state or "", "does not sign")
    if texts is None:
        say = f"The DNS does not answer for {key.name}: check this machine's resolver."
    elif wrong is None:
        say = f"{key.name} publishes the key, which {standing}."
    else:
        say = f"{key.name}, whose key {standing}: {wrong}. Publish: {key.zone_line}"
        if not key.signs and state is None:
            say += " (Of no more use, take it off: courtier delivery dkim retire.)"
    needed = key.signs or state == "leaving"
    return Check(f"DKIM {key.selector}", (texts is not None and wrong is None) or not needed, say)


def _mx(domain: str) -> Check:
    try:
        dns.resolver.resolve(domain, "MX", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Check(
            "MX", False, f"{domain} has no MX: publish one that leads to courtier mailin, or bounces are lost."
        )
    except dns.exception.DNSException:
        return Check("MX", False, f"The DNS does not answer for {domain}: check this machine's resolver.")
    return Check("MX", True, f"{domain} receives mail.")
