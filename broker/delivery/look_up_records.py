"""Looks at the DNS records of a delegated domain, each by what it must do rather than by its letters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import dns.exception
import dns.resolver

from broker.delivery.sending_domain import Finding, Record, Seen
from broker.kernel.settings import MailSettings

SECONDS = 5.0
LONGEST_SHOWN = 200
# (name, kind) → values; an empty list where there are none, None where the DNS does not answer.
Ask = Callable[[str, str], Sequence[str] | None]


def ask_dns(name: str, kind: str) -> Sequence[str] | None:
    """The values of a name's records: texts joined, hosts in lower case without the last dot."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        return None
    if kind == "TXT":
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]
    if kind == "MX":
        return [f"{record.preference} {str(record.exchange).lower().rstrip('.')}" for record in answer]
    return [str(record.target).lower().rstrip(".") for record in answer]


def look_up(
    records: Sequence[Record], mail: MailSettings, public_keys: Collection[str], ask: Ask = ask_dns
) -> list[Seen]:
    """What the DNS says of each record. `public_keys`: our DKIM keys in base64; a copy of one will do as well."""
    seen = []
    for record in records:
        state, found = _JUDGES[record.purpose](record, mail, public_keys, ask)
        seen.append(
            Seen(record.purpose, record.name, record.kind, record.value, state, "; ".join(found)[:LONGEST_SHOWN])
        )
    return seen


Judged = tuple[Finding, Sequence[str]]


def _dkim(record: Record, mail: MailSettings, public_keys: Collection[str], ask: Ask) -> Judged:
    texts = ask(record.name, "TXT")  # a resolver follows the CNAME
    if texts is None:
        return "unanswered", []
    keys = [text for text in texts if "p=" in text]
    if not keys:
        pointed = ask(record.name, "CNAME") or []
        # It leads to us, and we have not published our own key (courtier doctor says so): not the owner's fault.
        return ("ok", pointed) if record.value in pointed else ("wrong" if pointed else "missing", pointed)
    same = any(_plain(text).partition("p=")[2].partition(";")[0] in public_keys for text in keys)
    return ("ok" if same and len(keys) == 1 else "wrong"), keys


def _spf(record: Record, mail: MailSettings, public_keys: Collection[str], ask: Ask) -> Judged:
    texts = ask(record.name, "TXT")
    if texts is None:
        return "unanswered", []
    policies = [text for text in texts if text.lower().startswith("v=spf1")]
    if not policies:
        return "missing", []
    words = policies[0].lower().split()
    led = f"include:{mail.bounce_domain}" in words or f"redirect={mail.bounce_domain}" in words
    return ("ok" if led and len(policies) == 1 else "wrong"), policies  # two policies are none (RFC 7208, 4.5)


def _mx(record: Record, mail: MailSettings, public_keys: Collection[str], ask: Ask) -> Judged:
    hosts = ask(record.name, "MX")
    if hosts is None:
        return "unanswered", []
    if not hosts:
        return "missing", []
    # Another host beside ours would get some of the mail that is returned.
    ours = all(host.rpartition(" ")[2] == mail.bounce_domain for host in hosts)
    return ("ok" if ours else "wrong"), hosts


def _dmarc(record: Record, mail: MailSettings, public_keys: Collection[str], ask: Ask) -> Judged:
    name = record.name
    while True:  # a policy of the domain above holds here as well (RFC 7489, 6.6.3)
        texts = ask(name, "TXT")
        if texts is None:
            return "unanswered", []
        found = [text for text in texts if text.lower().replace(" ", "").startswith("v=dmarc1")]
        if found:
            return ("ok" if len(found) == 1 and "p=" in found[0] else "wrong"), found
        above = name.removeprefix("_dmarc.").partition(".")[2]
        if above.count(".") < 1:
            return "missing", []
        name = f"_dmarc.{above}"


_JUDGES: dict[str, Callable[[Record, MailSettings, Collection[str], Ask], Judged]] = {
    "dkim": _dkim, "dkim_spare": _dkim, "spf": _spf, "return_path": _mx, "replies": _mx, "dmarc": _dmarc,
}  # fmt: skip


def _plain(text: str) -> str:
    return "".join(text.split())
