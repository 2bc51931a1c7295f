"""Who took many rows: the alerts of the audit, for the broker."""

from __future__ import annotations

from flask import Blueprint, render_template

from broker.audit.bulk_read import list_alerts
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("alerts", __name__)


@pages.get("/alerts")
@for_roles("broker")
def index() -> str:
    """Alerts, newest first."""
    with unit() as work:
        alerts = list_alerts(work, asked_page())
    return render_template("staff/alerts.html", alerts=alerts, alert_from=front().settings.trade.bulk_read_alert)
