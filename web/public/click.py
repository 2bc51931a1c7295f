"""GET /c/<token>: kept, then sent on to the frozen link and nowhere else."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from broker.feedback.model import Manner
from broker.feedback.record_click import record_click
from broker.kernel.actor import PUBLIC
from broker.vault.tokens import read_token
from web.public.page import Door


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the route."""

    @blueprint.get("/c/<token>")
    def click(token: str) -> Response:
        ref = read_token(door.front, "click", token)
        with door.database.begin(PUBLIC) as unit:
            url = record_click(
                unit, ref, ip=request.remote_addr or "", agent=request.user_agent.string, manner=_manner()
            )
        return redirect(url, 302)  # after the commit: a hit that is answered is kept


def _manner() -> Manner:
    if request.method == "HEAD":
        return "head"
    purpose = f"{request.headers.get('Sec-Purpose', '')} {request.headers.get('Purpose', '')}".lower()
    return "prefetch" if "prefetch" in purpose or "preview" in purpose else "get"
