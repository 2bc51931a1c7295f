"""How a fault of ours is written down: where it happened, never what the data was.

An exception's message may quote a row or an address (the database's do), so only its type and places are kept.
"""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime
from typing import IO


def print_fault(error: BaseException, file: IO[str]) -> None:
    """Write time, type and places of an error. `COURTIER_DEBUG=1` adds messages, for a developer's machine."""
    if os.environ.get("COURTIER_DEBUG") == "1":
        traceback.print_exception(error, file=file)
        return
    print(f"{datetime.now(UTC).isoformat(timespec='seconds')} fault (messages withheld)", file=file)
    seen: BaseException | None = error
    while seen is not None:
        for frame in traceback.extract_tb(seen.__traceback__):
            print(f"  {frame.filename}:{frame.lineno} in {frame.name}", file=file)
        said = f": {seen}" if isinstance(seen, ImportError) else ""  # names of modules only
        print(f"  {type(seen).__module__}.{type(seen).__qualname__}{said}", file=file)
        seen = seen.__cause__ or seen.__context__
    file.flush()
