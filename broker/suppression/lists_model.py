"""An advertiser's suppression file: its customers and opt-outs, whom it need not or must not mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from broker.kernel.errors import InvalidInput
from broker.kernel.settings import Settings

LONGEST_NAME = 120
FILES_A_DAY = 10  # a file's warning is a figure about contacts: see docs/disclosure.md
MANY = 100  # a list of more entries that matches hardly anybody is probably hashed in another convention

ListState = Literal["waiting", "in_use", "failed", "removed"]


@dataclass(frozen=True, slots=True)
class SuppressionList:
    """`few_match`: hardly anybody, or nobody, of more than MANY entries is a contact; None of shorter lists."""

    id: int
    code: str
    name: str
    file_name: str
    size_bytes: int
    state: ListState
    kind: Literal["address", "md5", "sha256"] | None
    entries: int
    unread: int
    few_match: bool | None
    problem: str | None
    created_at: datetime
    keyed_at: datetime | None


def list_name(name: str) -> str:
    """The name of a file or subscription as it is kept; raises `missing_name`, `long_name`."""
    name = " ".join(name.split())
    if not name:
        raise InvalidInput(
            "Give the file a name of its own, for example: customers.", code="missing_name", field="name"
        )
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"Write at most {LONGEST_NAME} characters.", code="long_name", field="name")
    return name


def list_path(settings: Settings, code: str) -> Path:
    """Where the sealed file lies until a worker has keyed it."""
    return settings.state_dir / "uploads" / f"{code}.sealed"


def list_info(org_id: int, code: str) -> str:
    """What the seal binds the file to."""
    return f"suppression|{org_id}|{code}"
