"""A process that dies at every point of a piece of work with the gateway, one point after the other.

Given the roles' addresses and a list of works as JSON, each work is begun again and again in a forked child that ends
itself, without cleaning up, just before its first commit, then just before its second, and so on until it comes
through: ours and the gateway's own, so between the gateway's commit and ours too. Prints how often each work died.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from broker.billing.bank.payouts import book_payout
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.collect import book_payment, start_payment
from broker.billing.gateway.connect import open_connect
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.gateway_balance import read_gateway
from broker.billing.gateway.gateway_payouts import send_gateway_payout
from broker.billing.gateway.means import save_means
from broker.billing.gateway.pay_with_means import charge_means
from broker.billing.gateway.reversals import reverse_transfer
from broker.billing.gateway.send_refund import send_refund
from broker.billing.gateway.transfers import send_transfer
from broker.kernel.actor import Actor
from broker.kernel.database import Database, make_engine
from tests.store.gateway_scene import SETTINGS

KILLED, DONE = 9, 0


def works(worker: Database, web: Database) -> dict[str, Callable[..., object]]:
    """What can be asked for, by name."""
    gateway = FakeGateway(web, pay_at_once=False)

    def as_payer(org: int, act: Callable[[Any], object]) -> None:
        with web.begin(Actor("advertiser", org)) as unit:
            act(unit)

    return {
        "checkout": lambda org, order: as_payer(org, lambda unit: start_payment(unit, SETTINGS, gateway, order)),
        "setup": lambda org, kind: as_payer(org, lambda unit: save_means(unit, SETTINGS, gateway, kind)),
        "charge": lambda row: charge_means(worker, SETTINGS, gateway, row),
        "capture": lambda row: (
            book_payment(worker, SETTINGS, gateway, row), book_card_money(worker, gateway, row)
        ),
        "refund": lambda row: send_refund(worker, SETTINGS, lambda: gateway, row),
        "account": lambda row: open_connect(worker, SETTINGS, gateway, row),
        "transfer": lambda row: (send_transfer(worker, gateway, row), book_payout(worker, row)),
        "reversal": lambda row: reverse_transfer(worker, gateway, row),
        "payout": lambda row: send_gateway_payout(worker, gateway, row),
        "reading": lambda row: read_gateway(worker, gateway, row),
    }  # fmt: skip


@contextmanager
def dying_at(point: int) -> Iterator[None]:
    """Ends the process just before the n-th commit."""
    seen = count(1)

    def look(_: Session) -> None:
        if next(seen) == point:
            os._exit(KILLED)

    event.listen(Session, "before_commit", look)
    yield


def run(urls: dict[str, str], name: str, values: list[Any], point: int) -> None:
    """In a child: do a work, to die at a point."""
    worker, web = (Database(make_engine(urls[role], 1)) for role in ("worker", "web"))
    with dying_at(point):
        works(worker, web)[name](*values)


def main() -> None:
    """All works of the input, each until it comes through."""
    asked = json.load(sys.stdin)
    deaths: dict[str, int] = {}
    for name, values in asked["works"]:
        for point in count(1):
            child = os.fork()
            if child == 0:
                try:
                    run(asked["urls"], name, values, point)
                except BaseException as error:
                    print(f"{name}: {error!r}", file=sys.stderr)
                    os._exit(3)
                os._exit(DONE)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code == DONE:
                deaths[name] = point - 1
                break
            if code != KILLED or point > 60:
                sys.exit(f"{name} at point {point}: ended with {code}")
    print(json.dumps(deaths))


if __name__ == "__main__":
    main()
