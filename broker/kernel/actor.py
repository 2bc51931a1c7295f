"""Who acts: the second argument of every use case, and the source of row-level security's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker.kernel.errors import Forbidden

Role = Literal["owner", "advertiser", "agency", "broker", "accountant", "system", "public"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the system) acting for an organisation.

    `agency_id`: the agency whose person acts for this advertiser, under its mandate.
    """

    role: Role
    org_id: int | None = None
    user_id: int | None = None
    name: str = ""
    agency_id: int | None = None

    def require(self, *roles: Role) -> None:
        """Refuse unless the actor has one of these roles; the system may do all that a role may."""
        if self.role != "system" and self.role not in roles:
            if self.role == "agency" and "advertiser" in roles:
                raise Forbidden("Choose first for which of your clients you act.", code="client_needed")
            raise Forbidden(f"This needs the role {' or '.join(roles)}; you are logged in as {self.role}.")

    def require_itself(self) -> None:
        """Refuse an agency that acts for a client: what outlives a mandate is given by the organisation itself."""
        if self.agency_id is not None:
            raise Forbidden("You act for a client: go back to your agency first.", code="own_organisation_needed")

    def require_person(self) -> int:
        """The person's id; refuses whoever acts without one: what needs two persons must know them apart."""
        if self.user_id is None:
            raise Forbidden("This needs a person: log in, or name one.", code="no_person")
        return self.user_id

    @property
    def sees_all(self) -> bool:
        """Whether it is of the company's staff, or the system: queries show it everybody's rows."""
        return self.role in ("broker", "accountant", "system")

    @property
    def org(self) -> int:
        """The organisation's id; refuses an actor without one."""
        if self.org_id is None:
            raise Forbidden("This needs to be done on behalf of an organisation.")
        return self.org_id


SYSTEM = Actor("system", name="system")
PUBLIC = Actor("public", name="public")
