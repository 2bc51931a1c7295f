"""`courtier base import`: the whole way of an upload in one process, on the machine that has database and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from broker.bases.check import CheckResult
from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings


def import_file(
    settings: Settings,
    file: Path,
    base_code: str,
    kind: str,
    mapping: dict[str, str],
    rejects: Path | None,
    show: Callable[[CheckResult], None],
) -> dict[str, Any]:
    """Import `file` and build the snapshot; the keys of `courtier base import --json`."""
    raise Unavailable("The import is not built yet.", code="not_built")
