"""What parties do around an order: ask for a change and make it, sign, number, write to each other, take its paper."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from broker.rentals.order_paper import order_pdf
from broker.rentals.review import ask_change, make_change
from broker.rentals.sign_order import set_purchase_order, sign_order
from broker.rentals.thread import mark_read, write_message
from web.http.work import front, unit
from web.orders import act

pages = Blueprint("order_people", __name__)


@pages.get("/orders/<code>/order.pdf")
def paper(code: str) -> Response:
    """The quote or order as PDF, as the viewer may have it."""
    with unit() as work:
        raw = order_pdf(work, front().settings, code)
    return Response(
        raw, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{code}.pdf"'}
    )


@pages.post("/orders/<code>/change")
def ask(code: str) -> Response:
    """The owner asks for another message before it answers."""
    return act(code, "change_asked", lambda work: ask_change(work, code, request.form.get("text", "")))


@pages.post("/orders/<code>/changed")
def change(code: str) -> Response:
    """The advertiser answers with another signed message."""
    form = request.form
    return act(
        code, "change_made", lambda work: make_change(work, code, form.get("creative", ""), form.get("note", ""))
    )


@pages.post("/orders/<code>/sign")
def sign(code: str) -> Response:
    """The advertiser signs, with its second factor or password."""
    form, means = request.form, front()
    return act(
        code,
        "order_signed",
        lambda work: sign_order(
            work,
            means.keys,
            means.settings,
            code,
            password=form.get("password", ""),
            one_time_code=form.get("code", ""),
            read_hash=form.get("read_hash", ""),
        ),
    )


@pages.post("/orders/<code>/purchase-order")
def number(code: str) -> Response:
    """The payer's own number."""
    text = request.form.get("purchase_order", "")
    return act(code, "order_numbered", lambda work: set_purchase_order(work, code, text))


@pages.post("/orders/<code>/messages")
def write(code: str) -> Response:
    """Write to the other parties."""
    return act(code, "message_sent", lambda work: write_message(work, code, request.form.get("text", "")))


@pages.post("/orders/<code>/messages/read")
def read(code: str) -> Response:
    """The person has the messages before its eyes; sent by the page itself where scripts run."""
    return act(code, "", lambda work: mark_read(work, code))
