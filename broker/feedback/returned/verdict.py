"""Hard, soft or none: what the words and codes of a bounce say about the address.

Hard is said only of the address itself (nobody there, no such domain, closed for good): it ends every later mail to
it. Whatever speaks of the moment, the message or the sender (full, too large, spam, policy, relaying) is soft.
Words are read before codes, because many servers say 5.1.1 for a full mailbox and 5.0.0 for a missing one.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from broker.feedback.model import Verdict

MOST_WORDS = 8_000  # characters judged: a server says why at once


class Judgement(NamedTuple):
    """A verdict with its stable reason."""

    verdict: Verdict
    reason: str


# (reason, verdict, words). The first that is found wins, so the order matters: what could be mistaken stands later.

WORDS = Path(__file__).parent.parent / "data" / "bounce_words.txt"


class _Rule(NamedTuple):
    reason: str
    verdict: Verdict
    weak: bool
    pattern: re.Pattern[str]


@cache
def _rules() -> tuple[_Rule, ...]:
    """The sections of the data file in their order, read at first use."""
    rules: list[_Rule] = []
    for section in re.split(r"(?m)^(?=\[)", WORDS.read_text(encoding="utf-8"))[1:]:
        head, *lines = section.split("\n")
        found = re.fullmatch(r"\[(\w+)\] (hard|soft)( weak)?", head)
        assert found is not None, head
        words = "|".join(line for line in lines if line).replace(".{0,", r"(?:(?![.:;!?] ).){0,")
        verdict: Verdict = "hard" if found[2] == "hard" else "soft"
        rules.append(_Rule(found[1], verdict, bool(found[3]), re.compile(words, re.IGNORECASE)))
    return tuple(rules)


# Enhanced codes of RFC 3463 and its registry that speak of the address itself. 5.1.7 and 5.1.8 are the sender's; 5.1.0
# is "something about the address", and servers say it of senders too.
_HARD_CODES = {
    "5.1.1": "user_unknown",
    "5.1.2": "domain_unknown",
    "5.1.3": "user_unknown",
    "5.1.4": "user_unknown",
    "5.1.6": "moved",
    "5.1.10": "domain_unknown",
    "5.4.4": "domain_unknown",
    "5.4.310": "domain_unknown",
}
_SENDER_CODES = frozenset({"5.1.7", "5.1.8"})
_SOFT_CODES = {
    "2.1": "address_disabled",  # RFC 3463: the mailbox exists, and may be enabled again
    "2.2": "mailbox_full", "2.3": "message_too_large",
    "3.4": "message_too_large", "3.1": "server_error",
    "3.2": "server_error", "3.3": "server_error", "3.5": "server_error",
    "4.1": "network", "4.2": "network", "4.3": "network", "4.5": "network", "4.6": "mail_loop", "4.7": "network",
    "6.": "format", "7.": "policy",
}  # fmt: skip

# The server had taken the address at RCPT and refuses what it has read since: a filter that says "unknown" of whoever
# is not let through (gateways of phone companies do). With pipelining the refusal of RCPT is printed below DATA too;
# the next reply then says that no recipient is left.
_AFTER_DATA = re.compile(
    r"in reply to (?:end of )?DATA\b|after (?:end of data|DATA)\b|\bcommand\W{1,20}DATA\b"
    r"|5\.3\.0 - Other mail system problem"  # a gateway's class for what was refused behind RCPT
    r"|>>> DATA\s+(?:<<<|>>>)? ?5\d\d "
    r"(?!.{0,300}(?:<<<|>>>) 5\d\d (?:\d\.\d\.\d )?.{0,12}(?:need rcpt|no valid recip))",
    re.IGNORECASE | re.DOTALL,
)
_NO_MAIL_AT_ALL = re.compile(r"null ?mx|(?:host|domain) does(?: not|n.t) accept (?:any )?(?:e-?)?mail", re.IGNORECASE)
_NO_ACCOUNT = re.compile(r"does ?n.t have an? \S{1,60} account", re.IGNORECASE)
_NAMELESS = re.compile(r"\b550:?\s+:\s+User unknown")  # with nobody before the colon: a phone company's filter
_OF_NOBODY = frozenset({"user_unknown", "domain_unknown"})
# RFC 3463: the mailbox exists and takes no messages. "Unknown" beside it is believed of a refusal of RCPT only.
_EXISTS = "5.2.1"
_AT_RCPT = re.compile(r"(?<!Need )\bRCPT(?:_TO)?\b|does not like recipient")
# What the notice may say against the server's "unknown": somebody who has a mailbox, for now without room or closed.
_PASSING = frozenset({"mailbox_full", "address_disabled"})
_SERVER_LINE = re.compile(r"(?m)^.*(?<!\d)[45](?:\d\d|\.\d\.\d)(?!\d).*$")
# A gateway's own guess before the words of the server behind it: "5.1.0 - Unknown address error 550-'5.7.1 ...'".
_GUESS = re.compile(r"\b5\.\d\.\d - [A-Z][\w ]{3,50} (\d{3})[- ]'")

STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
REPLY = re.compile(r"(?<![\d.:/#-])([45][0-5]\d)(?=[ \-#:\t]|$)(?!-\d)")
ADDRESS_OR_URL = re.compile(r"(?i)https?://\S+|<?[\w.+=&'*/?^`{|}~!#$%-]+@[\w-]+(?:\.[\w-]+)+>?")


def find_status(text: str) -> str:
    """The first enhanced status code in a text, or an empty string; x.0.0 only where nothing better stands."""
    vague = ""
    for match in STATUS.finditer(text):
        if match[1] == "2":
            continue
        status = match.group()
        if not status.endswith(".0.0"):
            return status
        vague = vague or status
    return vague


def find_reply(text: str) -> str:
    """The first SMTP reply code of class 4 or 5 in a text, or an empty string."""
    match = REPLY.search(text)
    return match[1] if match else ""


def _let_in(status: str, diagnosis: str, dialogue: str) -> bool:
    """Whether "unknown" is said of somebody who seems to be known: by a policy, or when the text had been read."""
    dialogue = f"{diagnosis}\n{dialogue}"
    at_rcpt = bool(_AT_RCPT.search(dialogue))
    if _NAMELESS.search(dialogue) or (status == _EXISTS and not at_rcpt):
        return True
    if status.startswith("5.7."):
        # Some reporters put 5.7.1 of their own to a plain "553 Invalid recipient".
        plainly_refused = at_rcpt and bool(find_reply(diagnosis)) and not find_status(diagnosis)
        return not plainly_refused and not _NO_MAIL_AT_ALL.search(dialogue)
    return status not in _HARD_CODES and bool(_AFTER_DATA.search(dialogue)) and not _NO_ACCOUNT.search(dialogue)


def _contradicted(notice: str) -> Judgement | None:
    """What the reporting server's own words say against "unknown": the address is there, and full or disabled.

    Lines with a code are the other server's reply, which has been judged. A notice that lists every possible cause
    names "unknown" among them, and then contradicts nothing.
    """
    own = _SERVER_LINE.sub("", notice)
    reasons = {found.reason for weak in (False, True) if (found := judge_words(own, weak=weak))}
    return next((Judgement("soft", reason) for reason in sorted(reasons & _PASSING)), None) if reasons else None


def without_guess(diagnosis: str) -> str:
    """A diagnosis without what a gateway put before the words of the server that it quotes."""
    return _GUESS.sub(r"\1 '", diagnosis)


def judge_words(words: str, *, weak: bool | None = None) -> Judgement | None:
    """What the words alone say, or None; `weak` asks for the weak rules only, or for the others only.

    Addresses and links are left out: a name may hold any word.
    """
    plain = " ".join(ADDRESS_OR_URL.sub(" ", words[:MOST_WORDS]).split())
    for rule in _rules():
        if weak in (None, rule.weak) and rule.pattern.search(plain):
            return Judgement(rule.verdict, rule.reason)
    return None


def judge_status(status: str) -> Judgement | None:
    """What an enhanced status code alone says, or None where it says nothing (x.0.0, x.3.0, ...)."""
    if status in _HARD_CODES:
        return Judgement("hard", _HARD_CODES[status])
    tail = status.partition(".")[2]
    for prefix, reason in _SOFT_CODES.items():
        if tail == prefix or (prefix.endswith(".") and tail.startswith(prefix)):
            return Judgement("soft", reason)
    if status.startswith("4."):
        return Judgement("soft", {"1": "user_unknown", "2": "mailbox_full"}.get(tail[:1], "temporary"))
    return None


def judge(
    diagnosis: str, notice: str, status: str, reply: str, *, dialogue: str = "", delayed: bool = False
) -> Judgement:
    """The verdict on one failed recipient.

    `diagnosis` is the server's own reply (best evidence), `notice` the words around it (they often list every
    possible cause, so they come after the codes). `dialogue`: where the two servers' words may stand. `delayed`:
    delivery is still being tried, never hard.
    """
    if status in _SENDER_CODES:
        return Judgement("soft", "sender_refused")
    found = (
        judge_words(diagnosis, weak=False)
        or judge_status(status)
        or judge_words(diagnosis, weak=True)
        or judge_words(notice)
        or Judgement("soft", "unknown")
    )
    if found.verdict == "hard" and found.reason in _OF_NOBODY:
        if _let_in(status, diagnosis, dialogue):
            found = Judgement("soft", "filtered")
        elif found.reason == "user_unknown":
            found = _contradicted(notice) or found
    temporary = status.startswith("4.") or (not status and reply.startswith("4"))
    # "450 4.1.1 unverified" is tried again and may well be somebody.
    return Judgement("soft", found.reason) if delayed or temporary else found
