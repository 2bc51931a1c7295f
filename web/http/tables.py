"""Tables: which page of one is asked for, and one as a file to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from flask import Response, request

from broker.billing.exports.tables import Columns, Row, write_table
from broker.kernel.paging import FARTHEST_PAGE

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def table_reply(name: str, kind: str, columns: Columns, rows: Iterable[Row]) -> Response:
    """Rows as `name.kind`; raises `InvalidInput` (`bad_format`) for another kind than csv, xlsx, parquet."""
    with tempfile.TemporaryDirectory(prefix="courtier-table-") as folder:
        path = Path(folder) / f"{name}.{kind if kind in _TYPES else 'x'}"
        write_table(path, columns, rows)
        content = path.read_bytes()
    reply = Response(content, mimetype=_TYPES[kind])
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return reply


def asked_page(name: str = "page") -> int:
    """Which page of a list the address asks for, from 1; several lists on one page have names of their own."""
    return max(1, min(request.args.get(name, 1, type=int), FARTHEST_PAGE))
