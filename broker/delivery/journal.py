"""What delivery tells the journal outside the database, so that a restore from a backup mails nobody twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from broker.delivery.model import MailingFacts, Outcome
from broker.kernel.database import UnitOfWork


class SendJournal(Protocol):
    """Keeps what must outlive the database. Each call raises when it cannot: then nothing leaves."""

    def claimed(self, unit: UnitOfWork, facts: MailingFacts, token: UUID, positions: Sequence[int]) -> None:
        """Before any mail of a batch leaves: durable when it returns."""

    def told(self, facts: MailingFacts, token: UUID, outcomes: Sequence[Outcome]) -> None:
        """What became of attempts, once the database has it."""

    def closed(self, token: UUID) -> None:
        """Every attempt of the batch has been told; what was not attempted waits again."""


class NoJournal:
    """For runs whose database nobody will restore: tests and benchmarks."""

    def claimed(self, unit: UnitOfWork, facts: MailingFacts, token: UUID, positions: Sequence[int]) -> None:
        """Keeps nothing."""

    def told(self, facts: MailingFacts, token: UUID, outcomes: Sequence[Outcome]) -> None:
        """Keeps nothing."""

    def closed(self, token: UUID) -> None:
        """Keeps nothing."""
