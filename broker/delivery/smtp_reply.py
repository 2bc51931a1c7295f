"""SMTP replies (RFC 5321, 4.2): code, text, and what may be kept of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS_LIKE = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:=]+|[^\s<>]+(?:%40|=40)[^\s<>]+", re.IGNORECASE)
BLOT = "•••"
LONGEST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; the lines of a multi-line reply are joined by line feeds."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """2xx (and the 354 of DATA is not)."""
        return 200 <= self.code < 300

    @property
    def transient(self) -> bool:
        """4xx: the same may work later."""
        return 400 <= self.code < 500


def parse_reply(lines: list[bytes]) -> Reply:
    """A reply from its lines (without line ends); a malformed one counts as 4xx, since nothing is known."""
    code = int(lines[-1][:3]) if lines[-1][:3].isdigit() else 451
    return Reply(code, "\n".join(line[4:].decode("utf-8", "replace").strip() for line in lines))


def blotted(reply: Reply, address: str) -> str:
    """Code and text as they may be stored: without the recipient's address, its local part, or any other address."""
    text = _ADDRESS_LIKE.sub(BLOT, reply.text)
    local, _, domain = address.partition("@")
    lowered = text.lower()
    for part in (address, local, domain):
        # Looked for first: a pattern compiled for every mail would cost more than signing it.
        if len(part) >= 2 and part.lower() in lowered:
            text = re.sub(re.escape(part), BLOT, text, flags=re.IGNORECASE)
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return f"{reply.code} {printable}"[:LONGEST_KEPT].rstrip()
