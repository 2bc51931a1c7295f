"""Opens a message of unknown make: its own headers, its words, its machine-readable parts, what it returns.

Bounces come from forty years of software: every part may be missing, mislabelled or cut. Nothing here raises on
content; what cannot be read is empty.
"""

from __future__ import annotations

import html
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, Parser

from broker.feedback.returned.phrases import phrase

MOST_PARTS = 100  # a message of more parts is hostile or of no use
MOST_TEXT = 200_000  # characters read of the words

Fields = dict[str, list[str]]

HEADER_START = re.compile(
    r"^[> \t]{0,8}(?:Return-Path|Received|DKIM-Signature|X-Envelope-From|X-Originating-IP|MIME-Version|Message-ID):",
    re.IGNORECASE | re.MULTILINE,
)
ABOUT_FIELDS = re.compile(r"following header fields:\s{0,9}\n(?:[ \t]{1,9}[\w-]{2,30}:[^\n]*\n){1,30}", re.IGNORECASE)


@dataclass(frozen=True)
class OpenedMail:
    """A message taken apart.

    `headers` are its own, decoded, by lower-case name; `notice` the words before the returned copy; `groups` the
    field groups of message/delivery-status (RFC 3464 section 2.1), the per-message one among them; `feedback` the
    fields of message/feedback-report (RFC 5965); `returned` the headers of the returned copy.
    """

    content_type: str
    report_type: str
    headers: Fields
    notice: str
    groups: list[Fields] = field(default_factory=list)
    feedback: Fields | None = None
    returned: Fields = field(default_factory=dict)

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return first(self.headers, name)


def first(fields: Fields, name: str) -> str:
    """The first value of a field, or an empty string."""
    values = fields.get(name.lower())
    return values[0] if values else ""


def open_mail(raw: bytes) -> OpenedMail:
    """Take a message apart; never raises on content."""
    raw = raw.lstrip()  # files saved out of a mail programme may begin with blanks
    if raw.startswith((b"From ", b">From ")):  # an mbox line before the headers
        raw = raw.partition(b"\n")[2]
    message: Message = BytesParser(policy=policy.compat32).parsebytes(raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    words: list[str] = []
    opened = OpenedMail(
        content_type=message.get_content_type(),
        report_type=str(message.get_param("report-type", "")).lower(),
        headers=_fields(message),
        notice="",
    )
    groups, returned, feedback = opened.groups, opened.returned, opened.feedback
    for part in _own_parts(message):
        kind = part.get_content_type()
        if kind.endswith(("/delivery-status", "/global-delivery-status")):
            groups.extend(_groups(part))
        elif kind == "message/feedback-report":
            feedback = _inner_fields(part)
        elif kind in (
            "message/rfc822",
            "message/global",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global-headers",
            "message/partial",
        ):
            returned = returned or _inner_fields(part)
        elif kind.startswith("text/") and not part.get_filename() and sum(map(len, words)) < MOST_TEXT:
            words.append(_text(part))
    notice, copy = split_notice(unforwarded(_join(words)))
    if not groups and re.search(r"(?mi)^(?:final|original)-recipient:", notice):
        groups.extend(_groups_of_text(notice))  # a report sent as plain text
    return OpenedMail(
        opened.content_type,
        opened.report_type,
        opened.headers,
        notice[:MOST_TEXT],
        groups,
        feedback,
        returned or _fields_of_text(copy),
    )


FORWARDED = re.compile(r"^> ?From: .{0,80}mailer-daemon.*\n(?:>.*\n)*?>[ \t]*\n", re.IGNORECASE | re.MULTILINE)


def unforwarded(words: str) -> str:
    """The words of a bounce that a person passed on, quoted with its head; other words as they are."""
    head = FORWARDED.search(words)
    return re.sub(r"(?m)^> ?", "", words[head.end() :]) if head else words


def split_notice(words: str) -> tuple[str, str]:
    """(the notice, the copy of the returned message) of a plain-text bounce."""
    about = ABOUT_FIELDS.search(words)  # fields that a notice quotes before it goes on are no copy
    marks = (
        phrase("returned_below", r"^[ \t>|*=_-]{0,80}").search(words),
        HEADER_START.search(words, about.end() if about else 0),
    )
    starts = [match.start() for match in marks if match]
    if not starts:
        return words, ""
    return words[: min(starts)], words[min(starts) :]


def html_to_words(source: str) -> str:
    """The words of an HTML text, a line a block, with the addresses of its mailto links."""
    for element in ("script", "style", "head"):
        source = _without_element(source, element)
    mailto = r"(?is)<a\b[^>]{0,400}?href=[\"']?mailto:([^\"'?> ]{3,254})[^>]{0,400}>(.{0,300}?)</a>"
    source = re.sub(mailto, r" \2 (\1) ", source)
    source = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h\d|/table|p|div|tr)\b[^>]{0,400}>", "\n", source)
    return html.unescape(re.sub(r"(?s)<[^>]{0,400}>", " ", source)).replace("\xa0", " ")


