"""Returned messages written by hand for the tests, after the ways of real servers; no line is copied from a corpus."""

from __future__ import annotations

TO = "lea.moreau@boite.example"
RETURN_PATH = "b-token@bounce.test"


def plain(
    text: str, *, sender: str = "MAILER-DAEMON@mx.example", subject: str = "failure notice", more: str = ""
) -> bytes:
    """A text/plain message to our return path."""
    return (
        f"From: {sender}\nTo: {RETURN_PATH}\nSubject: {subject}\n{more}MIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}"
    ).encode()


def report(
    groups: str, notice: str = "Delivery failed.", *, returned: str = "", kind: str = "message/delivery-status"
) -> bytes:
    """A multipart/report of RFC 3464; `groups` are the per-recipient field groups."""
    copy = returned or f"Message-ID: <m@mail.test>\nFrom: shop@mail.test\nTo: {TO}\nSubject: Offre\n"
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@mx.example>\nTo: {RETURN_PATH}\nSubject: Undelivered Mail\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n'
        f"--B\nContent-Type: text/plain; charset=utf-8\n\n{notice}\n\n"
        f"--B\nContent-Type: {kind}\n\nReporting-MTA: dns; mx.example\n\n{groups}\n"
        f"--B\nContent-Type: text/rfc822-headers\n\n{copy}\n--B--\n"
    ).encode()


def group(status: str, diagnosis: str, *, action: str = "failed", to: str = TO, more: str = "") -> str:
    """One recipient's fields."""
    return (
        f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {diagnosis}\n{more}"
    )


def feedback(fields: str, returned: str) -> bytes:
    """An abuse report of RFC 5965."""
    return (
        f"From: fbl@provider.example\nTo: fbl@bounce.test\nSubject: FW: Offre\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="F"\n\n'
        "--F\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        f"--F\nContent-Type: message/feedback-report\n\nUser-Agent: Provider/1\nVersion: 1\n{fields}\n"
        f"--F\nContent-Type: message/rfc822\n\n{returned}\n\nBonjour\n--F--\n"
    ).encode()
