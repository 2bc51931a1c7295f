"""What an own mailing's message says of each recipient beside its name: the event, what it bought, suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from broker.insight.mail_fields import mail_fields
from broker.kernel.database import UnitOfWork

MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
        "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip
_TERMS = """
SELECT o.id, o.base_id, o.category, c.language FROM own_part t JOIN own_run r ON r.id = t.run_id
JOIN own_mailing o ON o.id = r.own_mailing_id JOIN mailing m ON m.id = t.mailing_id
JOIN creative c ON c.id = m.creative_id WHERE t.mailing_id = :mailing
"""
_EVENTS = """
SELECT contact_id, max(event_on) AS event_on FROM own_event WHERE own_mailing_id = :own AND contact_id = ANY(:who)
GROUP BY contact_id
"""


def personal_fields(unit: UnitOfWork, mailing_id: int, contact_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Contact → merge field → text, for recipients of an own mailing; a worker's call, some queries for a batch.

    The product's fields are those of the category that the mailing names; without one there is the day of the event.
    """
    terms = unit.one(_TERMS, mailing=mailing_id)
    if terms is None or not contact_ids:
        return {}
    found: dict[int, dict[str, str]] = {}
    for row in unit.all(_EVENTS, own=terms.id, who=list(contact_ids)):
        found[row.contact_id] = {"event_day": day_in_words(row.event_on, terms.language)}
    if terms.category:
        for contact, fields in mail_fields(unit, terms.base_id, terms.category, contact_ids).items():
            fields["event_day"] = day_in_words(date.fromisoformat(fields["event_day"]), terms.language)
            found[contact] = {**found.get(contact, {}), **_named(fields)}
    return found


def day_in_words(day: date, language: str) -> str:
    """A day as a sentence names it."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {MONTHS[language][day.month - 1]} {day.year}"


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    """Names as merge tags write them: lower case, and nothing but letters, digits and underscores."""
    return {"".join(char if char.isalnum() else "_" for char in name.lower()): text for name, text in fields.items()}
