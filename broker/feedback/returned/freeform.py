"""Bounces in words: what servers sent before RFC 3464, and large providers still do.

Two questions. Is it a bounce at all? Only with two independent signs, so that a newsletter about "delivery" is
none. And whose? Addresses are taken from the places where servers put them, the sender's own left out.
"""

from __future__ import annotations

import re

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import ADDRESS, addresses_in, addresses_of, bare, without
from broker.feedback.returned.opened import OpenedMail, html_to_words
from broker.feedback.returned.phrases import phrase
from broker.feedback.returned.verdict import find_reply, find_status, judge

_BEFORE = (
    "to|recipients?|address(?:es)?|email|failed recipient|user|rcpt to|destinataires?|adresse|mail to|unknown user"
    "|undeliverable to|user mailbox exceeds allowed size|invalid final delivery userid|could not deliver mail to"
    "|unable to deliver to|5\\d\\d"
)
AT_LINE = re.compile(
    rf"^[ \t>*•|\"'`-]{{0,80}}(?:(?:{_BEFORE})\b[\s:;=]{{0,20}})?(?:rfc822; ?|smtp[:;] ?|mailto:)?[<(\"'\[]{{0,2}}"
    rf"(?P<address>{ADDRESS.pattern})",
    re.IGNORECASE | re.MULTILINE,
)
# What a notice repeats of our own mail's head: whom we wrote to may be a list, the failed address stands below.
_ABOUT = re.compile(
    r"Your message[ \t]{0,9}\n\s{0,9}\n(?:[ \t]{1,9}(?:To|Cc|Subject|Sent):[^\n]*\n){1,9}", re.IGNORECASE
)

# A transcript gives each recipient up in a line of this form; what led to it stands above, a server at a time.
_GIVEN_UP = r"[45]\d\d (?:\d\.\d\.\d )?<[^>\n]{3,254}>\.\.\. "
_TRANSCRIPT_MARK = re.compile(rf"^(?:{_GIVEN_UP}.*|.{{0,10}}while talking to .*)$", re.IGNORECASE | re.MULTILINE)

MOST_ABOVE = 600  # characters between two mentions of a recipient that belong together


def read_freeform(mail: OpenedMail) -> list[ReturnedMail]:
    """The failures that a bounce in words tells of; empty when the message is no bounce."""
    if not is_bounce(mail):
        return []
    recipients = find_recipients(mail) or [""]
    delayed = is_delay(mail)
    results = []
    for recipient in recipients:
        words = _about(recipient, recipients, mail.notice)
        status = find_status(words) or find_status(mail.notice)
        reply = find_reply(words) or find_reply(mail.notice)
        # Here the words around the address are the server's own: they are judged before any code.
        # What stands around may speak of another recipient where there are several.
        around = f"{mail.notice[:4000]} {mail.header('subject')}" if len(recipients) == 1 else ""
        verdict, reason = judge(words, around, status, reply, delayed=delayed)
        results.append(ReturnedMail("bounce", recipient, status, reply, verdict, reason, final=not delayed))
    return results


def is_bounce(mail: OpenedMail) -> bool:
    """Whether the message returns a mail: two signs of four are needed, a mailing list's mail never is one."""
    if mail.headers.get("x-failed-recipients"):
        return True
    # A bounce that came by way of a list is known by who wrote it, or by the list's own address for bounces.
    to_return_path = bool(phrase("return_path").search(mail.header("to")))
    if not (to_return_path or phrase("daemon").search(mail.header("from"))) and any(
        name in mail.headers for name in ("list-unsubscribe", "list-id", "list-post")
    ):
        return False
    senders = mail.header("from") + " " + mail.header("sender")
    machine = bool(phrase("machine_sender").search(senders)) or mail.header("return-path").strip() == "<>"
    subject = bool(phrase("bounce_subject").search(mail.header("subject")))
    words = bool(phrase("bounce_words").search(mail.notice[:6000]))
    returns = bool(mail.returned) or mail.report_type == "delivery-status"
    daemon = bool(phrase("daemon").search(senders))
    returned_or_so = returns or machine or to_return_path
    return (machine and (words or (subject and (returns or daemon)))) or (subject and words and returned_or_so)


