"""Which of its data a person may complete or correct itself: the owner's choice, and what people supplied."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.find_base import find_base
from broker.bases.profile_fields import choose_profile_fields, open_fields, supplied_counts
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("profile_fields", __name__)


@pages.get("/bases/<code>/profile-page")
@for_roles("owner")
def show(code: str) -> str:
    """The fields, and how many people supplied each."""
    with unit() as work:
        return render_template("partners/profile_fields.html", **_contents(work, code))


@pages.post("/bases/<code>/profile-page")
@for_roles("owner")
def choose(code: str) -> Response:
    """Open the fields that are ticked, and no others."""
    try:
        with unit() as work:
            choose_profile_fields(work, code, request.form.getlist("fields"))
    except CourtierError as refusal:
        with unit() as work:
            return page("partners/profile_fields.html", refusal, **_contents(work, code))
    return redirect(url_for("profile_fields.show", code=code, done="profile_fields_chosen"), 303)


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    opened, possible = open_fields(work, code)
    return {
        "base": find_base(work, code),
        "opened": set(opened),
        "possible": possible,
        "supplied": supplied_counts(work, code),
    }
