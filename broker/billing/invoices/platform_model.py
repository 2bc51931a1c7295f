"""What goes to and comes from a platform of electronic invoicing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Flow = Literal["sales", "self_billed", "received"]
# The statuses of the life cycle (AFNOR XP Z12-012, external specifications of the reform) and their codes.
STATUSES: dict[int, str] = {
    200: "deposited",
    201: "issued",
    202: "received",
    203: "made_available",
    204: "taken",
    205: "approved",
    206: "partly_approved",
    207: "disputed",
    208: "suspended",
    209: "completed",
    210: "refused",
    211: "payment_sent",
    212: "collected",
    213: "rejected",
}
CODES = {state: code for code, state in STATUSES.items()}
FINAL = frozenset({"refused", "rejected", "collected"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A document of ours for the platform. `self_billed`: we issue it for the supplier, the reverse flow."""

    number: str
    flow: Flow
    type_code: int
    seller_siren: str
    buyer_siren: str
    issued_on: date
    total_cents: int
    pdf: bytes


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """What became of a document, in either direction. `reference` is the platform's own: the same message once."""

    number: str
    status: int
    reason: str
    reference: str
    at: datetime
    amount_cents: int | None = None  # of 212: what was collected, VAT included


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A supplier's invoice as it came: Factur-X (PDF) or Cross Industry Invoice (XML)."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class PlatformDocument:
    """A document and where it stands. Amounts in cents."""

    id: int
    code: str
    flow: Flow
    number: str
    supplier: str
    issued_on: date
    due_on: date | None
    net_cents: int
    vat_cents: int
    total_cents: int
    state: str
    reason: str
    booked: bool


class Platform(Protocol):
    """A platform of electronic invoicing."""

    def deposit(self, document: Outgoing) -> str:
        """Hand over a document; returns the platform's reference. The same document again changes nothing."""

    def report(self, message: StatusMessage) -> None:
        """Tell it a status of ours: approved, refused, collected."""

    def statuses(self) -> list[StatusMessage]:
        """What it says of our documents and was not taken yet."""

    def incoming(self) -> list[IncomingFile]:
        """Suppliers' invoices not taken yet."""

    def taken(self, name: str) -> None:
        """A status or a file is stored with us: do not give it again."""
