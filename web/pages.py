"""The application of the pages: blueprints, one per noun, behind the log-in wall."""

from __future__ import annotations

from flask import Flask

from broker.operate.front import Front
from web import (
    account,
    accounting,
    agencies,
    alerts,
    approval_rules,
    audit,
    balance,
    bank,
    bases,
    breaches,
    calendar,
    cards,
    catalogue,
    closing,
    compliance,
    connect,
    consents,
    contacts,
    contracts,
    conversions,
    creatives,
    delivery,
    desk,
    domains,
    enrichment,
    files,
    gateway,
    health,
    home,
    imports,
    insight,
    insight_forms,
    invoices,
    leaks,
    ledger,
    login,
    mailing_reports,
    mailings,
    mandates,
    metrics,
    notifications,
    order_people,
    order_terms,
    orders,
    organisations,
    overdue,
    overlaps,
    own_mailings,
    participations,
    partners,
    payment_means,
    payments,
    payouts,
    people,
    plans,
    pressure,
    private_offers,
    profile_fields,
    programmes,
    quality,
    refunds,
    reputation,
    results,
    retention,
    revenue,
    reviews,
    rules,
    sectors,
    seeds,
    segments,
    signing_keys,
    suggestions,
    suppression_feeds,
    suppression_lists,
    uploads,
    webhooks,
)
from web.http import (
    clean_input,
    display,
    form_token,
    headers,
    language,
    limits,
    navigation,
    refusals,
    refused_words,
    session,
)
from web.http.work import EXTENSION
from web.public import public_blueprint

NOUNS = (
    audit, bases, cards, catalogue, creatives, health, home, imports, invoices, ledger, login, mailings, metrics,
    orders, organisations, participations, payments, programmes, revenue, segments, uploads, contracts,
    insight, insight_forms,
    balance, consents, enrichment, quality, retention, account, people, partners, profile_fields,
    contacts, plans, reviews, compliance, breaches, alerts,
    rules, suggestions, overlaps, calendar,
    own_mailings, pressure, leaks, seeds, mailing_reports,
    conversions, private_offers,
    accounting, closing, files, bank, mandates, overdue, payouts, refunds, gateway, connect, payment_means,
    desk, suppression_lists, notifications, webhooks, results, domains, reputation,
    order_people, order_terms, delivery, signing_keys, approval_rules, agencies, sectors, suppression_feeds,
)  # fmt: skip
LARGEST_FORM = 6 * 1024 * 1024
STRIPE_HOSTS = "https://checkout.stripe.com https://connect.stripe.com"


def create_pages(front: Front) -> Flask:
    """The pages over an opened front."""
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM, MAX_FORM_MEMORY_SIZE=LARGEST_FORM)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = front
    for noun in NOUNS:
        app.register_blueprint(noun.pages)
    app.register_blueprint(
        public_blueprint(front.public_database, front.keys, front.settings, front.journal, front.public_questions)
    )
    session.install(app)
    form_token.install(app)
    clean_input.install(app)
    headers.install(app, payment_hosts=STRIPE_HOSTS if front.settings.payment.gateway == "stripe" else "")
    language.install(app)
    display.install(app)
    refused_words.install(app)
    navigation.install(app, front.settings)
    notifications.install(app)
    refusals.install(app)
    limits.install(app, front.settings)
    return app
