"""Who uses the platform, for the broker, and the way in for a new organisation."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.list_organisations import list_organisations
from broker.accounts.mail_link import mail_link
from broker.accounts.open_organisation import OPENED, open_organisation
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import front, unit

pages = Blueprint("organisations", __name__)
FACTS = ("siren", "vat_number", "street", "postcode", "city", "country")


@pages.get("/organisations")
@for_roles("broker")
def index() -> str:
    """All organisations."""
    with unit() as work:
        organisations = list_organisations(work)
    return render_template("staff/organisations.html", organisations=organisations)


@pages.get("/organisations/new")
@for_roles("broker")
def new() -> str:
    """The form of a new one."""
    return render_template("staff/new_organisation.html", kinds=_kinds(), form={}, refusal=None)


@pages.post("/organisations")
@for_roles("broker")
def add() -> Response:
    """Let one in: its first person gets a mail with a link."""
    form = request.form
    try:
        with unit() as work:
            made, user, token = open_organisation(
                work,
                form.get("kind", ""),
                form.get("name", ""),
                {key: form.get(key, "") for key in FACTS},
                email=form.get("email", ""),
                person=form.get("person", ""),
                language=form.get("language", "fr"),
            )
            link = front().settings.web.public_url + url_for("login.choose_password", token=token)
            mail_link(work, front().keys, user.email, "invitation", link)
    except CourtierError as refusal:
        return page("staff/new_organisation.html", refusal, kinds=_kinds(), form=form)
    return redirect(url_for("people.show", code=made.code, done="organisation_opened"), 303)


def _kinds() -> list[tuple[str, object]]:
    return [(kind, word(kind)) for kind in OPENED]
