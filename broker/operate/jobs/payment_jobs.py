"""The jobs of the payment gateway: each reads or asks there with no transaction open, and commits what it learnt."""

from __future__ import annotations

from broker.billing.gateway.collect import book_payment
from broker.billing.gateway.connect import open_connect, read_connect
from broker.billing.gateway.gateway_balance import book_gateway_line, read_gateway
from broker.billing.gateway.gateway_payouts import send_gateway_payout
from broker.billing.gateway.means import detach_means, read_setup
from broker.billing.gateway.pay_with_means import charge_means
from broker.billing.gateway.reversals import reverse_transfer
from broker.billing.gateway.transfers import send_transfer
from broker.billing.gateway.webhook import treat_webhook
from broker.operate.jobs.means import Means, Work


def payment_jobs(means: Means) -> Work:
    """Kind → function of a row's id."""
    database, settings, gateway = means.database, means.settings, means.gateway
    return {
        "book_payment": lambda row_id: book_payment(database, settings, gateway(), row_id),
        "treat_webhook": lambda row_id: treat_webhook(database, settings, gateway(), row_id),
        "charge_means": lambda row_id: charge_means(database, settings, gateway(), row_id),
        "read_setup": lambda row_id: read_setup(database, gateway(), row_id),
        "remove_means": lambda row_id: detach_means(database, gateway(), row_id),
        "open_connect": lambda row_id: open_connect(database, settings, gateway(), row_id),
        "read_connect": lambda row_id: read_connect(database, gateway(), row_id),
        "send_transfer": lambda row_id: send_transfer(database, gateway(), row_id),
        "reverse_transfer": lambda row_id: reverse_transfer(database, gateway(), row_id),
        "send_gateway_payout": lambda row_id: send_gateway_payout(database, gateway(), row_id),
        "read_gateway": lambda row_id: read_gateway(database, gateway(), row_id),
        "book_gateway_line": lambda row_id: book_gateway_line(database, row_id),
    }
