"""Mail: whether relays answer, and what the DNS says of the sending domain."""

from __future__ import annotations

import smtplib

import dns.exception
import dns.resolver

from broker.kernel.settings import RelaySettings, Settings
from broker.operate.doctor.check import Check

SECONDS = 5.0


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
    if one.tls == "required" and not secure:
        return Check(name, False, "The relay offers no STARTTLS, and its tls is 'required': enable it on the relay.")
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
    """SPF of the bounce domain (the envelope's sender), DKIM and DMARC of the sending domain, MX for bounces."""
    domain, bounce = settings.mail.sending_domain, settings.mail.bounce_domain
    selector = f"{settings.mail.dkim_selector}._domainkey.{domain}"
    return [
        _record("SPF", bounce, "v=spf1", 'publish TXT "v=spf1 ip4:<your relay\'s address> -all".'),
        _record("DKIM", selector, "v=dkim1", 'publish TXT "v=DKIM1; k=rsa; p=<the public key>" (mail.dkim_selector).'),
        _record("DMARC", f"_dmarc.{domain}", "v=dmarc1", 'publish TXT "v=DMARC1; p=quarantine; rua=mailto:<you>".'),
        _mx(bounce),
    ]


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
