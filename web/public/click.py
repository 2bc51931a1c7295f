"""GET /c/<token>: kept, then sent on to the frozen link and nowhere else.

Most clicks never come here: `fast_click` answers them. This is the way that needs no journal, and that explains itself.
"""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from broker.feedback.click_ids import placed, with_click_id
from broker.feedback.record_click import record_click
from broker.kernel.actor import PUBLIC
from broker.vault.tokens import read_token
from web.public.fast_click import manner_of
from web.public.page import Door


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the route."""

    @blueprint.get("/c/<token>")
    def click(token: str) -> Response:
        ref = placed(read_token(door.front, "click", token))
        with door.database.begin(PUBLIC) as unit:
            url = record_click(
                unit,
                ref,
                ip=request.remote_addr or "",
                agent=request.user_agent.string,
                manner=manner_of(request.environ),
            )
        return redirect(with_click_id(door.front, url, ref), 302)  # after the commit: a hit that is answered is kept
