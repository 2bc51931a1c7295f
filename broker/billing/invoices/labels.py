"""What invoice lines say, in the customer's language."""

from __future__ import annotations

from broker.kernel.sheet import count_text

_TEXTS = {
    "deposit": {
        "fr": "Acompte sur la commande {order} : {volume} envois, {title}",
        "en": "Deposit on order {order}: {volume} sends, {title}",
    },
    "rental": {
        "fr": "Location d'adresses, commande {order} : {volume} envois facturables, {title}",
        "en": "List rental, order {order}: {volume} billable sends, {title}",
    },
    "affiliate": {
        "fr": "Programme d'affiliation {order} : {volume} envois facturables, {title}",
        "en": "Affiliate programme {order}: {volume} billable sends, {title}",
    },
    "net_floor": {
        "fr": "Adresses nettes, {order} : {volume} adresses payées au titre du plancher",
        "en": "Net names, {order}: {volume} names paid by the floor",
    },
    "click": {"fr": "Programme {order} : {volume} clics", "en": "Programme {order}: {volume} clicks"},
    "lead": {
        "fr": "Programme {order} : {volume} prospects validés",
        "en": "Programme {order}: {volume} approved leads",
    },
    "sale": {"fr": "Programme {order} : {volume} ventes validées", "en": "Programme {order}: {volume} approved sales"},
    "run": {
        "fr": "Frais de traitement, {order} : {volume} adresses traitées et non payées",
        "en": "Run charge, {order}: {volume} names run and not paid",
    },
    "share": {
        "fr": "Part du propriétaire, {order} : {volume} envois facturables, {title}",
        "en": "Owner's share, {order}: {volume} billable sends, {title}",
    },
    "fee_of_owner": {
        "fr": "Commission de mandataire, {order} : {volume} envois facturables, {title}",
        "en": "Agent's commission, {order}: {volume} billable sends, {title}",
    },
    "fee_of_advertiser": {
        "fr": "Honoraires de mandataire, {order} : {volume} envois facturables, {title}",
        "en": "Agent's fee, {order}: {volume} billable sends, {title}",
    },
    "corrected": {
        "fr": "Correction de la facture {order}",
        "en": "Correction of invoice {order}",
    },
    "replaces": {
        "fr": "Remplace la facture {order}, créditée en entier",
        "en": "Replaces invoice {order}, credited in full",
    },
    "fee_corrected": {
        "fr": "Commission reprise sur la facture {order}",
        "en": "Fee given back on invoice {order}",
    },
    "fee_replaces": {
        "fr": "Commission sur la facture {order}",
        "en": "Fee on invoice {order}",
    },
    "reduction": {
        "fr": "Réduction accordée sur la facture {order}",
        "en": "Reduction on invoice {order}",
    },
    "unused": {
        "fr": "Part non utilisée de l'acompte {order}",
        "en": "Unused part of deposit {order}",
    },
}


def text(key: str, language: str, *, order: str, volume: int = 0, title: str = "") -> str:
    """A line's label; `order` is the code of the order or programme, or the number of the deposit invoice."""
    return _TEXTS[key][language].format(order=order, volume=count_text(volume, language), title=title)
