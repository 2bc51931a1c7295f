"""Who leaves a base because nothing was heard of them, why, and what the nightly job did."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from flask import Blueprint, render_template
from flask_babel import gettext as _

from broker.bases.find_base import find_base
from broker.bases.list_retention import RetentionOutlook, retention_outlook
from broker.bases.quality import RELATIONS
from broker.bases.retention import WARNING_DAYS
from broker.bases.retention_store import KINDS
from web.http.charts import Chart, Line
from web.http.display import day
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("retention", __name__)


@pages.get("/bases/<code>/retention")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """Who would leave in the next thirty days, and the job's reports."""
    with unit() as work:
        base, outlook = find_base(work, code), retention_outlook(work, code)
    return render_template(
        "retention/show.html",
        base=base,
        outlook=outlook,
        relations=RELATIONS,
        kinds=KINDS,
        days=WARNING_DAYS,
        trade=front().settings.trade,
        chart=departures(outlook),
        erased=sum(notice.erased for notice in outlook.notices),
    )


def departures(outlook: RetentionOutlook) -> Chart:
    """How many leave on each day to come, by relation."""
    by_day: dict[date, dict[str, int]] = defaultdict(dict)
    for row in outlook.forecast:
        found = by_day[row.erase_on]
        found[row.relation] = found.get(row.relation, 0) + row.contacts
    moments = sorted(by_day)
    labels = {"customer": _("Customers"), "prospect": _("Prospects")}
    lines = [Line(labels[one], [by_day[moment].get(one, 0) for moment in moments]) for one in RELATIONS]
    return Chart(_("Departures by day"), lines, moments, [day(moment) for moment in moments])
