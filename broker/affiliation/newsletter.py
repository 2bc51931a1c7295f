"""What an owner puts into its own newsletter: tracked links of the offer, and a ready block of HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from broker.affiliation import store
from broker.affiliation.withdraw import find_participation, find_send
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token

# The place of a newsletter's readers, whom we do not know: each click gets a place of its own at the redirect.
READERS = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class NewsletterLink:
    """A tracked link and where it leads."""

    number: int
    leads_to: str
    address: str


def newsletter_links(unit: UnitOfWork, front: FrontKeys, public_url: str, send_code: str) -> list[NewsletterLink]:
    """The links of a newsletter that was announced: `address` is what stands in it."""
    unit.actor.require("owner")
    found = store.links_of_newsletter(unit, send_code)
    if not found:
        raise NotFound(f"There is no newsletter {send_code!r} of yours.")
    return [
        NewsletterLink(
            row.number,
            row.url,
            f"{public_url.rstrip('/')}/c/"
            + make_token(front, "click", row.dispatch_id, row.mailing_id, READERS, row.number),
        )
        for row in found
    ]


def newsletter_block(unit: UnitOfWork, links: list[NewsletterLink], send_code: str) -> str:
    """A block of HTML for the newsletter: who advertises (art. L. 121-15-1 code de la consommation), and the offer."""
    send = find_send(unit, send_code)
    part = find_participation(unit, send.participation_code)
    return (
        f'<div style="border:1px solid #d0d5dd;padding:16px;font-family:sans-serif">'
        f'<p style="margin:0 0 8px;font-size:12px;color:#475467">Publicité &middot; {escape(part.advertiser_name)}</p>'
        f'<p style="margin:0"><a href="{escape(links[0].address)}">{escape(part.programme_title)}</a></p></div>'
    )
