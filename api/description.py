"""The description without a server: what `courtier openapi` prints."""

from __future__ import annotations

from typing import Any

from api.app import create_api
from api.document import EXTENSION


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document; it needs no database and no settings."""
    document: dict[str, Any] = create_api(None).extensions[EXTENSION]
    return document
