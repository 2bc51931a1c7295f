"""The picture that counts opens: one address a campaign, the same for everybody, so that loading it names nobody."""

from __future__ import annotations

import re

from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token

_END = re.compile(r"</body\s*>", re.IGNORECASE)


def open_address(front: FrontKeys, public_url: str, dispatch_id: int, mailing_id: int) -> str:
    """The picture's address."""
    return f"{public_url}/o/{make_token(front, 'open', dispatch_id, mailing_id, 0)}.gif"


def with_picture(html: str, address: str) -> str:
    """The body with the picture at its end."""
    ends = list(_END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return f'{html[:at]}<img src="{address}" width="1" height="1" alt="" style="display:block">{html[at:]}'
