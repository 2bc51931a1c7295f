"""The count desk in this very process: for jobs, which ask what the front asks over the socket."""

from __future__ import annotations

from typing import Any

from broker.audience.client import AudienceClient
from broker.audience.desk import CountDesk


class LocalClient(AudienceClient):
    """The same questions and answers as the audience process's."""

    def __init__(self, desk: CountDesk) -> None:
        self._desk = desk

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        """Have the desk answer."""
        return self._desk.answer(call, arguments)
