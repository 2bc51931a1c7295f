"""What the law and the base's life ask of somebody now, for the first page."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from broker.audit.bulk_read import recent_alerts
from broker.bases.breach import list_breaches
from broker.bases.list_retention import list_retention
from broker.bases.request_log import requests_due
from broker.bases.stale_fields import list_reminders
from broker.kernel.database import UnitOfWork

Duty = tuple[str, str, str, str]  # address, icon, text, why


def legal_duties(work: UnitOfWork) -> list[Duty]:
    """Breaches whose clock runs, requests that are late or due; for owner and broker."""
    found: list[Duty] = []
    for breach in list_breaches(work):
        if breach.authority_waits or breach.people_wait:
            text = _("Breach of %(base)s: somebody is to be told", base=breach.base_name)
            why = _("The authority within 72 hours of the discovery, the people without delay.")
            found.append((url_for("breaches.show", code=breach.code), "alert-triangle", text, why))
    late, soon = requests_due(work)
    if late:
        text = ngettext("%(num)s request of a person is late", "%(num)s requests of persons are late", late)
        found.append((url_for("compliance.requests"), "clock", text, _("The law gives one month: answer at once.")))
    if soon:
        text = ngettext(
            "%(num)s request of a person is due within a week",
            "%(num)s requests of persons are due within a week",
            soon,
        )
        why = _("Answer it, or say why it takes longer.")
        found.append((url_for("compliance.requests"), "clock", text, why))
    return found


def base_duties(work: UnitOfWork) -> list[Duty]:
    """People who leave soon and fields that grew stale; for the owner."""
    found: list[Duty] = []
    leaving: dict[str, int] = {}
    for notice in list_retention(work):
        leaving[notice.base_code] = leaving.get(notice.base_code, 0) + notice.contacts
    for code, count in leaving.items():
        if count:
            text = ngettext("%(num)s contact leaves within 30 days", "%(num)s contacts leave within 30 days", count)
            why = _("Nothing was heard of them for too long: write to them before.")
            found.append((url_for("retention.show", code=code), "user-off", text, why))
    stale: dict[str, list[str]] = {}
    for reminder in list_reminders(work):
        stale.setdefault(reminder.base_code, []).append(reminder.base_name)
    for code, names in stale.items():
        text = ngettext("%(num)s field has grown stale", "%(num)s fields have grown stale", len(names))
        why = _("%(base)s: an enrichment renews it.", base=names[0])
        found.append((url_for("enrichment.show", code=code), "refresh", text, why))
    return found


def alert_duties(work: UnitOfWork) -> list[Duty]:
    """Bulk reads of the last thirty days; for the broker."""
    count = recent_alerts(work)
    if not count:
        return []
    text = ngettext("%(num)s bulk read in 30 days", "%(num)s bulk reads in 30 days", count)
    return [(url_for("alerts.index"), "bell", text, _("Somebody took many rows: see who, and of what."))]
