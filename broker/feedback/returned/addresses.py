"""Finding addresses in the words of a bounce."""

from __future__ import annotations

import re
from collections.abc import Iterable

from broker.feedback.returned.opened import Fields

ADDRESS = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63})@[A-Za-z0-9](?:[A-Za-z0-9-]*)(?:\.[A-Za-z0-9-]+)+"
)
# Addresses that stand in bounces without being the one that failed.
_MACHINES = re.compile(
    r"^(?:mailer-daemon|postmaster|mail-daemon|abuse|double-bounce|noreply|no-reply|help-?desk|support|[^@]{1,60}-bounces)@",
    re.I,
)
_TYPED = re.compile(r"^\s*(?:rfc822|utf-8|smtp|local|x-local|unknown|x400|internet|rfc-?822)\s*;\s*", re.IGNORECASE)


def bare(found: str) -> str:
    """An address without what stood around it: quotes, dots, a link's or an X.400 address's mark."""
    return re.sub(r"(?i)^(?:mailto:|smtp=)", "", found.strip("'."))


def addresses_in(text: str) -> list[str]:
    """All addresses of a text in their order, each once (compared without case), quotes and dots at the ends cut."""
    found: dict[str, str] = {}
    for match in ADDRESS.finditer(text):
        address = bare(match.group())
        found.setdefault(address.lower(), address)
    return list(found.values())


def typed_address(value: str) -> str:
    """The address of an RFC 3464 field (`rfc822; <user@host>`), or an empty string when it holds none."""
    plain = _TYPED.sub("", value.strip()).strip().strip("<>()\"' ")
    found = addresses_in(plain)
    if found:
        return found[0]
    return ""


def local_name(value: str) -> str:
    """The bare local name of an RFC 3464 field that holds no address, or an empty string."""
    plain = _TYPED.sub("", value.strip()).strip().strip("<>()\"' ")
    return plain if re.fullmatch(r"[\w.+-]{1,64}", plain) else ""


def addresses_of(fields: Fields, *names: str) -> list[str]:
    """The addresses of these header fields."""
    return addresses_in("\n".join(value for name in names for value in fields.get(name, ())))


def is_machine(address: str) -> bool:
    """Whether the address is a server's or a desk's, and so never the recipient sought."""
    return bool(_MACHINES.match(address))


def without(addresses: Iterable[str], excluded: Iterable[str]) -> list[str]:
    """The addresses that are not among the excluded ones (compared without case) nor a machine's."""
    out = {address.lower() for address in excluded}
    return [address for address in addresses if address.lower() not in out and not is_machine(address)]
