"""A scene of payments: an advertiser that may pay by card and debit, an owner that may be paid by transfer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.connect import open_account, open_connect, read_connect
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.means import list_means, read_setup, save_means
from broker.billing.gateway.pay_with_means import charge_means, pay_with_means
from broker.billing.gateway.payment_rules import set_rule
from broker.billing.gateway.payment_store import payment as read_payment
from broker.billing.gateway.webhook import receive_webhook, treat_webhook
from broker.billing.model import Payment
from broker.kernel.actor import PUBLIC, Actor
from broker.kernel.settings import PaymentSettings, Settings
from broker.ledger.store import balance
from broker.rentals.model import Order
from tests.store import money_scene
from tests.store.money_scene import MoneyScene, build_scene

SETTINGS = replace(
    money_scene.SETTINGS,
    payment=PaymentSettings(gateway="fake", methods=("card", "sepa_debit"), connect=True),
)
ACCOUNTS = ("401", "411", "416", "4191", "4197", "471", "512", "627", "654")


@dataclass(frozen=True)
class GatewayScene:
    """The money scene with a gateway; `worker` and `web` are databases by role."""

    money: MoneyScene
    gateway: FakeGateway
    settings: Settings = SETTINGS

    def saved(self, kind: str = "card", plays: str = "") -> str:
        """A saved means of payment; its code."""
        with self.money.web.begin(self.payer) as unit:
            before = {one.code for one in list_means(unit)}
            page = save_means(unit, self.settings, self.gateway, kind)
        self.gateway.pay(page.rsplit("/", 1)[1], kind, plays)
        for means in self.column("SELECT id FROM payment_means WHERE state = 'asked'"):
            read_setup(self.money.worker, self.gateway, means)
        with self.money.web.begin(self.payer) as unit:
            return next(one.code for one in list_means(unit) if one.code not in before)

    def paying(self, order: Order, means: str) -> Payment:
        """Ask for an order's price from a saved means."""
        with self.money.web.begin(self.payer) as unit:
            return pay_with_means(unit, self.settings, self.gateway, order.code, means)

    def charged(self, payment: Payment) -> Payment:
        """Have a worker take it."""
        charge_means(self.money.worker, self.settings, self.gateway, payment.id)
        return self.payment(payment.id)

    def opened(self, order: Order) -> Payment:
        """Open the gateway's page for an order."""
        with self.money.web.begin(self.payer) as unit:
            return start_payment(unit, self.settings, self.gateway, order.code)

    def booked(self, payment: Payment) -> Payment:
        """Have a worker read a payment again, twice."""
        for _ in range(2):
            book_payment(self.money.worker, self.settings, self.gateway, payment.id)
            book_card_money(self.money.worker, self.gateway, payment.id)
        return self.payment(payment.id)

    def payment(self, payment_id: int) -> Payment:
        """A payment as it stands."""
        with self.money.worker.begin() as unit:
            found = read_payment(unit, payment_id)
        assert found is not None
        return found

    def state(self, order: Order) -> str:
        """Where an order stands."""
        return str(self.column("SELECT state FROM rental_order WHERE id = :id", id=order.id)[0])

    def webhook(self, event: tuple[bytes, str]) -> bool:
        """An event arrives, and its job runs; whether it was new."""
        with self.money.web.begin(PUBLIC) as unit:
            new = receive_webhook(unit, self.gateway, *event)
        self.inbox()
        return new

    def inbox(self) -> None:
        """Run the jobs of all events that wait."""
        for number in self.column("SELECT number FROM webhook_event WHERE processed_at IS NULL ORDER BY number"):
            treat_webhook(self.money.worker, self.settings, self.gateway, number)

    def ready_owner(self) -> str:
        """The owner opens its account at the gateway and gives its papers; the gateway's name of it."""
        with self.money.web.begin(self.owner) as unit:
            account = open_account(unit, self.settings)
        open_connect(self.money.worker, self.settings, self.gateway, account.id)
        reference = self.column("SELECT reference FROM connect_account WHERE id = :id", id=account.id)[0]
        self.gateway.onboard(reference)
        read_connect(self.money.worker, self.gateway, account.id)
        return str(reference)

    def column(self, sql: str, **values: Any) -> list[Any]:
        """The first column of some rows."""
        with self.money.worker.begin() as unit:
            return [row[0] for row in unit.all(sql, **values)]

    def books(self) -> dict[str, int]:
        """The balances of the accounts of money."""
        with self.money.worker.begin() as unit:
            return {account: balance(unit, account, None) for account in ACCOUNTS}

    def changed(self, before: dict[str, int]) -> dict[str, int]:
        """By how much each balance differs."""
        now = self.books()
        return {account: now[account] - before[account] for account in ACCOUNTS if now[account] != before[account]}

    @property
    def payer(self) -> Actor:
        """The advertiser."""
        return self.money.advertiser

    @property
    def owner(self) -> Actor:
        """The owner."""
        return self.money.owner


def build_gateway_scene(admin: Engine, worker: Engine, web: Engine) -> GatewayScene:
    """A scene whose pages wait for their button."""
    money = build_scene(admin, worker, web)
    scene = GatewayScene(money, FakeGateway(money.web, pay_at_once=False))
    with money.web.begin(money.person("broker")) as unit:
        code = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=money.advertiser.org)
        set_rule(unit, scene.settings, code, ["card", "sepa_debit"], "wait")
    return scene
