"""The jobs of accounts: accruals, settlements, documents, what customers owe, refunds, the bank, the month's close."""

from __future__ import annotations

from broker.affiliation.look_for_fraud import look_for_fraud
from broker.billing.accrue_conversions import accrue_conversions, bill_clicks
from broker.billing.bank.bank_lines import book_bank_line
from broker.billing.bank.payouts import book_payout
from broker.billing.bank.return_payout import book_payout_return
from broker.billing.close_month import close_asked
from broker.billing.dunning.dunning import post_dunning, run_dunning
from broker.billing.dunning.late_claims import issue_claim
from broker.billing.exports.write_export import write_export
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.disputes import read_disputes
from broker.billing.gateway.send_refund import book_refund, follow_refunds, send_refund
from broker.billing.invoices.contests import issue_correction
from broker.billing.invoices.receipts import book_receipt
from broker.billing.invoices.vat_check import check_vat_number
from broker.billing.invoices.vat_register import choose_register
from broker.billing.settle import settle_mailing
from broker.operate.jobs.means import Means, Work


def billing_jobs(means: Means) -> Work:
    """Kind → function of a row's id."""
    database, settings, gateway = means.database, means.settings, means.gateway

    def card_money(payment_id: int) -> None:
        book_card_money(database, gateway(), payment_id)
        follow_refunds(database, payment_id)
        read_disputes(database, gateway(), payment_id)

    return {
        "close_month": lambda row_id: close_asked(database, settings, row_id),
        "write_export": lambda row_id: write_export(database, settings, row_id, means.stopping.is_set),
        "book_receipt": lambda row_id: book_receipt(database, row_id),
        "book_payout": lambda row_id: book_payout(database, row_id),
        "book_bank_line": lambda row_id: book_bank_line(database, row_id),
        "post_dunning": lambda row_id: post_dunning(database, means.keys, means.signing, row_id),
        "settle_mailing": lambda row_id: settle_mailing(database, settings, row_id),
        "bill_clicks": lambda row_id: bill_clicks(database, row_id),
        "accrue_conversions": lambda row_id: accrue_conversions(database, row_id),
        "look_for_fraud": lambda row_id: look_for_fraud(database, row_id),
        "issue_correction": lambda row_id: issue_correction(database, settings, row_id),
        "check_vat": lambda row_id: check_vat_number(database, choose_register(settings), settings, row_id),
        "book_card_money": card_money,
        "send_refund": lambda row_id: send_refund(database, settings, gateway, row_id),
        "book_refund": lambda row_id: book_refund(database, row_id),
        "book_payout_return": lambda row_id: book_payout_return(database, row_id),
        "run_dunning": lambda _: run_dunning(database, settings),
        "issue_claim": lambda row_id: issue_claim(database, settings, row_id),
    }