def _without_element(source: str, name: str) -> str:
    """The text without these elements and what they hold; one that never ends takes the rest with it."""
    kept: list[str] = []
    low, at = source.lower(), 0
    opening = re.compile(rf"<{name}\b")
    while start := opening.search(low, at):
        kept.append(source[at : start.start()])
        end = low.find(f"</{name}", start.end())
        at = len(source) if end < 0 else end + len(f"</{name}>")
    return " ".join([*kept, source[at:]])


def decoded(value: object) -> str:
    """A header's value with its encoded words (RFC 2047) and bare 8-bit letters read and its folds undone."""
    text = _letters(str(value).encode("utf-8", "surrogateescape"), "utf-8")
    with suppress(HeaderParseError, LookupError, ValueError):
        text = str(make_header(decode_header(text)))
    return " ".join(line.strip() for line in text.splitlines()).strip()


def _own_parts(message: Message) -> list[Message]:
    """The leaf parts of the message itself: what stands inside a returned message is not its own."""
    found: list[Message] = []
    waiting = [_mended(message)]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop(0)
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting[:0] = [_mended(child) for child in part.get_payload() if isinstance(child, Message)]
        else:
            found.append(part)
    return found


def _mended(message: Message) -> Message:
    """The message with the boundary that its body really uses, where the header lost or changed it."""
    if message.get_content_maintype() != "multipart" or message.is_multipart():
        return message
    body = str(message.get_payload())
    mark = re.search(r"(?m)^--(\S[^\n]{0,70}?)[ \t]*$", body)
    head = f'Content-Type: multipart/mixed; boundary="{mark[1]}"' if mark else "Content-Type: text/plain"
    return Parser(policy=policy.compat32).parsestr(f"{head}\n\n{body}")


def _join(words: list[str]) -> str:
    return "\n\n".join(text for text in words if text.strip())


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    raw = raw[: 2 * MOST_TEXT]
    text = _letters(raw, str(part.get_content_charset() or "utf-8"))
    return html_to_words(text) if part.get_content_subtype() == "html" else text


def _letters(raw: bytes, charset: str) -> str:
    for name in (charset, "utf-8", "cp1252"):
        try:
            return raw.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return raw.decode("latin-1")


def _fields(message: Message) -> Fields:
    fields: Fields = {}
    for name, value in message.raw_items():
        fields.setdefault(name.lower(), []).append(decoded(value))
    return fields


def _inner_fields(part: Message) -> Fields:
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        inner = payload[0]
        # Some encode the part against RFC 2046: then the fields stand in the inner message's body.
        return _fields(inner) if inner.keys() else _fields_of_text(_text(inner))
    return _fields_of_text(_text(part))


def _groups(part: Message) -> list[Fields]:
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [group for group in payload if isinstance(group, Message) and group.keys()]
        groups = [fields for block in blocks for fields in _apart(block)]
        if groups:
            return groups
    return _groups_of_text(_text(part))


def _apart(block: Message) -> list[Fields]:
    """The fields of a block, in a group for each recipient: some servers leave out the empty lines between them."""
    groups: list[Fields] = [{}]
    for name, value in block.raw_items():
        key = name.lower()
        if key == "final-recipient" and key in groups[-1]:
            groups.append({})
        groups[-1].setdefault(key, []).append(decoded(value))
    return groups


def _groups_of_text(text: str) -> list[Fields]:
    return [fields for block in re.split(r"\n\s*\n", text) if (fields := _fields_of_text(block))]


def _fields_of_text(text: str) -> Fields:
    """The header fields that a text begins with, after any line that is none (marks, empty lines, quotes)."""
    start = re.search(r"(?m)^[> \t]{0,8}[A-Za-z][A-Za-z0-9-]{1,40}:[ \t]", text)
    if start is None:
        return {}
    body = text[start.start() : start.start() + 50_000]
    quote = re.match(r"[> \t]*", body)
    assert quote is not None
    if quote.group():
        body = "\n".join(line.removeprefix(quote.group()) for line in body.splitlines())
    return _fields(Parser(policy=policy.compat32).parsestr(body, headersonly=True))
