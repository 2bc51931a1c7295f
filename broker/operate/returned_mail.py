"""Mails that a recipient's server sends back, as RFC 3464 and RFC 3834 ask: for the demo and for tests."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage

from broker.operate.mail_sink import SunkMessage

DEAD = (
    ("5.1.1", "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table"),
    ("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 Please try again"),
    ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {to} not found by SMTP address lookup"),
    ("5.4.4", "Host or domain name not found. Name service error: Host not found"),
    ("5.0.0", "550 Adresse inconnue : ce destinataire n'existe pas"),
)
FULL = (
    ("5.2.2", "552 5.2.2 <{to}>: user is over quota"),
    ("4.2.2", "452 4.2.2 The email account that you tried to reach is over quota and inactive"),
    ("5.7.1", "554 5.7.1 Message refused by content filter: looks like spam"),
)
SERVER = "mx.recipient.test"
BOUNDARY = "=_returned_by_mx"


def bounce_report(mail: SunkMessage, *, dead: bool, variant: int = 0) -> bytes:
    """A delivery status report (RFC 3464) on a mail, to its return path: a dead address, or a soft failure."""
    to = mail.rcpt_to[0]
    cases = DEAD if dead else FULL
    status, said = cases[variant % len(cases)]
    said = said.format(to=to)
    headers = mail.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    parts = (
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nThis is the mail system at host {SERVER}.\r\n\r\n"
        f"Your message could not be delivered.\r\n\r\n<{to}>: {said}\r\n",
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {SERVER}\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nOriginal-Recipient: rfc822;{to}\r\nAction: failed\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; {said}\r\n",
        f"Content-Type: text/rfc822-headers; charset=utf-8\r\n\r\n{headers}\r\n",
    )
    own = (
        f"From: Mail Delivery System <MAILER-DAEMON@{SERVER}>\r\nTo: {mail.mail_from}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{BOUNDARY}"\r\n\r\n'
    )
    body = "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts)
    return f"{own}{body}--{BOUNDARY}--\r\n".encode()


def absence_notice(mail: SunkMessage) -> bytes:
    """An automatic answer (RFC 3834) to a mail, to its return path."""
    notice = EmailMessage()
    notice["From"] = mail.rcpt_to[0]
    notice["To"] = mail.mail_from
    notice["Subject"] = "Réponse automatique : absence"
    notice["Auto-Submitted"] = "auto-replied"
    notice.set_content("Bonjour,\n\nJe suis absent jusqu'à lundi et vous répondrai à mon retour.\n")
    return notice.as_bytes(policy=policy.SMTP)
