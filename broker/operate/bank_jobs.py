"""The jobs of what customers owe, of refunds and of transfers through the bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from broker.billing.bank.return_payout import book_payout_return
from broker.billing.dunning.dunning import run_dunning
from broker.billing.dunning.late_claims import issue_claim
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.choose_gateway import choose_gateway
from broker.billing.gateway.disputes import read_disputes
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.send_refund import book_refund, follow_refunds, send_refund
from broker.kernel.database import Database
from broker.kernel.settings import Settings


def bank_jobs(database: Database, settings: Settings) -> Mapping[str, Callable[[int], object]]:
    """Kind → function of a row's id."""

    def gateway() -> Gateway:
        return choose_gateway(settings, database)

    def card_money(payment_id: int) -> None:
        book_card_money(database, gateway(), payment_id)
        follow_refunds(database, payment_id)
        read_disputes(database, gateway(), payment_id)

    return {
        "book_card_money": card_money,
        "send_refund": lambda row_id: send_refund(database, settings, gateway, row_id),
        "book_refund": lambda row_id: book_refund(database, row_id),
        "book_payout_return": lambda row_id: book_payout_return(database, row_id),
        "run_dunning": lambda _: run_dunning(database, settings),
        "issue_claim": lambda row_id: issue_claim(database, settings, row_id),
    }
