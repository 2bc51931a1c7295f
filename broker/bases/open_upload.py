"""An upload opened in a worker: one sealed file, or the pieces of one that was sent in several."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from broker.bases.model import Upload
from broker.bases.receive import uploads_folder
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys
from broker.vault.open_anywhere import JoinedStreams, SeekableOpening

_BUFFER = 1 << 18


@contextmanager
def opened_upload(upload: Upload, worker_keys: WorkerKeys, settings: Settings) -> Iterator[BinaryIO]:
    """The clear bytes as a seekable stream; they are never written anywhere."""
    places = {upload.part_name(offset): upload.part_info(offset) for offset in upload.parts}
    with ExitStack() as files:
        streams = []
        try:
            for name, info in (places or {upload.sealed_name: upload.info}).items():
                file = files.enter_context((uploads_folder(settings) / name).open("rb"))
                streams.append(SeekableOpening(worker_keys, file, info))
        except FileNotFoundError:
            raise Conflict("The uploaded file is gone: upload it again.", code="upload_gone") from None
        yield cast("BinaryIO", io.BufferedReader(JoinedStreams(streams), _BUFFER))
