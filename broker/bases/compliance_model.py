"""Rows of what the law asks to be written down, and the small rules about their deadlines."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

ContractKind = Literal["processor", "joint"]
LegalBasis = Literal["consent", "contract", "legal_obligation", "legitimate_interest", "vital_interest", "public_task"]
RequestKind = Literal["access", "correction", "erasure", "objection", "portability", "restriction"]
Outcome = Literal["granted", "partly", "refused", "not_found"]
BreachNature = Literal["confidentiality", "integrity", "availability"]
BreachRisk = Literal["unknown", "none", "risk", "high"]  # none: nobody is told; high: the people, too (art. 33, 34)

ANSWER_MONTHS, LONGEST_MONTHS = 1, 3  # art. 12(3): one month, and two more when it is said why
AUTHORITY_HOURS = 72  # art. 33(1)


@dataclass(frozen=True, slots=True)
class Contract:
    """The agreement under which a base is worked on: art. 28 (`processor`) or 26 (`joint`)."""

    code: str
    base_code: str
    kind: ContractKind
    reference: str
    document_sha256: str | None
    signatory: str
    signed_on: date
    ends_on: date | None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force."""
        return self.signed_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of a controller's register (art. 30(1)). `code` is None where it is made from a base."""

    code: str | None
    controller: str
    name: str
    purpose: str
    legal_basis: str
    people: str
    data: str
    recipients: str
    retention: str
    transfers: str
    security: str


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """A person's request as it is followed: by the controller's own reference, without the person."""

    code: str
    controller: str
    own: bool  # the actor's organisation answers it
    kind: RequestKind
    reference: str
    received_on: date
    due_on: date
    extended_to: date | None
    extension_reason: str | None
    answered_on: date | None
    outcome: Outcome | None
    note: str

    def overdue(self, day: date) -> bool:
        """Whether the answer is late."""
        return self.answered_on is None and day > self.deadline

    @property
    def deadline(self) -> date:
        """The last day of the answer, put off or not."""
        return self.extended_to or self.due_on

    def answered_late(self) -> bool:
        """Whether the answer came after its deadline."""
        return self.answered_on is not None and self.answered_on > self.deadline

    def may_extend(self, day: date) -> bool:
        """Whether the answer may still be put off: once, and while the first month runs."""
        return self.answered_on is None and self.extended_to is None and day <= self.due_on


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach of personal data in one base."""

    code: str
    base_code: str
    discovered_at: datetime
    began_at: datetime
    ended_at: datetime
    nature: BreachNature
    facts: str
    data: str
    rows_affected: int
    consequences: str
    measures: str
    authority_told_at: datetime | None
    people_told_at: datetime | None
    closed_at: datetime | None
    which_rows: str = ""
    people_affected: int | None = None
    risk: BreachRisk = "unknown"
    late_reason: str = ""
    authority_text: str = ""
    people_text: str = ""
    base_name: str = ""
    controller: str = ""

    @property
    def authority_due_at(self) -> datetime:
        """By when the authority is to be told, unless there is no risk for anybody."""
        return self.discovered_at + timedelta(hours=AUTHORITY_HOURS)

    @property
    def authority_waits(self) -> bool:
        """Whether the authority is still to be told."""
        return self.authority_told_at is None and self.risk != "none" and self.closed_at is None

    @property
    def people_wait(self) -> bool:
        """Whether the people are still to be told, without undue delay (art. 34)."""
        return self.people_told_at is None and self.risk == "high" and self.closed_at is None

    def hours_left(self, now: datetime) -> int:
        """Whole hours of the 72 that are left; negative once they are over."""
        return int((self.authority_due_at - now).total_seconds() // 3600)


@dataclass(frozen=True, slots=True)
class Trace:
    """Who acted on a base in the time of a breach, after the audit; `rows` were taken by bulk reads."""

    who: str
    role: str
    action: str
    times: int
    first_at: datetime
    last_at: datetime
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Dossier:
    """A breach with what the platform knows of it: the base's rows now, and who did what in that time."""

    breach: Breach
    rows_in_base: int
    traces: list[Trace]


def months_after(day: date, months: int) -> date:
    """The same day some months later, or that month's last (Regulation 1182/71, art. 3(2)(c))."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
