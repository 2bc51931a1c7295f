"""What the check of a message says, in the page's language: its sentences come in English, their facts in them."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from web.http.language import current

_LINES = (
    (r"(?P<what>Link \d+|The address of an image) \((?P<url>.*)\) holds a merge tag: .*",
     _("%(url)s holds a merge tag: whoever is at that address would learn there who the reader is.")),
    (r"Link (?P<number>\d+) \((?P<url>.*)\) is relative: .*",
     _("Link %(number)s (%(url)s) is relative: in a mail it leads nowhere. Write it with https://.")),
    (r"(?P<count>[\d,]+) more of these: … (?P<rest>.*)", _("And %(count)s more of these.")),
    (r"Link (?P<number>\d+) has the scheme (?P<scheme>\S+), which .*",
     _("Link %(number)s begins with %(scheme)s:, which no mail may hold: taken out.")),
    (r"More than (?P<count>[\d,]+) elements stand inside one another: .*",
     _("More than %(count)s elements stand inside one another: no mail programme shows that.")),
    (r"An element has more than (?P<count>[\d,]+) attributes: .*",
     _("An element has more than %(count)s attributes: no mail programme reads that.")),
    (r"This is no HTML but .*",
     _("This is no HTML but another kind of file (document, picture, archive): export it as HTML.")),
    (r"This is MJML, .*",
     _("This is MJML, the source of a message: have its editor write it out as HTML, and give that.")),
    (r"A link of the text part holds a merge tag: .*",
     _("A link of the text part holds a merge tag: the advertiser would learn there who reads.")),
    (r"Unknown merge tags: (?P<tags>.*)\. Those that may be used: (?P<known>.*)\.",
     _("Unknown merge tags: %(tags)s. Those that may be used: %(known)s.")),
    (r"The message weighs (?P<weight>[\d,]+) bytes; at most (?P<most>[\d,]+) can be sent\.",
     _("The message weighs %(weight)s bytes; at most %(most)s can be sent.")),
    (r"The message has (?P<count>[\d,]+) links; at most (?P<most>[\d,]+) can be followed\.",
     _("The message has %(count)s links; at most %(most)s can be followed.")),
    (r"The message has (?P<count>[\d,]+) remote images; at most (?P<most>[\d,]+) are fetched\.",
     _("The message has %(count)s remote images; at most %(most)s are fetched.")),
    (r"The message has no text: .*", _("The message has no text: readers without images would see nothing.")),
    (r"The style sheet is malformed .*", _("The style sheet is malformed and was not inlined.")),
    (r"(?P<count>[\d,]+) remote images: readers get our copies, .*",
     _("%(count)s remote images: readers get our copies, and the alternative text where there is none.")),
    (r"(?P<count>[\d,]+) pictures are attachments of a mail .*",
     _("%(count)s pictures are attachments of a mail (cid:): put them on a web server and write their https address.")),
    (r"(?P<count>[\d,]+) pictures have no full address: .*",
     _("%(count)s pictures have no full address: readers see their alternative text. Write it with https://.")),
    (r"(?P<count>[\d,]+) pictures are embedded in a form .*",
     _("%(count)s pictures are embedded in a form that no mail may hold (SVG): use PNG, JPEG, GIF or WebP.")),
    (r"(?P<count>[\d,]+) pictures are files of a computer: .*",
     _("%(count)s pictures are files of a computer: put them on a web server and write their https address.")),
    (r"(?P<count>[\d,]+) pictures of one point were replaced: .*",
     _("%(count)s pictures of one point were replaced: they tell who opens.")),
    (r"Pictures embedded in the message .*",
     _("Pictures embedded in the message (data:) are not shown by several mailboxes.")),
    (r"Over (?P<count>[\d,]+) characters of style sheets: .*",
     _("Over %(count)s characters of style sheets: some mailboxes leave all of them out.")),
    (r"Mostly pictures and little text: .*",
     _("Mostly pictures and little text: many filters and readers dislike that.")),
    (r"At (?P<weight>[\d,]+) bytes some mailboxes cut .*",
     _("At %(weight)s bytes some mailboxes cut the message before its end.")),
    (r"Long passages in capitals .*", _("Long passages in capitals look like spam.")),
    (r"Many exclamation marks .*", _("Many exclamation marks look like spam.")),
    (r"Phrases that filters dislike: (?P<phrases>.*)\.", _("Phrases that filters dislike: %(phrases)s.")),
)  # fmt: skip
_READ: tuple[tuple[Callable[[str], re.Match[str] | None], object], ...] = tuple(
    (re.compile(pattern, re.DOTALL).fullmatch, text) for pattern, text in _LINES
)
_VARIANT = re.compile(r"Variant ([A-D]): (.*)", re.DOTALL)


def creative_line(line: str) -> str:
    """One error or warning of a check; a sentence that is not known here stays as it is."""
    if current() == "en":
        return line
    variant = _VARIANT.fullmatch(line)
    if variant:
        return gettext("Variant %(letter)s: %(line)s", letter=variant[1], line=creative_line(variant[2]))
    for read, text in _READ:
        found = read(line)
        if found is not None:
            facts = {name: _figure(value) for name, value in found.groupdict().items()}
            return str(text) % facts if facts else str(text)
    return line


def _figure(value: str) -> str:
    """Thousands as French writes them."""
    return value.replace(",", "\N{NARROW NO-BREAK SPACE}") if re.fullmatch(r"[\d,]+", value) else value
