"""The menu of each role, and what every template knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, request, url_for
from flask_babel import lazy_gettext as _

from broker.kernel.settings import Settings
from web.http.notices import notice
from web.http.sector_reasons import SECTOR_REASONS
from web.http.words import SECTORS, tone, word
from web.http.work import front, session_view


@dataclass(frozen=True)
class Item:
    """One line of a menu."""

    address: str
    label: str
    icon: str
    current: bool


HOME = ("home.show", _("Home"), "home")
ORDERS = ("orders.index", _("Orders"), "shopping-cart")
MAILINGS = ("mailings.index", _("Mailings"), "send")
PROGRAMMES = ("programmes.index", _("Programmes"), "target")
INVOICES = ("invoices.index", _("Invoices"), "file-invoice")
REVENUE = ("revenue.show", _("Revenue report"), "scale")
MENUS: dict[str, Sequence[tuple[str, Any, str]]] = {
    "owner": (
        HOME, ("bases.index", _("Bases"), "database"), ("cards.index", _("Data cards"), "id-badge-2"), ORDERS,
        PROGRAMMES, ("participations.index", _("Participations"), "users-group"),
        ("own_mailings.index", _("Own mailings"), "mail"), MAILINGS,
        ("revenue.show", _("Revenue"), "chart-line"), ("invoices.index", _("Statements"), "report-money"),
        ("payouts.index", _("Payouts"), "credit-card"),
        ("connect.show", _("Account at the gateway"), "building"),
        ("domains.index", _("Sending domains"), "world"),
        ("compliance.register", _("Compliance"), "shield-check"),
    ),
    "advertiser": (
        HOME, ("catalogue.index", _("Find an audience"), "search"), ORDERS,
        ("creatives.index", _("Creatives"), "mail"), PROGRAMMES, MAILINGS, INVOICES,
        ("payment_means.index", _("Means of payment"), "credit-card"),
    ),
    "agency": (HOME, ("agencies.index", _("Clients"), "users-group"), INVOICES),
    "broker": (
        HOME, ("organisations.index", _("Organisations"), "building"), ORDERS, MAILINGS, REVENUE, INVOICES,
        ("accounting.index", _("Accounting"), "report-money"),
        ("order_terms.credit", _("Credit terms"), "credit-card"),
        ("contracts.index", _("Contracts"), "file-text"), ("reviews.index", _("Columns to review"), "clipboard-check"),
        ("consents.index", _("Consent proofs"), "list-check"), ("compliance.register", _("Compliance"), "shield-check"),
        ("overlaps.across", _("Overlaps"), "users-group"), ("reputation.index", _("Reputation"), "activity"),
        ("domains.index", _("Sending domains"), "world"), ("delivery.index", _("Delivery"), "send"),
        ("audit.index", _("Audit"), "history"),
    ),
    "accountant": (
        HOME, REVENUE, ("accounting.index", _("Accounting"), "report-money"), INVOICES,
        ("ledger.index", _("Ledger"), "table"),
        ("order_terms.credit", _("Credit terms"), "credit-card"), MAILINGS,
    ),
}  # fmt: skip
# Pages of a noun that has no line of its own light up the line they are reached by.
BELONGS = {
    "notifications": "", "webhooks": "",
    "conversions": "programmes", "private_offers": "participations",
    "leaks": "mailings", "seeds": "mailings", "mailing_reports": "mailings",
    "pressure": "bases", "creatives": "own_mailings",
    "results": "mailings", "desk": "catalogue", "suppression_lists": "catalogue", "suppression_feeds": "catalogue",
    "order_people": "orders", "approval_rules": "orders", "sectors": "compliance",
    "insight": "bases", "insight_forms": "bases", "breaches": "compliance", "alerts": "audit",
    "imports": "bases", "segments": "bases", "suggestions": "bases", "overlaps": "bases", "uploads": "bases",
    "calendar": "bases", "quality": "bases", "enrichment": "bases",
    "gateway": "accounting", "payments": "orders",
    "balance": "bases", "retention": "bases", "partners": "bases", "profile_fields": "bases",
    "mandates": "accounting", "bank": "accounting", "overdue": "accounting", "refunds": "accounting",
    "payouts": "accounting", "closing": "accounting", "files": "accounting",
    "connect": "accounting", "payment_means": "accounting",
    "plans": "bases", "contacts": "bases", "contracts": "bases",
}  # fmt: skip


def menu() -> list[Item]:
    """The lines of the viewer's menu, the present one marked."""
    view = session_view()
    if view is None:
        return []
    here = (request.endpoint or "").partition(".")[0]
    lit = {here, BELONGS.get(here, here)}
    return [
        Item(url_for(endpoint), str(label), icon, endpoint.partition(".")[0] in lit)
        for endpoint, label, icon in MENUS.get(view.actor.role, (HOME,))
        if endpoint != "connect.show" or front().settings.payment.connect
    ]


def install(app: Flask, settings: Settings) -> None:
    """Give templates the viewer, the menu and the words of states."""
    app.jinja_env.globals.update(menu=menu, notice=notice, demo=settings.instance.demo, settings=settings)
    app.jinja_env.globals["sectors"] = lambda: [(code, word(code)) for code in SECTORS]
    app.jinja_env.filters["tone"] = tone
    app.jinja_env.filters["sector_reason"] = lambda why: str(SECTOR_REASONS.get(why, why))

    @app.context_processor
    def viewer() -> dict[str, object]:
        return {"viewer": session_view()}
