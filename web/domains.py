"""Sending domains: an owner delegates a subdomain and sees which records are in place; the broker sees all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.delivery.delegate_domain import ask_check, delegate_domain, list_domains, take_back
from broker.delivery.sending_domain import SendingDomain, records_of
from broker.kernel.errors import CourtierError
from broker.kernel.settings import MailSettings
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("domains", __name__)


@pages.get("/domains")
@for_roles("owner", "broker")
def index() -> str:
    """The domains with their records."""
    return render_template("domains/index.html", **_contents(), name="", refusal=None)


@pages.post("/domains")
@for_roles("owner")
def add() -> Response:
    """Delegate one."""
    given = request.form.get("domain", "")
    try:
        with unit() as work:
            delegate_domain(work, front().settings.mail, given)
    except CourtierError as refusal:
        return page("domains/index.html", refusal, **_contents(), name=given)
    return redirect(url_for("domains.index", done="domain_added"), 303)


@pages.post("/domains/<code>/check")
@for_roles("owner")
def check(code: str) -> Response:
    """Look at the records now."""
    with unit() as work:
        ask_check(work, code)
    return redirect(url_for("domains.index", done="domain_check"), 303)


@pages.post("/domains/<code>/take-back")
@for_roles("owner")
def remove(code: str) -> Response:
    """Use it no more."""
    with unit() as work:
        take_back(work, code)
    return redirect(url_for("domains.index", done="domain_taken_back"), 303)


def _contents() -> dict[str, Any]:
    mail = front().settings.mail
    with unit() as work:
        domains = list_domains(work)
    return {"domains": [(domain, rows_of(domain, mail)) for domain in domains], "platform": mail.sending_domain}


def rows_of(domain: SendingDomain, mail: MailSettings) -> list[dict[str, str]]:
    """The records to publish, each with what was seen of it last."""
    seen = {one.purpose: one for one in domain.findings}
    return [
        {
            "purpose": record.purpose,
            "name": record.name,
            "kind": record.kind,
            "value": record.value,
            "state": seen[record.purpose].state if record.purpose in seen else "",
            "found": seen[record.purpose].found if record.purpose in seen else "",
        }
        for record in records_of(domain.domain, mail)
    ]