def is_delay(mail: OpenedMail) -> bool:
    """Whether the notice only warns that delivery takes longer."""
    notice = mail.notice[:3000]
    return bool(phrase("delay").search(f"{notice} {mail.header('subject')}")) and not phrase("given_up").search(notice)


def find_recipients(mail: OpenedMail) -> list[str]:
    """The addresses that failed, from the surest place that names any."""
    failed = addresses_of(mail.headers, "x-failed-recipients")
    if failed:
        return failed
    notice = html_to_words(mail.notice) if "<br" in mail.notice.lower() else mail.notice
    returned_to = addresses_of(
        mail.returned, "to", "x-original-to", "delivered-to", "envelope-to", "apparently-to", "cc"
    )
    senders = addresses_of(
        mail.headers, "from", "to", "sender", "reply-to", "delivered-to", "return-path", "x-original-to"
    )
    senders += addresses_of(mail.returned, "from", "sender", "return-path", "reply-to", "errors-to", "x-envelope-from")
    senders = [address for address in senders if address.lower() not in {one.lower() for one in returned_to}]
    notice = _ABOUT.sub("\n", notice)
    at_line = without(_cut(notice, AT_LINE), senders)
    named = phrase("named_before", after=f"(?P<address>{ADDRESS.pattern})")
    places = [at_line, without(_cut(notice, named), senders), without(addresses_in(notice), senders)]
    for found in places:
        both = [address for address in found if address.lower() in {one.lower() for one in returned_to}]
        if both:
            return both if found is not at_line else found
    for found in places:
        if found:
            return found if found is at_line else found[:1]
    if len(returned_to) == 1 or (returned_to and not notice.strip()):
        return returned_to[:1]
    subject = without(addresses_in(mail.header("subject")), senders)
    # Last: somebody who wrote to himself, a copy without an addressee, a server that names the addressee as ours.
    named_at_all = without(addresses_in(notice), addresses_of(mail.headers, "from", "to"))
    return subject or _received_for(mail) or returned_to[:1] or _cut(notice, AT_LINE)[:1] or named_at_all[:1]


def _cut(text: str, pattern: re.Pattern[str]) -> list[str]:
    found: dict[str, str] = {}
    for match in pattern.finditer(text):
        address = bare(match["address"])
        found.setdefault(address.lower(), address)
    return list(found.values())


def _received_for(mail: OpenedMail) -> list[str]:
    for line in mail.returned.get("received", ()):
        match = re.search(rf"\bfor <?({ADDRESS.pattern})>?", line)
        if match:
            return [match[1]]
    return []


def _about(recipient: str, others: list[str], notice: str) -> str:
    """The words about one recipient: from its line to the next recipient's, or all of them if it is alone."""
    if len(others) == 1 or not recipient:
        return notice[:4000]
    low = notice.lower()
    at = low.rfind(recipient.lower()) if low.count(recipient.lower()) > 1 else low.find(recipient.lower())
    if at < 0:
        return notice[:4000]
    ends = [low.find(other.lower(), at + len(recipient)) for other in others if other != recipient]
    line = low.rfind("\n", 0, at) + 1
    if re.match(_GIVEN_UP, notice[line:]):
        above = [mark.end() for mark in _TRANSCRIPT_MARK.finditer(notice, 0, line)]
        return notice[max(above, default=line) : at] + notice[at:].partition("\n")[0]
    # "after RCPT TO:<...>:" stands above the reply that names the recipient again.
    others_end = max((low.rfind(other.lower(), 0, at) for other in others if other != recipient), default=0)
    begun = low.find(recipient.lower(), max(others_end, at - MOST_ABOVE, 0))
    line = min(line, low.rfind("\n", 0, begun) + 1)
    return notice[line : min([end for end in ends if end > 0], default=at + 1000)]
