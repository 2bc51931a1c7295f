"""Rows of role contracts and invoicing mandates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.rentals.sale_terms import Role


@dataclass(frozen=True, slots=True)
class Mandate:
    """An owner's word that invoices may be issued in its name; it may contest each within `contest_days`."""

    id: int
    code: str
    org_id: int
    owner: str
    reference: str
    signatory: str
    signed_on: date
    ends_on: date | None
    contest_days: int

    def holds_on(self, day: date) -> bool:
        """Whether it is in force."""
        return self.signed_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class RoleContract:
    """In whose name we sell for a party. `pay_when_paid`: the owner is paid once the advertiser has (agents only)."""

    id: int
    code: str
    org_id: int
    party: str
    role: Role
    reference: str
    signatory: str
    signed_on: date
    ends_on: date | None
    pay_when_paid: bool

    def holds_on(self, day: date) -> bool:
        """Whether it is in force."""
        return self.signed_on <= day and (self.ends_on is None or day <= self.ends_on)
