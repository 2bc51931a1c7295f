"""Delivery status notifications by the book: RFC 3464, one field group per recipient."""

from __future__ import annotations

from collections.abc import Sequence

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.addresses import addresses_of, local_name, typed_address
from broker.feedback.returned.opened import Fields, OpenedMail, first
from broker.feedback.returned.verdict import find_reply, find_status, judge, without_guess

DELIVERED = frozenset({"delivered", "relayed", "expanded", "deliverable"})
DELAYED = frozenset({"delayed"})


def read_groups(mail: OpenedMail) -> list[ReturnedMail]:
    """One result per recipient that the report names; empty when its groups name nobody."""
    found: dict[str, ReturnedMail] = {}
    names = [recipient_of(group, mail) for group in mail.groups]
    for group in mail.groups:
        if not ({"final-recipient", "original-recipient", "x-actual-recipient", "recipient-address"} & group.keys()):
            continue
        result = _read_group(group, mail, names)
        # A group without any address is kept under its name, so that the message still counts as a bounce.
        found.setdefault(result.recipient.lower() or first(group, "final-recipient"), result)
    return list(found.values())


def _read_group(group: Fields, mail: OpenedMail, everybody: Sequence[str]) -> ReturnedMail:
    recipient = recipient_of(group, mail)
    action = first(group, "action").lower().split(";")[0].split(" ")[0].strip("()")
    diagnosis = without_guess(" ".join(group.get("diagnostic-code", []) + group.get("x-postfix-diagnostic", [])))
    near = _near(mail.notice, recipient, everybody)
    # RFC 3464 section 2.3.4 lets a comment follow the code; a status in the server's own reply is nearer the truth.
    stated = find_status(first(group, "status")) or (first(group, "status").strip()[:1] == "2" and "2.0.0") or ""
    said = find_status(diagnosis)
    status = said if said and (not stated or stated.endswith(".0.0") or not said.endswith(".0.0")) else stated
    if not diagnosis and stated.endswith(".0.0"):
        status = find_status(near) or status
    status = status or find_status(mail.notice)
    reply = find_reply(diagnosis) or find_reply(near if not diagnosis else "")
    if action in DELIVERED or (not action and status.startswith("2")):
        return ReturnedMail("other", recipient, status, "", "none", action or "delivered")
    delayed = action in DELAYED
    around = mail.notice[:3000] if len({*everybody} - {""}) == 1 else near
    verdict, reason = judge(_words(diagnosis, group), around, status, reply, dialogue=near, delayed=delayed)
    return ReturnedMail("bounce", recipient, status, reply, verdict, reason, final=not delayed)


def recipient_of(group: Fields, mail: OpenedMail) -> str:
    """The address we wrote to: Original-Recipient when it is one, else the final one, else by the returned copy."""
    for name in ("original-recipient", "final-recipient", "recipient-address", "x-actual-recipient"):
        address = typed_address(first(group, name))
        if address:
            return address
    returned = addresses_of(mail.returned, "to", "x-original-to", "delivered-to", "envelope-to")
    name = local_name(first(group, "final-recipient")) or local_name(first(group, "original-recipient"))
    matching = [address for address in returned if address.lower().startswith(name.lower() + "@")]
    if name and matching:
        return matching[0]
    return returned[0] if len(returned) == 1 else ""


def _words(diagnosis: str, group: Fields) -> str:
    # Some servers put the reason in a comment behind the status: "5.1.1 (bad destination mailbox address)".
    return diagnosis or f"{first(group, 'status')} {first(group, 'x-supplementary-info')}"


def _near(notice: str, recipient: str, everybody: Sequence[str]) -> str:
    """The words from the recipient's line on in the notice, up to the next recipient's; without it the beginning."""
    low = notice.lower()
    at = low.find(recipient.lower()) if recipient else -1
    if at < 0:
        return notice[:3000]
    others = {other.lower() for other in everybody if other} - {recipient.lower()}
    ends = [low.find(other, at + len(recipient)) for other in others]
    line = low.rfind("\n", 0, at) + 1
    return notice[line : min([end for end in ends if end > 0], default=at + 800)]
