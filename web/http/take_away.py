"""A kept file as a reply: streamed part by part, and from the middle where a reader asks for the rest of it."""

from __future__ import annotations

from flask import Response, request

from broker.billing.exports.export_file_store import ExportFile
from broker.billing.exports.export_files import file_bytes, part_asked
from broker.kernel.actor import Actor
from broker.kernel.database import Database


def file_reply(database: Database, actor: Actor, file: ExportFile) -> Response:
    """The file, or the part that the request asks for."""
    asked = part_asked(file, request.headers.get("Range"), request.headers.get("If-Range"))
    return Response(file_bytes(database, actor, file, asked), asked.status, asked.headers, mimetype=file.media)
