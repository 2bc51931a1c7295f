"""How the fields of rules are called on pages, and the groups they are shown in."""

from __future__ import annotations

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from broker.audience.columns import ANNIVERSARY, DERIVED, Column
from broker.audience.customer_columns import RESERVED, RESERVED_START

FIELDS = {
    "relation": _("Relation"),
    "gender": _("Gender"),
    "birth_date": _("Date of birth"),
    "age": _("Age"),
    "birthday_month": _("Month of birth"),
    "postcode": _("Post code"),
    "commune": _("Town"),
    "department": _("Department"),
    "region": _("Region"),
    "country": _("Country"),
    "family_status": _("Family status"),
    "occupation": _("Occupation"),
    "income": _("Income"),
    "has_phone": _("Has a telephone"),
    "has_street": _("Has a postal address"),
    "consent_at": _("Date of consent"),
    "tenure_days": _("Days since the first purchase or consent"),
    "first_purchase": _("First purchase"),
    "last_purchase": _("Last purchase"),
    "recency_days": _("Days since the last purchase"),
    "purchase_count": _("Number of purchases"),
    "spend_cents": _("Amount bought, in cents"),
    "spend": _("Amount bought, in euros"),
    "margin_cents": _("Margin, in cents"),
    "margin": _("Margin, in euros"),
    "favourite_category": _("Favoured category"),
    "payment_means": _("Preferred means of payment"),
    "categories": _("Categories bought"),
    "products": _("Products bought"),
    "visit_frequency": _("Visits a year"),
    "rfm_class": _("RFM class"),
    "rfm_recency": _("RFM recency score"),
    "rfm_frequency": _("RFM frequency score"),
    "rfm_monetary": _("RFM amount score"),
    "value_tier": _("Value tier"),
    "margin_tier": _("Margin tier"),
    "cycle_days": _("Days between two purchases"),
    "habit": _("Habit"),
    "off_cycle": _("Cycles since the last purchase"),
    "expected_purchases": _("Expected purchases"),
    "expected_value": _("Expected value"),
    "alive": _("Probability of coming back"),
    "score": _("Score"),
    "last_click": _("Last click"),
    "click_days": _("Days since the last click"),
}
GROUPS = {
    "person": _("Person and place"),
    "purchases": _("Purchases and value"),
    "mail": _("Consent and mail"),
    "own": _("Your own fields"),
}
TYPES = {
    "category": _("words"),
    "number": _("number"),
    "date": _("date"),
    "bool": _("yes or no"),
    "tags": _("list of words"),
}
_MAIL = frozenset({"consent_at", "last_click", "click_days", "has_phone", "has_street"})


def field_label(name: str) -> str:
    """What a page calls a field: our own word, or the owner's name for it."""
    if name in FIELDS:
        return str(FIELDS[name])
    if name.endswith(ANNIVERSARY):
        return str(gettext("Days until the anniversary of: %(name)s", name=field_label(name.removesuffix(ANNIVERSARY))))
    if name.startswith(RESERVED_START):
        return str(gettext("Last purchase of: %(name)s", name=name.removeprefix(RESERVED_START).replace("_", " ")))
    return name.replace("_", " ")


def field_group(column: Column) -> str:
    """The group of a field in the picker."""
    name = column.name.removesuffix(ANNIVERSARY)
    sources = DERIVED[name][2] if name in DERIVED else (name,)
    if name in _MAIL:
        return "mail"
    if name == "tenure_days" or name.startswith(RESERVED_START) or RESERVED.intersection((name, *sources)):
        return "purchases"
    return "person" if name in FIELDS else "own"
