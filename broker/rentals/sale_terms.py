"""In whose name a sale is made, and the VAT that its advertiser pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.money import BASIS_POINTS, micros_to_cents, share, split_by_largest_remainder
from broker.ledger.vat import Party, Vat, vat_on_service
from broker.rentals.role_store import terms_between

Role = Literal["principal", "agent_of_owner", "agent_of_advertiser"]


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """The contract role of a sale; `main` is the VAT of what is sold, `fee` that of our own commission."""

    role: Role
    main: Vat
    fee: Vat

    def vat_cents(self, volume: int, price_micros: int, commission_bp: int) -> int:
        """The VAT of a full order in cents.

        As agent of the advertiser there are two invoices, the owner's and ours, each with its own VAT.
        """
        micros = volume * price_micros
        net = micros_to_cents(micros)
        if self.role != "agent_of_advertiser" or not net:
            return share(net, self.main.bp)
        commission = micros * commission_bp // BASIS_POINTS
        owner, fee = split_by_largest_remainder(net, [micros - commission, commission])
        return share(owner, self.main.bp) + share(fee, self.fee.bp)


def sale_terms(unit: UnitOfWork, owner_id: int, company: Party, advertiser: Party, standard_bp: int) -> SaleTerms:
    """The terms of a sale between an owner and an advertiser today, from the contracts in force.

    As principal the company sells; as agent the owner does, and the company sells its fee. Raises `Conflict`
    (`agent_of_both`) when owner and advertiser both made the company their agent.
    """
    row = terms_between(unit, owner_id, unit.actor.org)
    if row is not None and row.both_sides:
        raise Conflict(
            "The owner and the advertiser both made us their agent, and nobody can act for both: end one of the two"
            " contracts.",
            code="agent_of_both",
        )
    role: Role = "principal" if row is None else cast("Role", row.role)
    own = vat_on_service(company, advertiser, standard_bp)
    if row is None or role == "principal":
        return SaleTerms("principal", own, own)
    owner = Party(row.country, row.postcode or "", row.vat_number or "")
    sold = vat_on_service(owner, advertiser, standard_bp)
    return SaleTerms(role, sold, own if role == "agent_of_advertiser" else vat_on_service(company, owner, standard_bp))
