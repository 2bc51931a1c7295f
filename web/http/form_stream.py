"""A form with a file, read as it comes in: the file is never parsed to memory nor to a temporary file in clear.

Fields must stand before the file, as they do in our pages; the file is the last part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from broker.kernel.errors import InvalidInput

BLOCK = 256 * 1024
LARGEST_FIELD = 64 * 1024


@dataclass(frozen=True)
class FormStream:
    """The fields that came before the file, the file's name and its bytes, to be read once."""

    fields: dict[str, str]
    file_name: str
    chunks: Iterator[bytes]


def read_form_stream(content_type: str, stream: IO[bytes]) -> FormStream:
    """Read up to the file of a `multipart/form-data` body; refuses another shape."""
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise InvalidInput("Send the file with the form of the page.", code="no_file", field="file")
    events = _events(MultipartDecoder(boundary.encode()), stream)
    fields: dict[str, str] = {}
    for event in events:
        if isinstance(event, Field):
            fields[event.name] = b"".join(_data(events, LARGEST_FIELD)).decode("utf-8", "replace")
        elif isinstance(event, File) and event.filename:
            return FormStream(fields, event.filename, _data(events, None))
    raise InvalidInput("Choose a file to send.", code="no_file", field="file")


def _data(events: Iterator[Event], most: int | None) -> Iterator[bytes]:
    total = 0
    for event in events:
        if not isinstance(event, Data):
            break
        total += len(event.data)
        if most is not None and total > most:
            raise InvalidInput("A field of the form is too long.", code="form_too_large")
        if event.data:
            yield event.data
        if not event.more_data:
            return
    raise InvalidInput("The upload ended in the middle. Send the file again.", code="upload_cut", field="file")


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    while True:
        try:
            event = decoder.next_event()
        except ValueError:
            raise InvalidInput("The form could not be read. Send the file again.", code="upload_cut") from None
        if isinstance(event, NeedData):
            decoder.receive_data(_block(stream) or None)
        elif isinstance(event, Epilogue):
            return
        else:
            yield event


def _block(stream: IO[bytes]) -> bytes:
    """A whole block, shorter only at the end: the decoder misreads a line break that comes in halves."""
    pieces, wanted = [], BLOCK
    while wanted and (piece := stream.read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)
