"""Bounces in words: what servers sent before RFC 3464, and large providers still do.

Two questions. Is it a bounce at all? Only with two independent signs, so that a newsletter about "delivery" is
none. And whose? Addresses are taken from the places where servers put them, the sender's own left out.
"""

from __future__ import annotations

import re

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import ADDRESS, addresses_in, addresses_of, without
from broker.feedback.returned.opened import OpenedMail, html_to_words
from broker.feedback.returned.verdict import find_reply, find_status, judge

MACHINE_SENDER = re.compile(
    r"(?i)mailer-?d(?:a?e|ae)mon|post[-_ ]?master|mail[ -]?daemon|mail (?:delivery|administrator|system|router|gateway)"
    r"|<>|^\s*$|double-bounce|bounces?@|mdaemon|smtp-?server|mmdf|uucp|mailmaster|system administrator|delivery (?:sub)?system"
    r"|microsoft ?exchange|amavis|mail_?er|auto-?reply@mail"
)
DAEMON = re.compile(r"(?i)mailer-?daemon|post[-_ ]?master|mail delivery (?:sub)?system")
BOUNCE_SUBJECT = re.compile(
    r"(?i)undeliver|non[ -]?(?:remis|deliver|distribu)|not? ?(?:be )?deliver|deliver\w* (?:status|fail|notif|report|problem|error|has failed|incomplete|delay|unsuccess)|(?:mail|message|email|delivery) (?:system )?(?:delivery )?(?:fail|error|problem|notif|status|delay)"
    r"|return(?:ed|ing) (?:mail|to sender|message|e-?mail)|fail(?:ed|ure) (?:notice|mail|deliver|to deliver)|failure|unknown (?:user|address|recipient)|user unknown|(?:could|can) ?not (?:be )?(?:send|sent|deliver)|bounce|warning: (?:could not|message)|rejected|message (?:you sent|status)|nondeliver|recipient (?:unknown|rejected)|mail could not|[ée]chec|avis de non|message non|notification d'[ée]tat|remise|retour|erreur|DSN|mail blocked|message blocked|mailbox (?:full|is)|user's? (?:mailbox|disk)|error sending|mail quarantine"
)
BOUNCE_WORDS = re.compile(
    r"""(?ix)
    qmail-send\ program | (?:could|can)\ ?not\ be\ delivered | couldn't\ be\ delivered | wasn't\ delivered | not\ delivered\ to
  | (?:has|have)\ not\ been\ (?:delivered|received) | was\ not\ delivered | unable\ to\ deliver | undeliverable | delivery\ (?:to|has|of).{0,60}fail
  | did\ not\ reach | deliver\w*\ (?:failed|failure|error|attempt|aborted|notification|status) | returned\ (?:to\ sender|mail|message)
  | permanent\ (?:fatal\ )?(?:error|failure) | fatal\ errors? | transcript\ of\ session | following\ address(?:es)?\ (?:had|failed|were|could)
  | following\ recipients? | unable\ to\ (?:relay|send|process|forward) | failed\ (?:addresses|recipient) | user\ unknown | unknown\ user
  | mailbox\ (?:is\ )?(?:full|unavailable|not\ found) | invalid\ (?:recipient|final\ delivery) | error\ (?:occurred|while|code) | message\ (?:was|has\ been|is)\ (?:rejected|refused|blocked|undeliver)
  | permanently\ rejected | remote\ (?:host|server|mail\ system) | said:\ ?5\d\d | smtp\ error | recipient.{0,40}(?:reject|not\ exist|unknown|not\ found)
  | invalid\ user\ address | no\ such\ user | error\ message\ below | account\ is\ disabled
  | n'a\ (?:pas\ )?pu\ [êe]tre\ (?:remis|distribu|d[ée]livr|envoy|achemin) | pas\ [ée]t[ée]\ (?:remis|distribu|d[ée]livr) | [ée]chec\ de\ (?:la\ )?(?:remise|distribution|livraison) | impossible\ de\ (?:remettre|d[ée]livrer|distribuer)
  | n'a\ pas\ (?:[ée]t[ée]|pu) | adresse.{0,30}(?:inconnue|n'existe)
  | will\ (?:continue|keep)\ (?:to\ try|trying) | has\ been\ delayed | still\ (?:undelivered|trying) | over\ quota
    """
)
_BEFORE = (
    "to|recipients?|address(?:es)?|email|failed recipient|user|rcpt to|destinataires?|adresse|mail to|unknown user"
    "|undeliverable to|user mailbox exceeds allowed size|invalid final delivery userid|could not deliver mail to"
    "|unable to deliver to"
)
AT_LINE = re.compile(
    rf"^[\s>*•|\"'`-]*(?:(?:{_BEFORE})\b[\s:;=]*)?(?:rfc822;\s*|smtp[:;]\s*|mailto:)?[<(\"'\[]{{0,2}}"
    rf"(?P<address>{ADDRESS.pattern})",
    re.IGNORECASE | re.MULTILINE,
)
NAMED = re.compile(
    r"(?:rcpt to:\s*<?|following (?:address|recipient)[^@]{0,120}?|(?:deliver\w*|sent|send|message|mail|remis\w*|distribu\w*|livr\w*|reach|envoy\w*|remettre) [^@\n]{0,60}?\b(?:to|for|à|a)[\s:]+[<'\"(]*|"
    r"recipient\w* [^@\n]{0,20}?[<'\"]*|mailbox (?:for )?[<'\"]*|(?:user|account|address|adresse)\s?[:=]?\s*[<'\"(]*)"
    r"(?P<address>" + ADDRESS.pattern + ")",
    re.IGNORECASE,
)


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
        verdict, reason = judge(words, f"{mail.notice[:4000]} {mail.header('subject')}", status, reply, delayed=delayed)
        results.append(ReturnedMail("bounce", recipient, status, reply, verdict, reason, final=not delayed))
    return results


