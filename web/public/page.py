"""What the public pages share: their means, their language, their headers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_date
from flask import Response, make_response, render_template, request

from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.journal import Journal
from broker.kernel.clock import PARIS
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.keyring import FrontKeys
from web.public.texts import LANGUAGES, texts

LARGEST_FORM = 16 * 1024

# Addresses here hold tokens: they are told to nobody, kept by no cache and found by no search engine.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Door:
    """The means of the public pages."""

    database: Database
    front: FrontKeys
    settings: Settings
    journal: Journal
    questions: AskBriefly


def protect(reply: Response) -> Response:
    """Add the headers; a reply that needs another one has set it already."""
    for name, value in HEADERS.items():
        reply.headers.setdefault(name, value)
    return reply


def choose_language(preferred: str = "fr") -> str:
    """The language asked for by `?l=`, else the browser's, else the mail's."""
    asked = request.args.get("l", "")
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(LANGUAGES) or (preferred if preferred in LANGUAGES else "fr")


def show(template: str, status: int = 200, *, preferred: str = "fr", **values: Any) -> Response:
    """A page in the person's language; `t` holds its texts."""
    language = choose_language(preferred)
    other = "en" if language == "fr" else "fr"
    # Only a page that was asked for by GET can be asked for again in the other language.
    switch = f"?l={other}" if request.method == "GET" and status == 200 else ""
    reply = make_response(
        render_template(
            f"public/{template}", t=texts(language), language=language, other=other, switch=switch, **values
        ),
        status,
    )
    reply.vary.add("Accept-Language")
    return reply


def day(moment: datetime, language: str) -> str:
    """A day in words."""
    return format_date(moment.astimezone(PARIS).date(), "long", locale=language)
