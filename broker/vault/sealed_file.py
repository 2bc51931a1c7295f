"""A file that somebody sends, sealed while it streams in: nothing of it is ever written in clear."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from broker.kernel.errors import InvalidInput, Unavailable
from broker.vault.keyring import FrontKeys
from broker.vault.seal import SealingWriter


def write_sealed(front: FrontKeys, path: Path, info: str, chunks: Iterable[bytes], most_mb: int) -> int:
    """Seal `chunks` into a new file at `path`; their size in bytes. Where it fails, no file stays behind.

    Raises `too_large`, `empty_file`, `no_room`, and whatever `chunks` raises.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # Workers may be another user: they share the folder's group.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o640)
            with SealingWriter(front, file, info) as writer:
                for chunk in chunks:
                    writer.write(chunk)
                    if writer.size > most_mb << 20:
                        raise InvalidInput(
                            f"The file is larger than {most_mb} MB (web.max_upload_mb).", code="too_large"
                        )
            file.flush()
            os.fsync(handle)
        if not writer.size:
            raise InvalidInput("The file is empty.", code="empty_file", field="file")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The file cannot be stored: {error.strerror}.", code="no_room") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return writer.size


def shown_name(file_name: str) -> str:
    """The last part of a path, without control characters."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", file_name.replace("\\", "/").rpartition("/")[2]).strip()
    return name[:200] or "file.csv"
