"""Logs: JSON lines on standard error, without anything that could be a person's.

Only named events with ids and figures are logged, never rows. Libraries log errors whose text may quote a row, so an
exception is logged by its types and places, without its message. As a last line of defence a processor blots out
whatever looks like an e-mail address, in any value at any depth.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from broker.kernel.errors import CourtierError

BLOT = "•••@•••"
# Wide on purpose: what encloses an @ (also %40, =40, &#64; and its JSON escape) with something on both sides is taken
# for an address. A harmless word lost from a log costs less than a person found in it.
_ADDRESS = re.compile(
    r"[^\s\"<>(),;:]+(?:@|%40|=40|&#(?:0*64|[xX]0*40);|&commat;|\\u0040)[^\s\"<>(),;:]+", re.IGNORECASE
)


def blot_out_addresses(text: str) -> str:
    """The text with everything that looks like an e-mail address replaced by `•••@•••`."""
    return _ADDRESS.sub(BLOT, text)


def blot_out(value: Any) -> Any:
    """The same for texts, bytes, keys and values of containers, and the texts of other objects that hold an address."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return blot_out_addresses(value)
    if isinstance(value, Mapping):
        return {str(blot_out(key)): blot_out(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [blot_out(item) for item in value]
    return blot_out_addresses(str(value))


def blot_out_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The structlog processor; it stands last before the renderer."""
    return {key: blot_out(value) for key, value in event.items()}


def name_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The structlog processor that turns `exc_info` into types, stable codes and places."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = list(_told(error))
    return event


def _told(error: BaseException | None) -> Iterator[str]:
    """One line for each error of the chain, the outermost first: its type, its code if it is ours, its last places."""
    while error is not None:
        places = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        code = f" ({error.code})" if isinstance(error, CourtierError) else ""
        yield f"{name}{code}: {' < '.join(reversed(places[-8:])) or 'nowhere'}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def configure_logging(part: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send the logs of this process, ours and the libraries', to `stream` (standard error) as JSON lines.

    `part` names the process (web, worker, …) in every line.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_exception,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_part(part),
                blot_out_event,
                structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("fontTools", "fpdf"):  # they tell every table of every font
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _name_part(part: str) -> Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["part"] = part
        return event

    return name


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("import.done", import_id=7, rows=120_000)`: an event, ids and figures."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
