"""What may be said of a creative before anything is stored: pure, used by `courtier creative check` and at creation."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html import unescape

from broker.mailings.campaign_parameters import with_parameters
from broker.mailings.clean_html import clean_html
from broker.mailings.cleaned import Cleaned
from broker.mailings.foreign_tags import in_our_tags
from broker.mailings.legal_lines import missing_lines, with_legal_lines, with_preheader
from broker.mailings.own_text import own_text
from broker.mailings.plain_text import plain_text
from broker.mailings.slots import MERGE_TAGS, SLOT, unknown_tags

CLIPPED_AT = 102_000  # bytes: a large mailbox provider cuts longer messages and hides the opt-out
MOST_LINKS = 10_000
LITTLE_TEXT = 700  # characters, the legal lines (some 400) included
HEAVIEST = 5_000_000
LONGEST_SHEETS = 8_192  # characters; a large mailbox provider reads no more
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1f]")  # hardly any in a text, every tenth character elsewhere
_SHEET = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_EMBEDDED = re.compile(r"src=\"data:image/|url\(data:image/")
_SHOUTING = re.compile(r"\b[A-ZÀ-Þ]{4,}(?:\s+[A-ZÀ-Þ]{2,}){3,}")
_SPAM_WORDS = re.compile(
    r"100\s?% gratuit|argent facile|cliquez ici|click here|act now|urgent\s?!|free money|gagnez|no risk", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CreativeReport:
    """The result of a check. `urls[n - 1]` is exactly where link n leads; `html` and `plain` hold the slots."""

    links: int
    rewritten: int
    urls: tuple[str, ...]
    pictures: tuple[str, ...]  # addresses of remote images, fetched once when the creative is stored
    removed: dict[str, int]
    unknown_tags: tuple[str, ...]
    missing: tuple[str, ...]  # legal lines that the author did not write; `html` has them added
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    weight: int
    html: str
    plain: str

    def keys(self) -> dict[str, object]:
        """The keys of `courtier creative check --json`."""
        return {
            "links": self.links,
            "rewritten": self.rewritten,
            "urls": list(self.urls),
            "pictures": list(self.pictures),
            "removed": self.removed,
            "unknown_tags": list(self.unknown_tags),
            "missing": list(self.missing),
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True)
class Extras:
    """What a creative has beside its HTML and subject.

    `images`: address → name of those that we serve. `own_plain`: the text part as written, empty to have it made.
    `utm`: parameters added to each link. `tags`: the merge tags that its author may use. `own`: an owner's message to
    its own customers.
    """

    preheader: str = ""
    own_plain: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    tags: Collection[str] = tuple(MERGE_TAGS)
    own: bool = False


def check_creative(html: str, language: str = "fr", subject: str = "", extras: Extras | None = None) -> CreativeReport:
    """Clean, rewrite and judge a creative. `errors` not empty means that it cannot be used."""
    extras = extras or Extras()
    cleaned = clean_html(html, extras.images)
    missing = missing_lines(cleaned.html, extras.own)
    composed = with_legal_lines(cleaned.html, language, extras.own)
    errors = list(cleaned.errors)
    written, subject, preheader = map(in_our_tags, (extras.own_plain, subject, extras.preheader))
    if written.strip():
        plain, wrong = own_text(written, cleaned.urls, language, extras.own)
        errors += wrong
    else:
        plain = plain_text(composed)
    composed = with_preheader(composed, preheader)
    words = [unescape(word) for word in cleaned.words]
    unknown = unknown_tags("\n".join([*words, subject, preheader, written]), extras.tags)
    if unknown:
        known = ", ".join(extras.tags) or "none"
        errors.append(f"Unknown merge tags: {', '.join(unknown[:10])}. Those that may be used: {known}.")
    if len(_NO_TEXT.findall(html)) * 100 > len(html):
        errors.append("This is no HTML but another kind of file (document, picture, archive): export it as HTML.")
    if cleaned.removed["mjml"]:
        errors.append("This is MJML, the source of a message: have its editor write it out as HTML, and give that.")
    weight = len(composed.encode("utf-8", "replace"))
    if weight > HEAVIEST:
        errors.append(f"The message weighs {weight:,} bytes; at most {HEAVIEST:,} can be sent.")
    if len(cleaned.urls) > MOST_LINKS:
        errors.append(f"The message has {len(cleaned.urls):,} links; at most {MOST_LINKS:,} can be followed.")
    if not SLOT.sub("", plain_text(cleaned.html)).strip():
        errors.append("The message has no text: readers without images would see nothing.")
    return CreativeReport(
        links=cleaned.seen,
        rewritten=len(cleaned.urls),
        urls=tuple(with_parameters(url, extras.utm) for url in cleaned.urls),
        pictures=tuple(cleaned.pictures),
        removed=dict(sorted(cleaned.removed.items())),
        unknown_tags=tuple(unknown),
        missing=tuple(missing),
        errors=tuple(errors),
        warnings=(*cleaned.warnings, *_hints(plain, subject, weight, cleaned)),
        weight=weight,
        html=composed,
        plain=plain,
    )


def _hints(plain: str, subject: str, weight: int, cleaned: Cleaned) -> list[str]:
    hints = []
    absent = len(cleaned.pictures) - len(cleaned.images)
    if absent > 0:
        hints.append(f"{absent} remote images: readers get our copies, and the alternative text where there is none.")
    if cleaned.pictures and len(plain) < LITTLE_TEXT:
        hints.append("Mostly pictures and little text: many filters and readers dislike that.")
    if weight > CLIPPED_AT:
        hints.append(f"At {weight:,} bytes some mailboxes cut the message before its end.")
    if sum(len(sheet) for sheet in _SHEET.findall(cleaned.html)) > LONGEST_SHEETS:
        hints.append(f"Over {LONGEST_SHEETS:,} characters of style sheets: some mailboxes leave all of them out.")
    if len(_EMBEDDED.findall(cleaned.html)) > cleaned.removed["tracking pixel"]:
        hints.append("Pictures embedded in the message (data:) are not shown by several mailboxes.")
    if cleaned.removed["tracking pixel"]:
        hints.append(f"{cleaned.removed['tracking pixel']} pictures of one point were replaced: they tell who opens.")
    if _SHOUTING.search(f"{subject}\n{plain}") or (len(subject) > 8 and subject.isupper()):
        hints.append("Long passages in capitals look like spam.")
    if "!!" in subject or plain.count("!") > 20:
        hints.append("Many exclamation marks look like spam.")
    found = sorted({match[0].lower() for match in _SPAM_WORDS.finditer(f"{subject}\n{plain}")})
    if found:
        hints.append(f"Phrases that filters dislike: {', '.join(found)}.")
    return hints
