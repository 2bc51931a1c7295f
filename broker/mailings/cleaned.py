"""What comes out of an author's HTML, and what becomes of each address in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from broker.mailings.allowed_html import PLAIN_SCHEMES
from broker.mailings.clean_css import clean_css
from broker.mailings.slots import TAG_IN_URL, URL_TAGS, image_slot, link_slot

_NO_SPACE: Final = "".join(map(chr, range(0x21)))
_REMOTE: Final = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_NAMED: Final = 8  # errors of one kind that are said one by one
_SHOWN: Final = 60  # characters of an address in a sentence


@dataclass
class Cleaned:
    """What came out, and what is to be said about it."""

    html: str = ""
    urls: list[str] = field(default_factory=list)  # of link 1, 2, …: exactly as a browser reads them
    seen: int = 0  # links found, those refused included
    base: str = ""  # where addresses without a host lead, where the author said so (`<base href>`)
    pictures: list[str] = field(default_factory=list)  # addresses of remote images, each once
    images: Mapping[str, str] = field(default_factory=dict)  # those that were fetched: address → name
    removed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)  # pictures that no address leads to, by kind
    words: list[str] = field(default_factory=list)  # texts and attribute values: where merge tags may stand
    yielding: frozenset[str] = frozenset()  # properties whose inlined `!important` a media query beats
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _said: Counter[str] = field(default_factory=Counter)
    _known: dict[str, int] = field(default_factory=dict)

    def served(self, address: str) -> str | None:
        """The slot of a remote image that we serve; None where it is none, or is not fetched (yet)."""
        url = _read(address)
        if self.base and url and _SCHEME.match(url) is None:
            url = urljoin(self.base, url)
        if _REMOTE.match(url) is None:
            return None
        if TAG_IN_URL.search(url):
            self.words.append(url)
            self._say("The address of an image", url, "holds a merge tag: whoever serves it would learn who reads.")
            return None
        if url not in self.pictures:
            self.pictures.append(url)
        name = self.images.get(url)
        return None if name is None else image_slot(name)

    def target(self, href: str, *, hidden: bool = False) -> str | None:
        """What a link's address becomes: a slot, itself (mailto, tel, anchors), or None where it is refused.

        `hidden`: of a link that one mail programme alone reads; it shares the number of its twin that all read.
        """
        url = _read(href)
        if url.strip("{} ") in URL_TAGS and url.startswith("{{"):
            return f"{{{{{url.strip('{} ')}}}}}"
        if not url:
            return None
        if url.startswith("#"):
            return url
        scheme = _SCHEME.match(url)
        named = scheme[1].lower() if scheme else ""
        if named in PLAIN_SCHEMES:
            self.words.append(url)
            return url
        tagged = TAG_IN_URL.search(url) is not None
        if self.base and not named and not tagged and not url.startswith("//"):
            url, named = urljoin(self.base, url), "https"
        if hidden and url in self._known:
            return link_slot(self._known[url])
        self.seen += 1
        if tagged:
            self.words.append(url)
            self._say(
                f"Link {self.seen}", url, "holds a merge tag: the advertiser would learn there who the reader is."
            )
        elif named in ("http", "https") or url.startswith("//"):
            self.urls.append(url)
            self._known.setdefault(url, len(self.urls))
            return link_slot(len(self.urls))
        elif named:
            self.removed[f"{named}: link"] += 1
            self.warnings.append(f"Link {self.seen} has the scheme {named}, which no mail may hold: taken out.")
        else:
            self._say(f"Link {self.seen}", url, "is relative: in a mail it leads nowhere. Write it with https://.")
        return None

    def css(self, text: str) -> str:
        """A sheet or a style attribute without what it may not hold."""
        css, removed = clean_css(text, self.served)
        if removed:
            self.removed["css url()"] += removed
        return css

    def picture_lost(self, address: str) -> None:
        """Count a picture that cannot be fetched, by the reason that its author can mend."""
        self.removed["img"] += 1
        named = _SCHEME.match(_read(address))
        kind = named[1].lower() if named else "relative" if _read(address) else "none"
        if not is_remote(address):
            self.lost[kind] += 1

    def conclude(self) -> None:
        """Say what is said once, however often it happened."""
        for kind, count in self._said.items():
            if count > _NAMED:
                self.errors.append(f"{count - _NAMED} more of these: … {kind}")
        for kind, sentence in _LOST.items():
            if self.lost[kind]:
                self.warnings.append(sentence.format(self.lost[kind]))

    def _say(self, what: str, url: str, sentence: str) -> None:
        self._said[sentence] += 1
        if self._said[sentence] <= _NAMED:
            shown = url if len(url) <= _SHOWN else f"{url[:_SHOWN]}…"
            self.errors.append(f"{what} ({shown}) {sentence}")


_LOST: Final = {
    "cid": "{} pictures are attachments of a mail (cid:): put them on a web server and write their https address.",
    "relative": "{} pictures have no full address: readers see their alternative text. Write it with https://.",
    "data": "{} pictures are embedded in a form that no mail may hold (SVG): use PNG, JPEG, GIF or WebP.",
    "file": "{} pictures are files of a computer: put them on a web server and write their https address.",
}


def is_remote(address: str) -> bool:
    """Whether an address leads to a web server."""
    return _REMOTE.match(_read(address)) is not None


def _read(address: str) -> str:
    """As browsers read it (WHATWG URL, 4.4): no control character or space around, no tab or line feed within."""
    return address.strip(_NO_SPACE).translate({9: None, 10: None, 13: None})
