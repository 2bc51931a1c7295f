"""Key files: JSON with base64 secrets, private to their owner, written whole or not at all."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.kernel.errors import SettingsError

SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A parsed key file; each reader checks one field and names it when it is wrong, never its value."""

    place: str
    values: Mapping[str, Any]

    def require(self, holds: bool, name: str) -> None:
        """Refuse the file because of this field."""
        if not holds:
            raise SettingsError(
                f"{self.place}: {name} is missing or malformed; restore the key files from a backup.",
                code="keys_malformed",
                field=name,
            )

    def secret(self, name: str) -> bytes:
        """A field of 32 bytes in base64."""
        return self._bytes(self.values.get(name), name)

    def secrets(self, name: str) -> list[bytes]:
        """A list of such, empty when missing."""
        return [self._bytes(value, name) for value in self._typed(name, list, [])]

    def versions(self, name: str) -> dict[int, bytes]:
        """A table version → 32 bytes."""
        items = self._typed(name, dict, None).items()
        self.require(all(version.isdecimal() for version, _ in items), name)
        return {int(version): self._bytes(value, name) for version, value in items}

    def texts(self, name: str) -> dict[str, str]:
        """A table of texts, empty when missing."""
        table = self._typed(name, dict, {})
        self.require(all(isinstance(value, str) for value in table.values()), name)
        return dict(table)

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self._typed(name, int, None))

    def _typed(self, name: str, kind: type, default: Any) -> Any:
        value = self.values.get(name, default)
        self.require(isinstance(value, kind), name)
        return value

    def _bytes(self, value: object, name: str) -> bytes:
        try:
            raw = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        except binascii.Error:
            raw = b""
        self.require(len(raw) == SECRET_LENGTH, name)
        return raw


def read_key_table(path: Path, variable: str) -> KeyTable:
    """The JSON of an environment variable, or else of a file."""
    given = os.environ.get(variable)
    place = f"The variable {variable}" if given else f"The key file {path}"
    if not given:
        try:
            given = path.read_text("utf-8")
        except FileNotFoundError:
            raise SettingsError(
                f"{place} does not exist. `courtier up` makes it at the first start; otherwise set {variable}.",
                code="keys_missing",
            ) from None
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"{place} cannot be read by this process.", code="keys_unreadable") from None
    try:
        values = json.loads(given)
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise SettingsError(f"{place} does not hold a JSON object.", code="keys_malformed")
    return KeyTable(place, values)


def encode_secret(raw: bytes) -> str:
    """Base64 text of a secret."""
    return base64.b64encode(raw).decode("ascii")


def change_key_table(path: Path, **values: Any) -> None:
    """Replace some fields of a key file; the others stay."""
    write_key_table(path, {**json.loads(path.read_text("utf-8")), **values}, replace=True)


def write_key_table(path: Path, values: Mapping[str, Any], *, replace: bool = False) -> None:
    """Write a key file (0600) at once; without `replace` an existing file is left and FileExistsError raised."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            # The new file belongs to whom the old one belonged to: a worker's service user, for instance.
            old = path.stat()
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(draft, old.st_uid, old.st_gid)
            draft.chmod(old.st_mode & 0o777)
            draft.replace(path)
        else:
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
