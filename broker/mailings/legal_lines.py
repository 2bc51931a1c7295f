"""The lines that every mail carries: who gave the address, who advertises, how to leave, who the partners are.

(GDPR art. 13, 14 and 21; LCEN art. 22 and L34-5 CPCE: the advertiser's identity and a simple way to object.) A line
that the author already wrote with its slot is not added a second time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from broker.mailings.slots import link_slot
from broker.mailings.visible_html import visible_html


@dataclass(frozen=True, slots=True)
class LegalLine:
    """One line: the slot by which an author's own wording is recognised, and our wording by language."""

    name: str
    slot: str
    wording: dict[str, str]


LINES = (
    LegalLine(
        "source_line",
        "{{owner_name}}",
        {
            "fr": "Vous recevez ce message car vous avez donné votre adresse à {{owner_name}} et accepté de recevoir"
            " les offres de ses partenaires.",
            "en": "You receive this message because you gave your address to {{owner_name}} and agreed to receive"
            " offers from its partners.",
        },
    ),
    LegalLine(
        "advertiser",
        "{{advertiser_identity}}",
        {"fr": "Annonceur : {{advertiser_identity}}.", "en": "Advertiser: {{advertiser_identity}}."},
    ),
    LegalLine(
        "opt_out",
        "{{unsubscribe_url}}",
        {
            "fr": 'Pour ne plus recevoir ces messages : <a href="{{unsubscribe_url}}">se désinscrire en un clic</a>.',
            "en": 'To stop receiving these messages: <a href="{{unsubscribe_url}}">unsubscribe in one click</a>.',
        },
    ),
    LegalLine(
        "partner_list",
        "{{partners_url}}",
        {
            "fr": '<a href="{{partners_url}}">Liste des partenaires de {{owner_name}}</a>.',
            "en": '<a href="{{partners_url}}">Partners of {{owner_name}}</a>.',
        },
    ),
)
# Of an owner's message to its own customers: it is the sender itself, and no partner has a part in it.
OWN_LINES = (
    LegalLine(
        "source_line",
        "{{owner_name}}",
        {
            "fr": "Vous recevez ce message de {{owner_name}} parce que vous êtes client ou avez accepté ses messages.",
            "en": "You receive this message from {{owner_name}} because you are a customer or agreed to its messages.",
        },
    ),
    LegalLine(
        "advertiser",
        "{{advertiser_identity}}",
        {"fr": "Expéditeur : {{advertiser_identity}}.", "en": "Sender: {{advertiser_identity}}."},
    ),
    LINES[2],
)
# Written so that no sheet of the message hides it or makes it illegible.
_FRAME = (
    '<div style="display:block !important;visibility:visible !important;opacity:1 !important;position:static '
    "!important;max-height:none !important;clear:both;padding:16px;text-align:center;font-family:Arial,sans-serif;"
    "font-size:12px !important;line-height:1.5 !important;color:#555555 !important;"
    'background-color:#ffffff !important">%s</div>'
)
_LINK = "display:inline !important;font-size:12px !important;color:#1a4f8b !important;text-decoration:underline"
_HIDDEN = (
    '<a href="%s" aria-hidden="true" tabindex="-1"'
    ' style="display:none;max-height:0;overflow:hidden;font-size:0;line-height:0"></a>'
)


def lines_for(own: bool) -> tuple[LegalLine, ...]:
    """The lines of a partner's mail, or of an owner's own."""
    return OWN_LINES if own else LINES


def missing_lines(html: str, own: bool = False) -> list[str]:
    """The names of the legal lines that no reader of a cleaned creative sees."""
    seen = visible_html(html)
    return [line.name for line in lines_for(own) if line.slot not in seen]


def with_legal_lines(html: str, language: str, own: bool = False) -> str:
    """The cleaned HTML with the missing legal lines and the link that only machines see at its end."""
    absent = set(missing_lines(html, own))
    texts = [line.wording[language] for line in lines_for(own) if line.name in absent]
    footer = _FRAME % "<br>".join(texts).replace("<a ", f'<a style="{_LINK}" ') if texts else ""
    footer += _HIDDEN % link_slot(0)
    end = html.rfind("</body>")
    return html[:end] + footer + html[end:] if end >= 0 else html + footer


_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)
_PREHEADER = (
    '<div style="display:none;max-height:0;overflow:hidden;font-size:1px;line-height:1px;opacity:0">%s'
    # Fills the rest of the line that mailboxes show beside the subject, so that no text of the body follows.
    "%s</div>"
)


def with_preheader(html: str, preheader: str) -> str:
    """The composed HTML with the words that mailboxes show beside the subject, hidden in the message itself."""
    if not preheader:
        return html
    hidden = _PREHEADER % (escape(preheader), "&#847;&zwnj;&nbsp;" * 60)
    body = _BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + hidden + html[at:]
