"""The click id that an advertiser reports back: put into its link at the redirect, where the link asks for it.

It is a token of the send and link, the same for every click of theirs, and says nothing of the person. A newsletter of
an owner's is one address for all its readers, so there each click is given a place of its own.
"""

from __future__ import annotations

import re
import secrets

from broker.affiliation.newsletter import READERS
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import TokenRef, make_token

_MARK = re.compile(r"\{click_id\}|%7Bclick_id%7D", re.IGNORECASE)


def placed(ref: TokenRef) -> TokenRef:
    """The click's own place: the recipient's, or a fresh one for a reader of a newsletter."""
    return ref._replace(position=secrets.randbelow(READERS)) if ref.position == READERS else ref


def with_click_id(front: FrontKeys, url: str, ref: TokenRef) -> str:
    """The link with the click id in place of `{click_id}`; not one other character of it changes."""
    if "click_id" not in url.lower():
        return url
    token = make_token(front, "conversion", ref.dispatch_id, ref.mailing_id, ref.position, ref.link)
    return _MARK.sub(token, url)
