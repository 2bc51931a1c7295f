"""What a backup says of itself: its files with their hashes, and the state of the database that it holds."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from broker.kernel.errors import IntegrityFault, NotFound

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """One file of the set: `path` below the folder, `sealed` when we sealed it for the workers' key."""

    path: str
    size: int
    sha256: str
    sealed: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """`key` names the workers' key that opens the set; `made_at` is the database's real clock (seconds).

    `audit_entries` and `audit_head` are the chain's length and newest hash; `rows` counts rows of the main tables.
    """

    format: int
    version: str
    schema: str
    instance: str
    name: str
    key: str
    made_at: float
    audit_entries: int
    audit_head: str
    rows: Mapping[str, int]
    files: tuple[BackedUpFile, ...]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it last and whole: a folder without it is no backup."""
    draft = folder / f".{NAME}"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / NAME)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup; refuses a folder without one and a later format."""
    try:
        table: Any = json.loads((folder / NAME).read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{folder} holds no finished backup: {NAME} is missing.", code="no_backup") from None
    except (ValueError, OSError):
        raise IntegrityFault(f"{folder / NAME} is damaged: take another copy.", code="backup_damaged") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise IntegrityFault(
            f"{folder} was written in a format that this Courtier does not know: restore it with the version that"
            f" made it ({table.get('version', 'unknown') if isinstance(table, dict) else 'unknown'}).",
            code="backup_format",
        )
    try:
        files = tuple(BackedUpFile(**one) for one in table.pop("files"))
        return Manifest(**table, files=files)
    except (TypeError, KeyError):
        raise IntegrityFault(f"{folder / NAME} is damaged: take another copy.", code="backup_damaged") from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Prove every file against its hash; names the first that is missing or changed."""
    for one in manifest.files:
        path = folder / one.path
        if Path(one.path).is_absolute() or ".." in Path(one.path).parts:
            raise IntegrityFault(f"{folder / NAME} is damaged: take another copy.", code="backup_damaged")
        if not path.is_file():
            raise IntegrityFault(f"{path} is missing from the backup: take another copy.", code="backup_damaged")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != one.sha256:
            raise IntegrityFault(f"{path} is damaged: its hash is not the manifest's.", code="backup_damaged")
