"""Refusals whose words resemble "nobody there" and say something else: a wrong hard verdict ends a living address.

Hard is what a server knows of the address for good (RFC 3463: X.1.x of the destination; RFC 5321: 550 to RCPT). A
mailbox that takes nothing now, a link that broke, an error without a name and a check that could not be made are none.
All sentences are made up.
"""

from __future__ import annotations

import pytest

from broker.feedback.returned.verdict import find_reply, find_status, judge


def verdict(reply: str) -> str:
    return judge(reply, "", find_status(reply), find_reply(reply)).verdict


@pytest.mark.parametrize(
    "reply",
    [
        # there, and takes nothing for now
        "550 This account is not allowed to receive mail",
        "550 The user is not accepting mail at this time",
        "550 This mailbox is not available",
        "550 The account has not been activated yet",
        "552 The account has no room",
        "550 Das Postfach ist nicht verfügbar",
        # an error without a name, or of something else
        "550 Delivery to recipient failed: unknown error",
        "550 Unable to deliver to the recipient, unknown reason",
        "554 Message for the recipient has an invalid header",
        "550 The recipient's domain has invalid DNS records",
        "550 user lookup failed, invalid response from directory",
        "550 Your message couldn't be delivered to the recipient",
        # the reply to DATA once every RCPT was refused: why stood there
        "554 No valid recipients",
        # what closed was the line
        "550 Could not deliver to the recipient because the connection was closed by the remote host",
        "550 user session terminated",
        "550 The host is not reachable",
        # a check that was not made
        "550 Unable to verify recipient",
        "550 Callout verification failed",
        # about an address, and not whose
        "550 5.1.0 rejected",
        "550 5.1.0 sender rejected",
    ],
)
def test_it_is_soft(reply: str) -> None:
    assert verdict(reply) == "soft"


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 unknown user",
        "550 This user does not exist",
        "550 this user doesn't have a boite.example account",
        "550 this address is not valid",
        "550 Sorry, no mailbox here by that name",
        "550 The account has been closed",
        "550 The mailbox is closed",
        "550 Account closed due to inactivity",
        "550 #5.1.0 Address rejected.",
        "550 5.4.1 Recipient address rejected: Access denied",
        "550 Empfänger ist nicht bekannt",
        "550 Empfänger existiert nicht",
        "550 User account is not registered",
        "550 Recipient not in directory",
        "554 The mail cannot be delivered because the domain is not reachable. Please check the domain",
    ],
)
def test_it_is_hard(reply: str) -> None:
    assert verdict(reply) == "hard"
