"""A file that is sent in pieces, so that a cut line costs one piece: each is sealed by itself as it comes.

What arrived of a piece before the line was cut stays; the sender asks how much that is and goes on from there. The
front seals and cannot open: a piece has a key of its own, bound to its place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from broker.audit.record import record
from broker.bases import store
from broker.bases.find_base import find_base
from broker.bases.model import FileKind, Upload
from broker.bases.receive import uploads_folder
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.vault.keyring import FrontKeys
from broker.vault.seal import SealingWriter
from broker.vault.sealed_file import shown_name

MOST_PARTS = 10_000


def begin_upload(
    unit: UnitOfWork, settings: Settings, base_code: str, kind: str, file_name: str, whole_bytes: int
) -> Upload:
    """Announce a file of `whole_bytes`, to be sent by `append_upload`."""
    unit.actor.require("owner")
    if kind not in get_args(FileKind):
        raise InvalidInput(
            f"A file holds {' or '.join(get_args(FileKind))}, not '{kind}'.", code="bad_kind", field="kind"
        )
    if whole_bytes < 1:
        raise InvalidInput("The file is empty.", code="empty_file", field="whole_bytes")
    if whole_bytes > settings.web.max_upload_mb << 20:
        raise InvalidInput(
            f"The file is larger than {settings.web.max_upload_mb} MB (web.max_upload_mb).", code="too_large"
        )
    base = find_base(unit, base_code)
    code = new_code("up")
    store.add_upload(unit, code, base.id, kind, shown_name(file_name), whole_bytes)
    return _upload(unit, code)


@dataclass(frozen=True, slots=True)
class PieceDigest:
    """What the sender says of a piece: its length and SHA-256 (RFC 9530, Content-Digest)."""

    length: int
    sha256: bytes


def append_upload(
    unit: UnitOfWork,
    front: FrontKeys,
    settings: Settings,
    code: str,
    offset: int,
    chunks: Iterable[bytes],
    digest: PieceDigest | None = None,
) -> Upload:
    """Add bytes from `offset` on, which must be where the upload stands; the last byte makes it received.

    Where `chunks` ends early (a cut line raises OSError in it), what came is kept and the sender resumes there. A whole
    piece that is not what `digest` says is refused and comes again.
    """
    unit.actor.require("owner")
    store.lock_upload(unit, code)
    upload = _upload(unit, code)
    if upload.state != "receiving" or upload.whole_bytes is None:
        raise Conflict("This upload takes no more bytes.", code="upload_whole")
    if offset != upload.size_bytes:
        raise Conflict(
            f"The upload stands at byte {upload.size_bytes}: go on from there.",
            code="wrong_offset",
            field="offset",
            details={"size_bytes": upload.size_bytes},
        )
    if len(upload.parts) >= MOST_PARTS:
        raise Conflict("Too many pieces: send larger ones, or the file anew.", code="too_many_parts")
    room = upload.whole_bytes - offset
    folder = uploads_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / upload.part_name(offset)
    hashed = hashlib.sha256()
    try:
        # A piece whose transaction was lost may lie there: it belongs to no upload and is written over.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o640)
            with SealingWriter(front, file, upload.part_info(offset)) as writer:
                for chunk in _until_cut(chunks):
                    if writer.size + len(chunk) > room:
                        raise InvalidInput(
                            "More bytes came than the upload announced. Begin it anew.", code="longer_than_announced"
                        )
                    writer.write(chunk)
                    hashed.update(chunk)
                if digest and writer.size == digest.length and hashed.digest() != digest.sha256:
                    raise InvalidInput("This piece was damaged on its way: send it again.", code="damaged_piece")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The file cannot be stored: {error.strerror}.", code="no_room") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if not writer.size:
        path.unlink(missing_ok=True)
        return upload
    whole = writer.size == room
    store.add_part(unit, code, offset, upload.size_bytes + writer.size, whole=whole)
    if whole:
        record(
            unit, "upload.received", "upload", code,
            base=upload.base_code, kind=upload.kind, bytes=upload.whole_bytes, parts=len(upload.parts) + 1,
        )  # fmt: skip
    return _upload(unit, code)


def _until_cut(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The chunks up to where the sender's line was cut."""
    iterator = iter(chunks)
    while True:
        try:
            chunk = next(iterator)
        except (StopIteration, OSError):
            return
        yield chunk


def _upload(unit: UnitOfWork, code: str) -> Upload:
    upload = store.upload_by_code(unit, code)
    if upload is None:
        raise NotFound(f"There is no upload '{code}'.", code="no_upload", field="upload")
    return upload
