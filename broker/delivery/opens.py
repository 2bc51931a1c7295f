"""The picture that counts opens: one address a campaign, the same for everybody, so that loading it names nobody."""

from __future__ import annotations

import re

from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token

_END = re.compile(r"</body\s*>", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b", re.IGNORECASE)


def open_address(front: FrontKeys, public_url: str, dispatch_id: int, mailing_id: int) -> str:
    """The picture's address."""
    return f"{public_url}/o/{make_token(front, 'open', dispatch_id, mailing_id, 0)}.gif"


def with_picture(html: str, address: str) -> str:
    """The body with the picture at its end.

    Filters count a mail with few words and any `img` as one that hides its words in pictures: to a body without
    pictures of its own it is added as the background of an empty cell, which mail programmes load just the same.
    """
    ends = list(_END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    if _IMAGE.search(html):
        picture = f'<img src="{address}" width="1" height="1" alt="" style="display:block">'
    else:
        picture = (
            f'<table role="presentation" width="1" cellpadding="0" cellspacing="0" border="0"><tr>'
            f'<td width="1" height="1" background="{address}" style="font-size:1px;line-height:1px">&nbsp;</td>'
            "</tr></table>"
        )
    return html[:at] + picture + html[at:]