def is_bounce(mail: OpenedMail) -> bool:
    """Whether the message returns a mail: two signs of four are needed, a mailing list's mail never is one."""
    if mail.headers.get("x-failed-recipients"):
        return True
    if mail.headers.get("list-unsubscribe") or mail.headers.get("list-id") or mail.headers.get("list-post"):
        return False
    senders = mail.header("from") + " " + mail.header("sender")
    machine = bool(MACHINE_SENDER.search(senders)) or mail.header("return-path").strip() == "<>"
    subject = bool(BOUNCE_SUBJECT.search(mail.header("subject")))
    words = bool(BOUNCE_WORDS.search(mail.notice[:6000]))
    returns = bool(mail.returned) or mail.report_type == "delivery-status"
    daemon = bool(DAEMON.search(senders))
    return (machine and (words or (subject and (returns or daemon)))) or (subject and words and (returns or machine))


def is_delay(mail: OpenedMail) -> bool:
    """Whether the notice only warns that delivery takes longer."""
    return bool(
        re.search(
            r"(?i)warning (?:message )?only|do(?:es)? not need to resend|has not (?:yet )?been delivered|will (?:continue|keep) (?:to )?(?:be )?t?r(?:y|ied)"
            r"|will be retried|still (?:be )?trying|delivery (?:has been |is |)delayed|\bdelayed\b.{0,20}(?:mail|delivery)|(?:delivery )?will (?:be )?(?:re)?(?:attempt|tried)|retard",
            mail.notice[:3000] + " " + mail.header("subject"),
        )
    ) and not re.search(r"(?i)permanent|giving up|given up|final|expired|no (?:further|longer)", mail.notice[:3000])


def find_recipients(mail: OpenedMail) -> list[str]:
    """The addresses that failed, from the surest place that names any."""
    named = addresses_of(mail.headers, "x-failed-recipients")
    if named:
        return named
    notice = html_to_words(mail.notice) if "<br" in mail.notice.lower() else mail.notice
    returned_to = addresses_of(
        mail.returned, "to", "x-original-to", "delivered-to", "envelope-to", "apparently-to", "cc"
    )
    senders = addresses_of(
        mail.headers, "from", "to", "sender", "reply-to", "delivered-to", "return-path", "x-original-to"
    )
    senders += addresses_of(mail.returned, "from", "sender", "return-path", "reply-to", "errors-to", "x-envelope-from")
    senders = [address for address in senders if address.lower() not in {one.lower() for one in returned_to}]
    at_line = without(_cut(notice, AT_LINE), senders)
    places = [at_line, without(_cut(notice, NAMED), senders), without(addresses_in(notice), senders)]
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
    # Last: somebody who wrote to himself, or a copy without an addressee.
    return subject or _received_for(mail) or returned_to[:1] or _cut(notice, AT_LINE)[:1]


def _cut(text: str, pattern: re.Pattern[str]) -> list[str]:
    found: dict[str, str] = {}
    for match in pattern.finditer(text):
        address = match["address"].strip("'.")
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
    return notice[line : min([end for end in ends if end > 0], default=at + 1000)]
