"""Logging of processes: to standard error, with the places of an error but not its message.

Libraries log what they meet with `exc_info`; an exception's text may quote a row or an address. So the formatter
keeps it out, whoever logs.
"""

from __future__ import annotations

import io
import logging
import sys
from types import TracebackType

from broker.operate.faults import print_fault

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """Formats like the standard one, tracebacks by `faults.print_fault`."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        """Type and places of the error."""
        if ei[1] is None:
            return ""
        text = io.StringIO()
        print_fault(ei[1], text)
        return text.getvalue().rstrip()


def configure_logging() -> None:
    """Send warnings and worse of all libraries to standard error, discreetly."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
