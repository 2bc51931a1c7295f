"""A kept file as a reply: streamed part by part, and from the middle where a reader asks for the rest of it."""

from __future__ import annotations

from flask import Response, request

from broker.billing.exports.export_file_store import ExportFile
from broker.billing.exports.export_files import bytes_asked, file_bytes
from broker.kernel.actor import Actor
from broker.kernel.database import Database


def file_reply(database: Database, actor: Actor, file: ExportFile) -> Response:
    """The file, or the range asked for; all of it when the reader's first part was of another file."""
    same = request.headers.get("If-Range", f'"{file.sha256}"') == f'"{file.sha256}"'
    start, end = bytes_asked(request.headers.get("Range") if same else None, file.size)
    whole = end - start == file.size
    reply = Response(file_bytes(database, actor, file, start, end), 200 if whole else 206, mimetype=file.media)
    reply.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    reply.headers["Content-Length"] = str(end - start)
    reply.headers["Accept-Ranges"] = "bytes"
    reply.set_etag(file.sha256)
    if not whole:
        reply.headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    return reply
