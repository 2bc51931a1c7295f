"""What stands around an order on its page: who is to answer until when, its paper and signature, its thread."""

from __future__ import annotations

from typing import Any

from broker.accounts.second_factor import find_second_factor
from broker.kernel.database import UnitOfWork
from broker.mailings.create_creative import list_creatives
from broker.rentals.model import Order
from broker.rentals.order_paper import make_paper
from broker.rentals.review import decisions, find_review
from broker.rentals.sign_order import SIGNABLE, signatures
from broker.rentals.thread import read_thread
from web.http.work import actor, front

WRITERS = ("advertiser", "owner", "broker")


def around(work: UnitOfWork, order: Order) -> dict[str, Any]:
    """The values of orders/answer.html, papers.html and thread.html."""
    buying = actor().org_id == order.advertiser_id
    review = find_review(work, order)
    paper = make_paper(work, front().settings, order)
    may_sign = buying and order.state in SIGNABLE and paper.signature is None
    changing = review is not None and review.change_text is not None
    return {
        "review": review,
        "decisions": decisions(work, order),
        "paper": paper,
        "signatures": signatures(work, order),
        "may_sign": may_sign,
        "by_code": may_sign and find_second_factor(work).confirmed,
        "may_number": buying and order.state in ("quote", *SIGNABLE) and paper.signature is None,
        "replacements": [
            one for one in list_creatives(work) if one.state == "signed" and one.code != order.creative_code
        ] if buying and changing else [],
        "thread": read_thread(work, order.code),
        "may_write": actor().role in WRITERS,
    }  # fmt: skip
