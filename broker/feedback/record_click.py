"""A click: kept first, then redirected."""

from __future__ import annotations

from broker.feedback import store
from broker.feedback.model import Manner, SendKey
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.vault.tokens import TokenRef


def record_click(unit: UnitOfWork, ref: TokenRef, *, ip: str, agent: str, manner: Manner = "get") -> str:
    """Keep a raw hit and return the frozen link that it leads to; the caller redirects after the commit.

    Hits are judged later (`classify_hits`): a scanner gets the same answer as a person. Refuses (404) a link that the
    signed creative does not have: there is no way to be led anywhere else.
    """
    key = SendKey(ref.dispatch_id, ref.mailing_id, ref.position)
    url = store.record_hit(unit, key, ref.link, ip, agent, manner)
    if url is None:
        raise NotFound("This link leads nowhere any more.", code="bad_token")
    return url
