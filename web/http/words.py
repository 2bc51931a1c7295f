"""Words for stored codes: states, reasons, exclusions, sectors. An unknown code is shown as it is, spaces for `_`."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

WORDS = {
    # parties
    "owner": _("Base owner"),
    "advertiser": _("Advertiser"),
    "broker": _("Broker"),
    "accountant": _("Accountant"),
    "system": _("System"),
    "public": _("Recipient"),
    # imports
    "waiting": _("waiting"),
    "reading": _("reading"),
    "building": _("building"),
    "done": _("done"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
    "contacts": _("contacts"),
    "purchases": _("purchases"),
    "b2c": _("consumers (B2C)"),
    "b2b": _("professionals (B2B)"),
    # cards, creatives, programmes
    "published": _("published"),
    "withdrawn": _("withdrawn"),
    "retired": _("retired"),
    "draft": _("draft"),
    "signed": _("signed"),
    "open": _("open"),
    "closed": _("closed"),
    "joined": _("joined"),
    "picked": _("picked"),
    # orders
    "quote": _("quote"),
    "ordered": _("awaiting approval"),
    "approved": _("approved, to be paid"),
    "refused": _("refused"),
    "expired": _("expired"),
    "paid": _("paid"),
    "on_credit": _("on credit"),
    "scheduled": _("scheduled"),
    "sending": _("sending"),
    "sent": _("sent"),
    "settled": _("settled"),
    # mailings and their sends
    "freezing": _("drawing recipients"),
    "frozen": _("recipients drawn"),
    "paused": _("paused"),
    "own": _("own campaign"),
    "rental": _("rental"),
    "affiliate": _("affiliation"),
    "pending": _("waiting"),
    "claimed": _("claimed"),
    "attempting": _("being sent"),
    "deferred": _("deferred"),
    "withheld": _("withheld"),
    "accepted": _("accepted"),
    "uncertain": _("uncertain"),
    "bounced": _("bounced"),
    # exclusions
    "consent": _("no complete consent proof"),
    "consent_incomplete": _("no complete consent proof"),
    "partner": _("advertiser not on the partner list"),
    "minor": _("minors"),
    "suppression": _("opted out or suppressed"),
    "suppressed": _("opted out or suppressed"),
    "pressure": _("mailed too often lately"),
    "duplicate": _("duplicates across bases"),
    "duplicates": _("duplicates"),
    "b2b_generic": _("generic company addresses"),
    "retention": _("past the retention period"),
    "capped": _("beyond the ordered volume"),
    "cap": _("beyond the ordered volume"),
    # invoices and payments
    "invoice": _("invoice"),
    "deposit": _("deposit invoice"),
    "self_bill": _("self-billed invoice"),
    "credit_note": _("credit note"),
    "captured": _("captured"),
    "refunded": _("refunded"),
    "principal": _("principal"),
    "agent_of_owner": _("agent of the owner"),
    "agent_of_advertiser": _("agent of the advertiser"),
    # traits
    "gender": _("Gender"),
    "age": _("Age"),
    "F": _("women"),
    "M": _("men"),
    "region": _("Region"),
    "department": _("Department"),
    "postcode": _("Post code"),
    "family_status": _("Family status"),
    "occupation": _("Occupation"),
    "income": _("Income"),
    "relation": _("Relation"),
    "customer": _("customer"),
    "prospect": _("prospect"),
    # sectors
    "beauty": _("Beauty"),
    "fashion": _("Fashion"),
    "jewellery": _("Jewellery"),
    "food": _("Food and drink"),
    "home": _("Home and garden"),
    "travel": _("Travel"),
    "leisure": _("Leisure"),
    "press": _("Press and publishing"),
    "retail": _("Retail"),
    "health": _("Wellness"),
    "technology": _("Technology"),
    "services": _("Services"),
    "other": _("Other"),
}
SECTORS = (
    "beauty", "fashion", "jewellery", "food", "home", "travel", "leisure", "press", "retail", "technology", "services",
    "other",
)  # fmt: skip
TONES = {  # the colour of a state: what waits, what runs, what is well, what is not
    "waiting": "neutral", "draft": "neutral", "quote": "neutral", "expired": "muted", "cancelled": "muted",
    "withdrawn": "muted", "retired": "muted", "closed": "muted",
    "ordered": "attention", "approved": "attention", "paused": "attention", "uncertain": "attention",
    "reading": "running", "building": "running", "freezing": "running", "frozen": "running", "sending": "running",
    "scheduled": "running", "picked": "running", "on_credit": "running", "paid": "running", "pending": "attention",
    "done": "good", "published": "good", "signed": "good", "open": "good", "joined": "good", "sent": "good",
    "settled": "good", "captured": "good", "accepted": "good",
    "failed": "bad", "refused": "bad", "bounced": "bad",
}  # fmt: skip


def word(code: str | None) -> str:
    """The word for a stored code, in the language of the page."""
    if not code:
        return "—"
    found = WORDS.get(code)
    return str(found) if found else code.replace("_", " ")


def tone(state: str) -> str:
    """The tone that a state is shown in."""
    return TONES.get(state, "neutral")
