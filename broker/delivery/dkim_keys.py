"""The DKIM keys of the sending domains: which there are, which signs, and the records to publish (RFC 6376, 3.6.1).

A key is renewed with an overlap: the new one is made and its record published, then mail.dkim_selector names it, and
the old record stays published until no mail signed with it is on its way any more; then the old key is taken off.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.settings import MailSettings
from broker.vault.keyring import WorkerKeys

OVERLAP_DAYS = 7  # mail is tried for up to five days (RFC 5321, 4.5.4.1) and verified when it arrives
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key: `name` is where its record stands, `record` what stands there. `signs`: mail is signed with it now."""

    domain: str
    selector: str
    record: str
    signs: bool

    @property
    def name(self) -> str:
        """The name of its TXT record."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file: texts of at most 255 bytes (RFC 1035, 3.3.14)."""
        parts = " ".join(f'"{self.record[at : at + 250]}"' for at in range(0, len(self.record), 250))
        return f"{self.name}. IN TXT ( {parts} )"


def dkim_record(pem: str) -> str:
    """The TXT record of a private key."""
    key = load_pem_private_key(pem.encode("ascii"), None).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode('ascii')}"


def list_dkim_keys(worker: WorkerKeys, mail: MailSettings) -> list[DkimKey]:
    """All keys on the ring, by domain and selector."""
    found = []
    for name in sorted(worker.dkim):
        domain, _, selector = name.partition(":")
        signs = (domain, selector) == (mail.sending_domain, mail.dkim_selector)
        found.append(DkimKey(domain, selector, dkim_record(worker.dkim[name]), signs))
    return found


def check_selector(selector: str) -> None:
    """Refuse what is no single label of the DNS."""
    if not _SELECTOR(selector):
        raise InvalidInput(
            f"'{selector}' is no selector: use 1 to 63 lower-case letters, digits or hyphens.", code="bad_selector"
        )


def check_not_signing(mail: MailSettings, domain: str, selector: str) -> None:
    """Refuse to take off the key that signs now."""
    if (domain, selector) == (mail.sending_domain, mail.dkim_selector):
        raise Conflict(
            f"Mail is signed with the key {selector} of {domain}: name another in mail.dkim_selector first, and leave"
            f" this one's record published for {OVERLAP_DAYS} days.",
            code="selector_signs",
        )


def published(record: str, texts: Sequence[str]) -> str | None:
    """Whether the texts found in the DNS publish this key: None, or what is wrong."""
    wanted = _tags(record)["p"]
    found = [tags for tags in map(_tags, texts) if tags.get("v", "DKIM1") == "DKIM1" and "p" in tags]
    if not found:
        return "there is no such record"
    if len(found) > 1:
        return f"there are {len(found)} records where one is allowed"
    if not found[0]["p"]:
        return "the key is revoked there (p= is empty)"
    if found[0]["p"] != wanted:
        return "another key is published there"
    if "y" in found[0].get("t", "").split(":"):
        return "the record says that the key is only being tested (t=y): receivers ignore its signatures"
    return None


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs if name.strip()}
