"""The platform as a folder: what somebody carries to the approved platform's own page, or a connector picks up.

outbox/sales, outbox/self_billed   NAME.pdf (Factur-X) and NAME.json (who, what, how much)
outbox/statuses                    our statuses: approved, refused, collected
inbox/invoices                     suppliers' invoices, .pdf or .xml
inbox/statuses                     one .json a status: number, status, reason, reference, at
inbox/done                         what was taken
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from broker.billing.invoices.platform_model import STATUSES, IncomingFile, Outgoing, StatusMessage
from broker.kernel.errors import InvalidInput

LARGEST = 20 * 1024 * 1024  # bytes of a received file


class FilePlatform:
    """Writes whole files or none: each is renamed into place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("outbox/sales", "outbox/self_billed", "outbox/statuses", "inbox/invoices", "inbox/statuses",
                     "inbox/done"):  # fmt: skip
            (folder / name).mkdir(parents=True, exist_ok=True)

    def deposit(self, document: Outgoing) -> str:
        """Write the document; its reference is the start of its SHA-256."""
        digest = hashlib.sha256(document.pdf).hexdigest()
        place = self._folder / "outbox" / document.flow
        said = {
            "number": document.number,
            "flow": document.flow,
            "type_code": document.type_code,
            "seller_siren": document.seller_siren,
            "buyer_siren": document.buyer_siren,
            "issued_on": document.issued_on.isoformat(),
            "total_cents": document.total_cents,
            "sha256": digest,
        }
        _write(place / f"{document.number}.pdf", document.pdf)
        _write(place / f"{document.number}.json", json.dumps(said, indent=1).encode())
        return f"file:{digest[:32]}"

    def report(self, message: StatusMessage) -> None:
        """Write a status of ours."""
        said = {
            "number": message.number,
            "status": message.status,
            "reason": message.reason,
            "reference": message.reference,
            "at": message.at.isoformat(),
            "amount_cents": message.amount_cents,
        }
        name = f"{_safe(message.number)}-{message.status}-{_safe(message.reference)}.json"
        _write(self._folder / "outbox" / "statuses" / name, json.dumps(said, indent=1).encode())

    def statuses(self) -> list[StatusMessage]:
        """Read the statuses; a file that is none is refused by its name."""
        return [_status(path) for path in sorted((self._folder / "inbox" / "statuses").glob("*.json"))]

    def incoming(self) -> list[IncomingFile]:
        """Read suppliers' files."""
        found = []
        for path in sorted((self._folder / "inbox" / "invoices").iterdir()):
            if path.suffix.lower() in (".pdf", ".xml") and path.is_file():
                if path.stat().st_size > LARGEST:
                    raise InvalidInput(f"{path.name} is larger than 20 MB.", code="too_large", field=path.name)
                found.append(IncomingFile(f"invoices/{path.name}", path.read_bytes()))
        return found

    def taken(self, name: str) -> None:
        """Move a file of the inbox to `done`."""
        for source in (self._folder / "inbox" / name, self._folder / "inbox" / "statuses" / f"{name}.json"):
            if source.is_file():
                source.replace(self._folder / "inbox" / "done" / source.name)


def _status(path: Path) -> StatusMessage:
    try:
        said: Any = json.loads(path.read_bytes())
        status = int(said["status"])
        at = datetime.fromisoformat(said["at"])
        message = StatusMessage(str(said["number"]), status, str(said.get("reason", ""))[:500], path.stem, at)
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"{path.name} is no status: it needs number, status (200 to 213) and at (ISO 8601).",
            code="bad_status",
            field=path.name,
        ) from None
    if status not in STATUSES or at.tzinfo is None:
        raise InvalidInput(
            f"{path.name}: a status is one of {', '.join(map(str, STATUSES))}, and its time has an offset.",
            code="bad_status",
            field=path.name,
        )
    return message


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_bytes(content)
    fresh.replace(path)


def _safe(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "_" for char in text)[:80]
