"""One import: its progress while it runs, then what was accepted, refused and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.bases.imports import cancel_import, find_import, list_rejects
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from web.http.session import for_roles
from web.http.work import actor, front, unit

pages = Blueprint("imports", __name__)
ENDED = frozenset({"done", "failed", "cancelled"})
REJECTS_SHOWN = 25


@pages.get("/imports/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """The import with its counters, reasons, refused columns and rejects."""
    number = request.args.get("page", 1, type=int)
    with unit() as work:
        run = find_import(work, code)
        rejects = list_rejects(work, code, number)
    return render_template("imports/show.html", run=run, rejects=rejects, running=run.state not in ENDED)


@pages.get("/imports/<code>/progress")
@for_roles("owner")
def progress(code: str) -> str | Response:
    """The part of the page that asks again each second; the page is loaded anew when the import has ended."""
    with unit() as work:
        run = find_import(work, code)
    if run.state in ENDED:
        return Response(headers={"HX-Refresh": "true"})
    return render_template("imports/progress.html", run=run)


@pages.post("/imports/<code>/cancel")
@for_roles("owner")
def cancel(code: str) -> Reply:
    """Stop an import."""
    with unit() as work:
        cancel_import(work, code)
    return redirect(url_for("imports.show", code=code, done="import_cancelled"), 303)


@pages.get("/imports/<code>/rejects.csv")
@for_roles("owner")
def rejects_csv(code: str) -> Response:
    """All rejected rows with masked values, for a spreadsheet."""
    with unit() as work:
        find_import(work, code)
    reply = Response(rejects_lines(front().database, actor(), code), mimetype="text/csv")
    reply.headers["Content-Disposition"] = f'attachment; filename="rejects-{code}.csv"'
    return reply


def rejects_lines(database: Database, who: Actor, code: str) -> Iterator[str]:
    """The lines of the file, a page of rows at a time; each page in a transaction of its own."""
    number, columns = 1, None
    while True:
        with database.begin(who) as work:
            rejects = list_rejects(work, code, number)
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=";")
        if columns is None:
            columns = list(rejects.items[0].masked) if rejects.items else []
            writer.writerow(["line", "reasons", *columns])
        for reject in rejects.items:
            writer.writerow([reject.line, " ".join(reject.reasons), *(plain(reject.masked.get(c)) for c in columns)])
        yield buffer.getvalue()
        number += 1
        if number > rejects.pages:
            return


def plain(value: object) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
