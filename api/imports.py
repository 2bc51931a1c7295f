"""Imports: their progress, result and rejected rows."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, page_of
from api.work import front, unit
from broker.audit.bulk_read import note_bulk_read
from broker.bases.imports import cancel_import, find_import, list_rejects, reject_columns
from broker.bases.model import ImportRun
from broker.kernel.safe_csv import SafeWriter

calls = Blueprint("imports", __name__, description="Files being read")


class ImportSchema(Schema):
    """An import, at any moment of its life."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    enriches = fields.Boolean(required=True)
    state = fields.String(
        required=True, metadata={"description": "waiting, reading, building, done, failed, cancelled"}
    )
    mapping = fields.Dict(keys=fields.String(), values=fields.String())
    total_bytes = fields.Integer(required=True)
    done_bytes = fields.Integer(required=True)
    rows_read = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    duplicates = fields.Integer(required=True)
    rentable = fields.Integer(required=True)
    summary = fields.Dict(
        metadata={
            "description": "encoding, delimiter, columns, headers, refused_columns, reasons, warnings, normalised,"
            " typos, near_misses; problem_code, where the import failed"
        }
    )
    policies = fields.Dict(keys=fields.String(), values=fields.String())
    file_name = fields.String()
    started_by = fields.String(allow_none=True)
    reading = fields.Dict()
    outcome = fields.Dict(metadata={"description": "of the accepted: known to the base, unchanged in its vault"})
    rows_per_second = fields.Float(allow_none=True)
    seconds_left = fields.Integer(allow_none=True, metadata={"description": "a guess, while it reads"})
    problem = fields.String(allow_none=True)
    started_at = fields.DateTime(allow_none=True)
    ended_at = fields.DateTime(allow_none=True)


class RejectSchema(Schema):
    """A rejected row: where, why, and its values masked."""

    line = fields.Integer(required=True)
    reasons = fields.List(fields.String(), required=True)
    masked = fields.Dict(keys=fields.String())


def with_pace(run: ImportRun, now: datetime) -> dict[str, Any]:
    """The import with rows a second and the seconds left."""
    return {
        **asdict(run), "rows_per_second": run.rows_per_second(now), "seconds_left": run.seconds_left(now)
    }  # fmt: skip


@calls.route("/imports/<code:code>", methods=["GET"])
@calls.response(200, ImportSchema)
def show(code: str) -> Any:
    """One import; ask again to follow it."""
    with unit() as work:
        return with_pace(find_import(work, code), work.now)


@calls.route("/imports/<code:code>/cancel", methods=["POST"])
@calls.response(200, ImportSchema)
def cancel(code: str) -> Any:
    """Stop an import."""
    with unit() as work:
        cancel_import(work, code)
        return with_pace(find_import(work, code), work.now)


@calls.route("/imports/<code:code>/rejects", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(RejectSchema))
def rejects(query: dict[str, Any], code: str) -> Any:
    """Rejected rows."""
    with unit() as work:
        page = list_rejects(work, code, query["page"])
        note_bulk_read(work, "import", code, len(page.items), front().settings.trade.bulk_read_alert)
        return page


@calls.route("/imports/<code:code>/rejects.csv", methods=["GET"])
@calls.response(200, {"type": "string"}, content_type="text/csv")
def rejects_csv(code: str) -> Response:
    """All rejected rows as CSV (semicolons, values masked)."""
    buffer = io.StringIO()
    writer = SafeWriter(buffer, delimiter=";")
    with unit() as work:
        first = list_rejects(work, code, 1)
        note_bulk_read(work, "import", code, first.total, front().settings.trade.bulk_read_alert)
        columns = reject_columns(work, find_import(work, code))
        writer.writerow(["line", "reasons", *columns])
        for number in range(1, first.pages + 1):
            for reject in list_rejects(work, code, number).items:
                cells = (reject.masked.get(column) or "" for column in columns)
                writer.writerow([reject.line, " ".join(reject.reasons), *cells])
    return Response(buffer.getvalue(), mimetype="text/csv")
