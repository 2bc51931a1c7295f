"""A mailing's message, compiled once to bytes with slots.

The body is a list of static pieces and slots; for each person only the slots are filled and the list joined. A slot
stands between two soft line breaks of quoted-printable, so that its length never disturbs the lines around it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from html import escape, unescape

from broker.delivery.encode import SOFT_BREAK, quoted_printable
from broker.mailings.slots import SLOT, person_field


@dataclass(frozen=True, slots=True)
class Slot:
    """What is filled in: kind `link`, `leave` or a merge tag's name; `default` is for an empty value."""

    kind: str
    link: int = 0
    default: str = ""
    in_html: bool = False


@dataclass(frozen=True)
class Template:
    """A compiled body: `pieces` holds an empty place at each index of `slots`."""

    pieces: tuple[bytes, ...]
    slots: tuple[tuple[int, Slot], ...]
    boundary: str

    @property
    def links(self) -> tuple[int, ...]:
        """The numbers of the links it holds, each once."""
        return tuple(sorted({slot.link for _, slot in self.slots if slot.kind == "link"}))


def compile_template(html: str, plain: str, public_url: str) -> Template:
    """Compile a body of two alternatives. Mailing slots are filled already; person slots become `Slot`s."""
    mark = hashlib.sha256((html + "\0" + plain).encode("utf-8", "replace")).hexdigest()[:24]
    boundary = f"=_{mark}"  # "=_" never occurs in quoted-printable
    pieces: list[bytes] = []
    slots: list[tuple[int, Slot]] = []
    for kind, text in (("plain", plain), ("html", html)):
        head = (
            f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        _append(pieces, head.encode("ascii"))
        _compile_part(text, kind == "html", public_url, pieces, slots)
        _append(pieces, b"\r\n")
    _append(pieces, f"--{boundary}--\r\n".encode("ascii"))
    return Template(tuple(pieces), tuple(slots), boundary)


def _append(pieces: list[bytes], static: bytes) -> None:
    """Add static bytes; pieces alternate static, slot, static, …"""
    if len(pieces) % 2:
        pieces[-1] += static
    else:
        pieces.append(static)


def _compile_part(
    text: str, in_html: bool, public_url: str, pieces: list[bytes], slots: list[tuple[int, Slot]]
) -> None:
    at = 0
    for match in SLOT.finditer(text):
        found = _slot(match[1], match[2] or "", in_html)
        if found is None:
            continue
        slot, path = found
        before = text[at : match.start()] + (f"{public_url}/{path}/" if path else "")
        _append(pieces, quoted_printable(before) + SOFT_BREAK)
        slots.append((len(pieces), slot))
        pieces.append(b"")
        _append(pieces, SOFT_BREAK)
        at = match.end()
    _append(pieces, quoted_printable(text[at:]))


def _slot(name: str, default: str, in_html: bool) -> tuple[Slot, str] | None:
    """The slot of this name and the path in front of its token, or None where it is plain text."""
    if name.startswith("link:"):
        return Slot("link", link=int(name[5:]), in_html=in_html), "c"
    if name == "unsubscribe_url":
        return Slot("leave", in_html=in_html), "u"
    field = person_field(name)
    if field is not None:
        return Slot(field, default=unescape(default.strip()) if in_html else default.strip(), in_html=in_html), ""
    return None


def merge_value(slot: Slot, person: dict[str, str]) -> str:
    """A merge tag's text for one person: escaped where it goes into HTML."""
    value = person.get(slot.kind) or slot.default
    return escape(value) if slot.in_html else value
