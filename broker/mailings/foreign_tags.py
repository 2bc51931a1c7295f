"""Merge tags of other mailers, understood: authors paste templates that were made for them.

`*|FNAME|*`, `%%FIRST_NAME%%`, `[[data:firstname:"you"]]`, `{{ contact.FIRSTNAME | default: 'you' }}` become ours. What
has no meaning here (a page in an archive, a reward badge) goes; the rest stays as it is and is named as unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from broker.mailings.foreign_blocks import understand_blocks
from broker.mailings.foreign_names import EMPTY, NAMES, plain
from broker.mailings.slots import MAILING_TAGS, MERGE_TAGS, OWN_ATTRIBUTE, OWN_TAGS, URL_TAGS

_WORD: Final = r"[A-Za-zÀ-ÿ_][A-Za-zÀ-ÿ0-9_ .:-]{0,60}?"
_FALLBACK: Final = r"(?:\"([^\"{}<>]*)\"|'([^'{}<>]*)'|&quot;([^\"{}<>&]*)&quot;|&#39;([^'{}<>&]*)&#39;)"
_CASE: Final = re.compile(r"^(?:title|upper|lower|html|url):", re.IGNORECASE)
_FILTERS: Final = r"(?:\|\s*(?:title|capitalize|upper|upcase|lower|downcase|trim|strip|escape|safe|e)\b\s*){0,5}+"

# Forms that no other text has: an unknown name in them is named to the author. Group 1 is the name, others a default.
_TAGS: Final = (
    re.compile(r"\*\|([^|*<>]{1,80})\|\*"),  # Mailchimp
    re.compile(r"%%([A-Za-z_ .]{1,40})%%"),  # Salesforce, Acoustic
    re.compile(rf"\[\[\s*(?:data:|var:)?({_WORD})(?:(?::|\s+OR)\s*{_FALLBACK})?\s*\]\]"),  # Mailjet, GetResponse
    re.compile(rf"\$\[\s*(?:LI:|UD:)?({_WORD})\s*(?:\|([^\]|<>]*))?\]\$"),  # Zoho
    re.compile(
        r"\{\{\{?\s*(?:(?:contact|params|subscriber|recipient|profile|customer|person|user|var|data|site_settings"
        rf"|organization|account|pm|event)[.:])?\$?\{{?({_WORD})\}}?\s*{_FILTERS}"
        rf"(?:(?:\|\s*default(?:_if_none)?\s*:?\s*\(?|:)\s*{_FALLBACK}\s*\)?\s*)?{_FILTERS}\}}\}}\}}?"
    ),  # Brevo, HubSpot, Klaviyo, Mailjet, Braze, SendGrid, Postmark, Emarsys
    re.compile(rf"\{{%-?\s*({_WORD})\s*-?%\}}"),  # Klaviyo's own
)
# Forms that other text may have too: they mean something only with a name that is known.
_LIKELY: Final = (
    re.compile(
        r"(?<![\w%<])%([A-Z][A-Z0-9_-]{2,30}|recipient\.\w{2,30}|[a-z_]{4,30}_url)%(?!%)"
    ),  # ActiveCampaign, Mailgun
    re.compile(
        r"(?<!\{)\{\$?(?:contactfield=)?([A-Za-z_ ]{3,30})(?:\|([^{}<>]{0,60}))?\}(?!\})"
    ),  # MailerLite, Mautic, Sendinblue
    re.compile(r"\[%?([A-Za-z_]{3,30})%?(?:,\s*fallback=([^\]<>]{0,60}))?\]"),  # Campaign Monitor, Sendinblue, SendGrid
    re.compile(r"<%=?\s*(?:recipient\.)?(\w{3,40})\s*%>"),  # SendGrid, Adobe
    re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z ]{2,29})\$(?![\w$])"),  # Emarsys, Splio
    re.compile(r"(?<![\w@.])@([A-Z_]{4,30})@(?![\w@])"),  # Dotdigital
    re.compile(r"(?<![\w#])##([A-Za-z_ ]{3,30})##(?!#)"),
    re.compile(r"(?<![\w~])~@?([A-Z_]{3,30})~(?![\w~])"),  # Selligent
)

_DECLARED: Final = frozenset((*MERGE_TAGS, *OWN_TAGS, *MAILING_TAGS, *URL_TAGS))
# Our own tags, in as many braces and in the spelling that an author is used to: `{{{first_name|vous}}}`.
_MARKUP: Final = re.compile(r"<[^<>]*>")  # of an editor that made a part of a tag bold: a name has none
_BOLD: Final = r"(?:\s|<[^<>]{0,200}>){0,20}+"
_BRACES: Final = re.compile(rf"(?<!\{{)\{{{{2,}}+{_BOLD}({_WORD}){_BOLD}(?:\|([^{{}}|]*))?\}}{{2,}}+")


def understand(source: str) -> tuple[str, Counter[str]]:
    """The source in our tags, and how many foreign tags were taken out because they say nothing here."""
    dropped: Counter[str] = Counter()
    source = understand_blocks(source, dropped)
    for pattern in _TAGS:
        source = pattern.sub(lambda match: _ours(match, dropped), source)
    for pattern in _LIKELY:
        source = pattern.sub(lambda match: _ours(match, dropped), source)
    return _BRACES.sub(_two_braces, source), dropped


def in_our_tags(line: str) -> str:
    """A subject, preheader or text part: they come from the same templates as the HTML."""
    return understand(line)[0]


def _two_braces(match: re.Match[str]) -> str:
    """A merge tag of ours in two braces: what stands around them would be read as text, `Bonjour {Martine}`."""
    name, default = match[1].strip(), _MARKUP.sub("", match[2] or "").strip()
    if name not in _DECLARED and not name.startswith(OWN_ATTRIBUTE):
        known = NAMES.get(plain(name))
        if known is None:
            return match[0]
        name = known
    return f"{{{{{name}|{default}}}}}" if default else f"{{{{{name}}}}}"


def _ours(match: re.Match[str], dropped: Counter[str]) -> str:
    name = _CASE.sub("", match[1].strip()) if not match[1].lower().startswith("html:list") else match[1]
    if plain(name) in EMPTY or plain(match[1]) in EMPTY:
        dropped["merge tag"] += 1
        return ""
    tag = NAMES.get(plain(name)) or NAMES.get(plain(match[1]))
    if tag is None:
        return match[0]
    default = next((group for group in match.groups()[1:] if group), "").strip()
    return f"{{{{{tag}|{default}}}}}" if default else f"{{{{{tag}}}}}"
