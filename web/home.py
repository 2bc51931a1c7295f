"""The first page of each role: what to do next, then how things stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from broker.accounts.give_mandate import list_mandates
from broker.affiliation.join import list_participations
from broker.bases.find_base import list_bases
from broker.billing.invoices.find_invoice import list_invoices
from broker.billing.report import revenue_report
from broker.catalogue.find_card import list_cards
from broker.catalogue.programmes import browse_programmes
from broker.catalogue.search_cards import search_cards
from broker.kernel.database import UnitOfWork
from broker.mailings.create_creative import list_creatives
from broker.mailings.find_mailing import list_mailings
from broker.rentals.find import list_orders
from web.duties import alert_duties, base_duties, legal_duties
from web.http.work import actor, unit

pages = Blueprint("home", __name__)
RUNNING = frozenset({"planned", "frozen", "sending", "paused"})


@dataclass(frozen=True)
class Step:
    """Something to do next; `waits` marks what somebody waits for."""

    address: str
    icon: str
    text: str
    why: str
    waits: bool = False


@pages.get("/")
def show() -> str:
    """The viewer's home."""
    role = actor().role
    with unit() as work:
        values = HOMES[role](work)
    return render_template(f"home/{role}.html", **values)


def owner(work: UnitOfWork) -> dict[str, Any]:
    """Orders to answer come first, then what brings the next revenue."""
    bases, cards = list_bases(work), list_cards(work)
    asked = list_orders(work, "ordered")
    joined = list_participations(work, size=5)
    steps: list[Step] = []
    if asked.total:
        text = ngettext("%(num)s order awaits your answer", "%(num)s orders await your answer", asked.total)
        why = _("Read the message, then approve it or say why not.")
        steps.append(Step(url_for("orders.index"), "clipboard-check", text, why, waits=True))
    steps += [Step(*duty, waits=True) for duty in legal_duties(work)]
    if not bases:
        why = _("A base is one file of people who gave you their address.")
        steps.append(Step(url_for("bases.new"), "database", _("Create your first base"), why))
    for base in bases:
        if base.current_snapshot_id is None:
            text = _("Import contacts into %(base)s", base=base.name)
            why = _("Publish its partner list, then upload a CSV file.")
            steps.append(Step(url_for("bases.show", code=base.code), "upload", text, why))
    steps += [Step(*duty) for duty in base_duties(work)]
    ready = [base for base in bases if base.current_snapshot_id is not None]
    if ready and not any(card.state == "published" for card in cards):
        why = _("Save a segment and publish it: advertisers can then book it.")
        address = url_for("bases.show", code=ready[0].code)
        steps.append(Step(address, "id-badge-2", _("Publish a data card"), why))
    if ready:
        text = _("Browse programmes")
        why = _("Open offers that a base of any size may join; you pick each send.")
        steps.append(Step(url_for("programmes.index"), "target", text, why))
    return {
        "steps": steps,
        "orders": list_orders(work, size=5),
        "mailings": list_mailings(work, size=5).items,
        "cards": [card for card in cards if card.state == "published"],
        "joined": joined,
        "statements": list_invoices(work, size=5),
    }


def advertiser(work: UnitOfWork) -> dict[str, Any]:
    """Payments that are due come first, then the next campaign."""
    due = list_orders(work, "approved")
    quotes = list_orders(work, "quote")
    creatives = list_creatives(work)
    steps: list[Step] = []
    for order in due.items[:3]:
        text = _("Pay for “%(card)s”", card=order.card_title)
        why = _("The owner has approved; the mailing is prepared once it is paid.")
        steps.append(Step(url_for("orders.show", code=order.code), "credit-card", text, why, waits=True))
    for order in quotes.items[:3]:
        text = _("Decide on the quote for “%(card)s”", card=order.card_title)
        why = _("Place it with a signed creative before it expires.")
        steps.append(Step(url_for("orders.show", code=order.code), "shopping-cart", text, why))
    unsigned = [creative for creative in creatives if creative.state == "draft"]
    for creative in unsigned[:2]:
        text = _("Sign “%(name)s”", name=creative.name)
        why = _("Only a signed proof can be ordered.")
        steps.append(Step(url_for("creatives.show", code=creative.code), "check", text, why))
    why = _("Search, count what you need, and ask for a quote.")
    steps.append(Step(url_for("catalogue.index"), "search", _("Find an audience"), why))
    if not creatives:
        why = _("Paste its HTML: it is checked, cleaned and shown as it will be read.")
        steps.append(Step(url_for("creatives.new"), "mail", _("Prepare a message"), why))
    return {
        "steps": steps,
        "orders": list_orders(work, size=5),
        "mailings": list_mailings(work, size=5).items,
        "cards": search_cards(work, size=3),
        "invoices": list_invoices(work, size=5),
    }


def broker(work: UnitOfWork) -> dict[str, Any]:
    """What runs, what waits, what was earned."""
    return {
        "steps": [Step(*duty, waits=True) for duty in alert_duties(work) + legal_duties(work)],
        "orders": list_orders(work, size=8),
        "waiting": list_orders(work, "ordered").total,
        "running": list_mailings(work, RUNNING, size=1).total,
        "mailings": list_mailings(work, size=8).items,
        "programmes": browse_programmes(work, size=5),
        "report": revenue_report(work, work.today - timedelta(days=365), work.today),
    }


def accountant(work: UnitOfWork) -> dict[str, Any]:
    """The three sums at once, then the latest documents."""
    return {
        "report": revenue_report(work, work.today - timedelta(days=365), work.today),
        "invoices": list_invoices(work, size=8),
    }


def agency(work: UnitOfWork) -> dict[str, Any]:
    """The clients for which one may act, then one's invoices."""
    today = work.today
    return {
        "clients": [one for one in list_mandates(work) if one.stands(today)],
        "invoices": list_invoices(work, size=5),
    }


HOMES: dict[str, Callable[[UnitOfWork], dict[str, Any]]] = {
    "owner": owner,
    "advertiser": advertiser,
    "agency": agency,
    "broker": broker,
    "accountant": accountant,
}
