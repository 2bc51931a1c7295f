"""What mailings did to an owner's contacts, by its own reference; objections to an advertiser, as hashes."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from broker.feedback.list_results import COLUMNS, HASH_COLUMNS, list_results, objection_rows, result_rows, sum_results
from broker.feedback.results_model import KINDS
from broker.kernel.safe_csv import csv_lines
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("results", __name__)
SHOWN = 25


@pages.get("/results")
@for_roles("owner")
def index() -> str:
    """Sums by mailing, the latest results, and the file."""
    base = request.args.get("base", "")[:80]
    with unit() as work:
        sums, newest = sum_results(work, base), list_results(work, base=base, kind="left", most=SHOWN)
    return render_template(
        "results/index.html", sums=sums, newest=newest, base=base, days=front().settings.results.keep_days
    )


@pages.get("/results.csv")
@for_roles("owner")
def file() -> Response:
    """The results, all or of one mailing, base or kind."""
    which = {name: request.args.get(name, "")[:80] for name in ("base", "mailing", "kind")}
    if which["kind"] not in KINDS:
        which["kind"] = ""
    return _download(csv_lines(COLUMNS, result_rows(front().database, actor(), **which)), "results.csv")


@pages.get("/objections.csv")
@for_roles("advertiser")
def objections() -> Response:
    """Whoever wants nothing more of the advertiser."""
    return _download(csv_lines(HASH_COLUMNS, objection_rows(front().database, actor())), "objections.csv")


def _download(lines: object, name: str) -> Response:
    reply = Response(lines, mimetype="text/csv")  # type: ignore[arg-type]
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return reply
