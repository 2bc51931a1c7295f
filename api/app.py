"""The application of the API: blueprints, one per noun, behind the key wall."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_smorest import Api

from api import (
    access,
    agencies,
    bank,
    bases,
    calendar,
    cards,
    closing,
    compliance,
    contacts,
    contests,
    conversions,
    creatives,
    delivery,
    desk,
    document,
    domains,
    figures,
    files,
    imports,
    insight,
    invoices,
    ledger,
    life,
    mailings,
    mandates,
    notifications,
    once,
    order_people,
    order_terms,
    orders,
    organisations,
    overdue,
    own_mailings,
    participations,
    partners,
    payment_gateway,
    payouts,
    plans,
    platform,
    pressure,
    private_offers,
    problems,
    programmes,
    quality,
    refunds,
    reports,
    results,
    reviews,
    rules,
    seeds,
    segments,
    suppression_lists,
    uploads,
    webhooks,
)
from api.fields import CODE, CodeConverter, NumberConverter
from api.work import EXTENSION
from broker.operate.front import Front

NOUNS = (
    bases, imports, segments, cards, creatives, orders, order_terms, order_people, agencies,
    programmes, participations, conversions, private_offers, mailings, reports, invoices,
    calendar,
    figures, files, closing, mandates, contests, platform, bank, payouts, payment_gateway,
    overdue, refunds,
    insight, ledger, seeds, uploads, quality, compliance, life, contacts, plans,
    reviews, desk, suppression_lists, partners,
    own_mailings, pressure,
    rules, results, domains, delivery, organisations, notifications, webhooks,
)  # fmt: skip
LARGEST_BODY = 6 * 1024 * 1024


class CourtierApi(Api):  # type: ignore[misc]
    """flask-smorest without its own error bodies: ours are problem details."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = problems.ProblemSchema

    def _register_error_handlers(self) -> None:
        problems.install(self._app)


def create_api(front: Front | None) -> Flask:
    """The API over an opened front; None makes one that can only be described."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(
        API_TITLE="Courtier",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        API_SPEC_OPTIONS={
            "info": {"description": document.INTRODUCTION},
            "servers": [{"url": "/api/v1"}],
            "security": [{"key": []}],
        },
    )
    app.url_map.converters.update(code=CodeConverter, number=NumberConverter)
    app.url_map.strict_slashes = False
    api = CourtierApi()
    api.register_converter(CodeConverter, _pattern(f"^{CODE}$"))
    api.register_converter(NumberConverter, _pattern("^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"))
    api.init_app(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "bearerFormat": "ck_…"})
    for noun in NOUNS:
        api.register_blueprint(noun.calls)
    document.install(app, api)
    if front is not None:
        app.extensions[EXTENSION] = front
        access.install(app, front.settings)
        once.install(app)

    @app.after_request
    def no_sniffing(reply: Any) -> Any:
        reply.headers.setdefault("X-Content-Type-Options", "nosniff")
        reply.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if request.endpoint not in access.OPEN:
            reply.headers.setdefault("Cache-Control", "no-store")
        return reply

    return app


def _pattern(pattern: str) -> Any:
    def schema(converter: object) -> dict[str, str]:
        return {"type": "string", "pattern": pattern}

    return schema
