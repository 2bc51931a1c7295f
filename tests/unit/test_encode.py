"""Bytes of a mail: they decode to the text, and are their own canonical form under DKIM's relaxed rules."""

from __future__ import annotations

import email
import email.policy
import quopri
import re

from hypothesis import example, given
from hypothesis import strategies as st

from broker.delivery.converse import dot_stuffed
from broker.delivery.encode import LONGEST, display_name, header_text, quoted_printable, quoted_value

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=300)


def relaxed(body: bytes) -> bytes:
    """RFC 6376, 3.4.4, written down again, slowly."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" \t") for line in body.split(b"\r\n")]
    return b"\r\n".join(lines)


@given(TEXT)
@example("  two  spaces \n.dot\n..\n \t tab=\n")
@example("." * 200)
def test_quoted_printable_decodes_to_the_text_and_is_canonical(text: str) -> None:
    encoded = quoted_printable(text)
    assert quopri.decodestring(encoded).decode() == text.replace("\n", "\r\n")
    assert relaxed(encoded) == encoded
    assert not re.search(rb"(?:^|\r\n)\.", encoded)
    assert all(len(line) <= LONGEST + 1 for line in encoded.split(b"\r\n"))


@given(TEXT)
@example(".")
@example("Jean  Pierre")
def test_a_value_stays_within_its_lines(text: str) -> None:
    encoded = quoted_value(text)
    assert quopri.decodestring(encoded).decode() == " ".join(text.split())
    assert not re.search(rb"(?:^|\r\n)\.", encoded)
    assert b" " not in encoded
    assert all(len(line) <= LONGEST + 1 for line in encoded.split(b"\r\n"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example("Bcc: someone\r\nX: y")
@example("=?utf-8?Q?trick?=")
def test_a_header_says_the_text_and_nothing_breaks_out_of_it(text: str) -> None:
    raw = b"Subject: " + header_text(text, 9) + b"\r\nX-Next: here\r\n\r\n"
    message = email.message_from_bytes(raw, policy=email.policy.default)
    printable = "".join(char if char.isprintable() else " " for char in text)
    assert message.keys() == ["Subject", "X-Next"]
    assert message["Subject"] == " ".join(printable.split())
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))


def test_a_display_name_is_quoted_or_encoded() -> None:
    assert display_name('Chez "Paul"') == b'"Chez \\"Paul\\""'
    assert display_name("Été").startswith(b"=?utf-8?B?")


@given(st.lists(st.sampled_from([b".", b"..", b"a", b".a", b"", b"x" * 50]), max_size=20))
def test_dot_stuffing_is_undone_by_a_server(lines: list[bytes]) -> None:
    raw = b"\r\n".join(lines)
    stuffed = dot_stuffed(raw)
    assert stuffed.endswith(b"\r\n.\r\n") or stuffed == b".\r\n"
    body = b"\r\n" + stuffed
    text = body[: body.index(b"\r\n.\r\n") + 2]
    assert len(text) + len(b".\r\n") == len(body), "the text ended early"
    undone = text.replace(b"\r\n.", b"\r\n")[2:]
    assert undone.rstrip(b"\r\n") == raw.rstrip(b"\r\n")
