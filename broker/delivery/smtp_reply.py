"""SMTP replies (RFC 5321, 4.2; enhanced codes RFC 3463): code, text, what they mean, and what may be kept of them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

_ADDRESS_LIKE = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:=]+|[^\s<>]+(?:%40|=40)[^\s<>]+", re.IGNORECASE)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
BLOT = "•••"
LONGEST_KEPT = 200

# What a refusal, or a putting off, rests on. `relay` means that our own relay does not do its work for us (log-in,
# relaying denied): nothing is said about the recipient.
Reason = Literal["address", "policy", "content", "reputation", "busy", "lost", "relay"]

# Words first, since many servers put the same code on everything. Each line: reason, pattern over code and text.
_WORDS: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    ("relay", re.compile(r"relay(?:ing)? (?:access )?(?:denied|not permitted|prohibited)|unable to relay"
                         r"|authentication (?:is )?required|not authenti", re.I)),
    ("reputation", re.compile(r"block ?list|black ?list|\brbl\b|spamhaus|barracuda|reputation|bad ?list|blocked using"
                              r"|complaint|too many (?:spam|bad)|poor rep"
                              r"|\bIP\b.{0,40}\b(?:block|ban|reject|list)ed", re.I)),
    ("policy", re.compile(r"grey ?list|gray ?list|\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|\bPTR\b|reverse dns"
                          r"|rate.?limit|too (?:many|fast|much)|thrott|quota exceeded for sender", re.I)),
    ("content", re.compile(r"\bspam\b|unsolicited|virus|malware|phish|content|message (?:size|too)|too (?:large|big)"
                           r"|size limit|attachment|\burl\b", re.I)),
    ("address", re.compile(r"user (?:unknown|not found|doesn.t exist)|unknown (?:user|recipient|mailbox)"
                           r"|no such|mailbox (?:unavailable|not found|full|disabled|does)|over ?quota|inactive"
                           r"|does not exist|invalid (?:recipient|mailbox|address)|account (?:is )?(?:disabled|closed)"
                           r"|recipient (?:address )?rejected|no mailbox", re.I)),
)  # fmt: skip
# RFC 3463: subject and detail where they say more than the class. Subject alone is the entry with detail -1.
_BY_ENHANCED: dict[tuple[int, int], Reason] = {
    (1, -1): "address",
    (2, -1): "address",
    (1, 7): "policy",  # bad sender's address syntax
    (1, 8): "policy",  # bad sender's system
    (2, 3): "content",  # message length exceeds the mailbox's limit
    (3, -1): "busy",
    (3, 4): "content",
    (4, -1): "busy",
    (5, -1): "relay",
    (5, 3): "policy",  # too many recipients
    (6, -1): "content",
    (7, -1): "policy",
    (7, 13): "address",  # account disabled (RFC 7505, 5248)
}
_BY_CODE: dict[int, Reason] = {
    421: "busy", 450: "busy", 451: "busy", 452: "busy", 454: "relay", 530: "relay", 535: "relay", 538: "relay",
    550: "address", 551: "address", 552: "content", 553: "address", 554: "policy", 555: "relay", 556: "address",
}  # fmt: skip


class Reply(NamedTuple):
    """One reply; the lines of a multi-line reply are joined by line feeds. `malformed`: its code was made up here."""

    code: int
    text: str
    malformed: bool = False

    @property
    def positive(self) -> bool:
        """2xx (and the 354 of DATA is not)."""
        return 200 <= self.code < 300

    @property
    def transient(self) -> bool:
        """4xx: the same may work later."""
        return 400 <= self.code < 500

    @property
    def enhanced(self) -> tuple[int, int, int] | None:
        """The enhanced status code in front of the text (RFC 2034), or None."""
        found = _ENHANCED.match(self.text)
        return (int(found[1]), int(found[2]), int(found[3])) if found else None


def parse_reply(lines: list[bytes]) -> Reply:
    """A reply from its lines (without line ends); a malformed one counts as 4xx, since nothing is known."""
    last = lines[-1]
    if not last[:3].isdigit():
        return Reply(451, last[4:].decode("utf-8", "replace").strip(), malformed=True)
    if len(lines) == 1:
        return Reply(int(last[:3]), last[4:].decode("utf-8", "replace").strip())
    return Reply(int(last[:3]), "\n".join(line[4:].decode("utf-8", "replace").strip() for line in lines))


def reason_of(reply: Reply) -> Reason | None:
    """Why something was refused or put off; None of a positive reply. Words weigh more than codes."""
    if reply.positive or reply.code == 354:
        return None
    if reply.code == 0:
        return "lost"
    enhanced = reply.enhanced
    if (
        enhanced is not None
        and enhanced[1] in (1, 2)
        and enhanced[1:] in ((1, 1), (1, 2), (1, 3), (1, 10), (2, 1), (2, 2))
    ):
        return "address"  # as definite as a code can be: what follows is only its telling
    for reason, words in _WORDS:
        if words.search(reply.text):
            return reason
    if enhanced is not None:
        known = _BY_ENHANCED.get(enhanced[1:], _BY_ENHANCED.get((enhanced[1], -1)))
        if known is not None and not (reply.transient and known == "relay"):
            return known
    return _BY_CODE.get(reply.code, "busy" if reply.transient else "policy")


def blotted(reply: Reply, address: str) -> str:
    """Code and text as they may be stored: without the recipient's address, its local part, or any other address."""
    text = _ADDRESS_LIKE.sub(BLOT, reply.text) if "@" in reply.text or "40" in reply.text else reply.text
    local, _, domain = address.partition("@")
    lowered = text.lower()
    for part in (address, local, domain):
        # Looked for first: a pattern compiled for every mail would cost more than signing it.
        if len(part) >= 2 and part.lower() in lowered:
            text = re.sub(re.escape(part), BLOT, text, flags=re.IGNORECASE)
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return f"{reply.code} {printable}"[:LONGEST_KEPT].rstrip()
