"""The links of a mail as its reader meets them: what a person sees, and what only machines find."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from html.parser import HTMLParser

_CLICK = re.compile(r"https?://[^/]+/c/[a-z2-7]+$")
_LEAVE = re.compile(r"https?://[^/]+/u/[a-z2-7]+$")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|max-height\s*:\s*0")
_EMPTY = frozenset({"br", "img", "hr", "meta", "link", "input", "col", "area", "base", "wbr"})


@dataclass(frozen=True, slots=True)
class MailLinks:
    """Click addresses seen and hidden, opt-out pages, and the one-click address ("" without one)."""

    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    leaving: tuple[str, ...]
    one_click: str


def read_links(raw: bytes) -> MailLinks:
    """Read the links of one mail."""
    message = BytesParser(policy=policy.default).parsebytes(raw)
    page = message.get_body(("html",))
    reader = _Links()
    if page is not None:
        reader.feed(page.get_content())
    header = str(message.get("List-Unsubscribe", ""))
    one_click = re.search(r"<(https?://[^>\s]+)>", header)
    return MailLinks(
        tuple(dict.fromkeys(reader.visible)),
        tuple(dict.fromkeys(reader.hidden)),
        tuple(dict.fromkeys(reader.leaving)),
        one_click[1] if one_click and message.get("List-Unsubscribe-Post") else "",
    )


class _Links(HTMLParser):
    """Collects addresses, minding which elements around them are hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.visible: list[str] = []
        self.hidden: list[str] = []
        self.leaving: list[str] = []
        self._around: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        hidden = "hidden" in given or bool(_HIDDEN_STYLE.search(given.get("style", "")))
        hidden = hidden or any(outer for _, outer in self._around)
        if tag not in _EMPTY:
            self._around.append((tag, hidden))
        address = given.get("href", "")
        if _CLICK.match(address):
            (self.hidden if hidden else self.visible).append(address)
        elif _LEAVE.match(address):
            self.leaving.append(address)

    def handle_endtag(self, tag: str) -> None:
        while any(name == tag for name, _ in self._around):
            if self._around.pop()[0] == tag:
                return
