"""Complaints: abuse reports of RFC 5965, and the one large provider that sends its own form."""

from __future__ import annotations

import re

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import addresses_of, is_machine
from broker.feedback.returned.opened import OpenedMail, first
from broker.feedback.returned.phrases import phrase

# Feedback types (RFC 5965 section 7.3, RFC 6591) that are no person's complaint: nothing follows from them.
WITHOUT_EFFECT = frozenset({"not_spam", "auth_failure"})

# What a provider reports when a person pressed its button for leaving: a wish to leave that one list, no complaint
# about it. Large providers send it as a feedback report of this type, or as a mail of their own form.
OPT_OUT = "opt_out"
OPT_OUTS = frozenset({OPT_OUT, "opt_out_list"})


def read_complaint(mail: OpenedMail) -> list[ReturnedMail]:
    """The complaint in this message, if it is one."""
    if mail.feedback is not None or mail.report_type == "feedback-report":
        return _read_arf(mail)
    own_form = addresses_of(mail.headers, "x-hmxmroriginalrecipient") + addresses_of(
        mail.returned, "x-hmxmroriginalrecipient"
    )
    by_subject = mail.returned and phrase("complaint_subject").search(mail.header("subject"))
    if "x-apple-unsubscribe" in mail.headers:
        return [_complaint(OPT_OUT, next(iter(addresses_of(mail.headers, "from")), ""))]
    if own_form or (by_subject and not _is_mailing(mail)):
        return [_complaint("abuse", next(iter(own_form or _addressee(mail)), ""))]
    return []


def _is_mailing(mail: OpenedMail) -> bool:
    """Whether the message is a mailing of somebody's: its subject then says what it likes."""
    return "list-unsubscribe" in mail.headers or "list-id" in mail.headers


def _read_arf(mail: OpenedMail) -> list[ReturnedMail]:
    fields = mail.feedback or {}
    kind = first(fields, "feedback-type").lower().strip() or "abuse"
    named = addresses_of(fields, "original-rcpt-to", "removal-recipient", "original-recipient")
    people = [address for address in named or _addressee(mail) if not is_machine(address)]
    return [_complaint(kind, address) for address in people] or [_complaint(kind, "")]


def _addressee(mail: OpenedMail) -> list[str]:
    return addresses_of(mail.returned, "to", "x-original-to", "delivered-to")[:1]


def _complaint(kind: str, address: str) -> ReturnedMail:
    return ReturnedMail("complaint", address, reason=re.sub(r"\W+", "_", kind))
