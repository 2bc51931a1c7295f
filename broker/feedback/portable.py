"""What a person may take elsewhere (art. 20 GDPR): the data it gave or caused, as JSON and as CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from broker.audience.customer_columns import is_reserved
from broker.feedback.access_report import plain_json
from broker.kernel.safe_csv import SafeWriter

# Given or caused by the person; what was worked out about it (classes, scores) is access, not portability.
PORTABLE = ("owner", "base", "relation", "identity", "consent", "traits", "purchases", "supplied_by_you")


def portable_files(held: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str, bytes], ...]:
    """(name, media type, content) of both forms. The CSV has a line a value; no cell of it runs as a formula."""
    given = [_given(base) for base in held]
    text = io.StringIO(newline="")
    writer = SafeWriter(text)
    writer.writerow(("owner", "base", "field", "value"))
    for base in given:
        for field, value in _flat("", {key: base[key] for key in base if key not in ("owner", "base")}):
            writer.writerow((base["owner"], base["base"], field, value))
    # With a byte order mark, by which spreadsheets know UTF-8.
    table = text.getvalue().encode("utf-8-sig")
    return ("data.json", "application/json", plain_json(given)), ("data.csv", "text/csv; charset=utf-8", table)


def _given(base: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: base[name] for name in PORTABLE if name in base}
    kept["traits"] = {name: value for name, value in base.get("traits", {}).items() if not is_reserved(name)}
    return kept


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    """`purchases.1.product` and so on, empty values left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value, start=1):
            yield from _flat(f"{prefix}.{number}", inner)
    elif value not in (None, ""):
        yield prefix, value.isoformat() if hasattr(value, "isoformat") else str(value)
