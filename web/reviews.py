"""Columns in which a few forbidden words occur: the broker looks, decides and says why."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.review_columns import decide_review, list_reviews
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import unit

pages = Blueprint("reviews", __name__)


@pages.get("/reviews")
@for_roles("broker")
def index() -> str:
    """Columns that wait, then those that were decided on."""
    return render_template("reviews/index.html", **contents())


@pages.post("/reviews/<code>")
@for_roles("broker")
def decide(code: str) -> Response:
    """Allow a column or refuse it."""
    form = request.form
    try:
        with unit() as work:
            decide_review(work, code, form.get("verdict", ""), form.get("reason", ""))
    except CourtierError as refusal:
        return page("reviews/index.html", refusal, at_fault=code, form=form, **contents())
    return redirect(url_for("reviews.index", done="column_decided"), 303)


def contents() -> dict[str, object]:
    """What the page shows."""
    number = asked_page()
    with unit() as work:
        return {"waiting": list_reviews(work), "decided": list_reviews(work, decided=True, page=number)}
