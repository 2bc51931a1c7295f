"""Files brought into a base: where one is sent, the history, one import's progress and its result."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as Reply

from broker.audit.bulk_read import note_bulk_read
from broker.bases.contract import contract_in_force
from broker.bases.find_base import find_base
from broker.bases.imports import cancel_import, find_import, list_imports, list_rejects, reject_columns, reviews_of
from broker.bases.model import ENDED, FileKind
from broker.bases.plan import open_uploads
from broker.bases.preview import remembered_mapping
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.safe_csv import SafeWriter
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import actor, front, unit

pages = Blueprint("imports", __name__)
KINDS: tuple[FileKind, ...] = get_args(FileKind)
REJECTS_SHOWN, REJECTS_WRITTEN = 25, 200  # on a page; at a time into a file


@pages.get("/bases/<code>/imports")
@for_roles("owner")
def index(code: str) -> str:
    """Where a file is sent, files that wait, and every import of the base."""
    settings = front().settings
    with unit() as work:
        base = find_base(work, code)
        return render_template(
            "imports/index.html",
            base=base,
            kinds=KINDS if base.current_snapshot_id else KINDS[:1],
            open_uploads=open_uploads(work, base.id),
            imports=list_imports(work, code),
            contract=contract_in_force(work, code),
            contract_required=settings.trade.contract_required,
            retention_hours=settings.trade.upload_retention_hours,
            most_bytes=settings.web.max_upload_mb << 20,
            remembered={kind: len(remembered_mapping(work, code, kind)) for kind in KINDS},
        )


@pages.get("/imports/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """The import with its counters, reasons, refused columns and rejects."""
    number = asked_page()
    with unit() as work:
        run = find_import(work, code)
        return render_template(
            "imports/show.html",
            rejects=list_rejects(work, code, number, REJECTS_SHOWN),
            running=run.state not in ENDED,
            reviews=reviews_of(work, run),
            retention_hours=front().settings.trade.upload_retention_hours,
            **pace(work, code),
        )


@pages.get("/imports/<code>/progress")
@for_roles("owner")
def progress(code: str) -> str | Response:
    """The part of the page that asks again each second; the page is loaded anew when the import has ended."""
    with unit() as work:
        values = pace(work, code)
    if values["run"].state in ENDED:
        return Response(headers={"HX-Refresh": "true"})
    return render_template("imports/progress.html", **values)


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
        run = find_import(work, code)
        note_bulk_read(work, "import", code, run.rejected, front().settings.trade.bulk_read_alert)
        columns = reject_columns(work, run)
    reply = Response(rejects_lines(front().database, actor(), code, columns), mimetype="text/csv")
    reply.headers["Content-Disposition"] = f'attachment; filename="rejects-{code}.csv"'
    return reply


def pace(work: UnitOfWork, code: str) -> dict[str, Any]:
    """The import with its speed, the time that is left, and who was in the base before."""
    run = find_import(work, code)
    known, unchanged = run.outcome.get("known", 0), run.outcome.get("unchanged", 0)
    return {
        "run": run,
        "rows_per_second": run.rows_per_second(work.now),
        "seconds_left": run.seconds_left(work.now),
        "known": known,
        "added": max(0, run.accepted - known),
        "unchanged": unchanged,
    }


def rejects_lines(database: Database, who: Actor, code: str, columns: Sequence[str]) -> Iterator[str]:
    """The lines of the file, a page of rows at a time; each page in a transaction of its own."""
    number = 1
    while True:
        with database.begin(who) as work:
            rejects = list_rejects(work, code, number, REJECTS_WRITTEN)
        buffer = io.StringIO()
        writer = SafeWriter(buffer, delimiter=";")
        if number == 1:
            writer.writerow(["line", "reasons", *columns])
        for reject in rejects.items:
            cells = (reject.masked.get(column) or "" for column in columns)
            writer.writerow([reject.line, " ".join(reject.reasons), *cells])
        yield ("\ufeff" if number == 1 else "") + buffer.getvalue()
        number += 1
        if number > rejects.pages:
            return
