"""The front as one WSGI application: pages at `/`, the API under `/api/v1`, the doors of persons without a log-in.

This file is the only place where `web/` and `api/` meet; it puts two applications side by side and shares the front's
means between them. Neither knows the other.
"""

from __future__ import annotations

from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from api.app import create_api
from broker.feedback.frozen_links import FrozenLinks
from broker.feedback.leave_together import LeaveTogether
from broker.kernel.settings import Settings, load_settings
from broker.operate.front import Front, open_front
from web.pages import create_pages
from web.public.fast_click import FastClicks, Wsgi
from web.public.fast_leave import FastLeaving
from web.public.fast_open import FastOpens

API = "/api/v1"


def create_app(settings: Settings | None = None) -> Wsgi:
    """The application that a server runs; without settings those of `COURTIER_CONFIG`, else the defaults."""
    return compose(open_front(settings or load_settings()))


def serve_app(settings: Settings) -> Wsgi:
    """The same in a process that serves: it also brings journals to the database, those of dead processes too."""
    front = open_front(settings)
    front.drain.start()
    return compose(front)


def compose(front: Front) -> Wsgi:
    """Clicks, wishes to leave and opens first, then pages and API, on the same means."""
    rest: Any = DispatcherMiddleware(create_pages(front), {API: create_api(front)})
    opens = FastOpens(rest, front.keys, front.opens)
    leaving = FastLeaving(opens, front.keys, LeaveTogether(front.public_questions), front.journal)
    whole: Any = FastClicks(leaving, front.keys, FrozenLinks(front.public_questions), front.journal)
    proxies = front.settings.web.trusted_proxies
    if proxies:
        whole = ProxyFix(whole, x_for=proxies, x_proto=proxies, x_host=proxies)
    application: Wsgi = whole
    return application
