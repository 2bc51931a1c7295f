"""Mails that the platform writes by itself, read by the standard library and verified by dkimpy."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from broker.delivery.post_letter import Note, compose_note
from broker.delivery.sign import DkimSigner

NOTE = Note(
    to="camille.durand@boite.example",
    local="clients",
    from_name="Bijouterie Été",
    subject="Votre message à la bijouterie",
    text="Bonjour,\n.\nà bientôt\n",
    date=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    answers=("<a@b.example>",),
)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def composed(key: rsa.RSAPrivateKey, note: Note) -> tuple[bytes, EmailMessage]:
    """(raw bytes, read by the standard library), once dkimpy has verified them."""
    letter = compose_note(DkimSigner("mail.test", "s", key), "mail.test", note)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    assert dkim.verify(letter.raw, dnsfunc=lambda name, timeout=5: record)
    assert letter.mail_from == b""  # nothing ever comes back
    assert max(map(len, letter.raw.split(b"\r\n"))) < 998
    return letter.raw, cast(EmailMessage, message_from_bytes(letter.raw, policy=policy.default))


def test_an_answer_is_signed_and_marked_as_automatic(key: rsa.RSAPrivateKey) -> None:
    _, mail = composed(key, NOTE)
    assert mail["From"] == "Bijouterie Été <clients@mail.test>"
    assert mail["Subject"] == NOTE.subject
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-replied", "<a@b.example>")
    assert mail.get_content().replace("\r\n", "\n") == NOTE.text


def test_what_is_enclosed_arrives_whole(key: rsa.RSAPrivateKey) -> None:
    report = json.dumps({"phone": "01", "long": "é" * 3000}).encode()
    note = dataclasses.replace(NOTE, answers=(), enclosed=(("report.json", "application/json", report),))
    _, mail = composed(key, note)
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-generated", None)
    words = mail.get_body()
    assert words is not None
    assert words.get_content().replace("\r\n", "\n") == NOTE.text
    (part,) = mail.iter_attachments()
    assert part.get_filename() == "report.json"
    assert part.get_payload(decode=True) == report
