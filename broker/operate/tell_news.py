"""Job: tell whom it concerns that a mailing, an import, a card, a creative, an invoice, … changed its state.

The database notes every change in the transaction that makes it (a trigger, whoever writes it); telling it and marking
it as told is one transaction. So nothing is missed, told twice, or told of a change that was rolled back.
"""

from __future__ import annotations

from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.notifications.notify import Fact, notify, notify_of
from broker.operate import news_store as store

MAILING_KINDS = {
    "frozen": "mailing.frozen", "sending": "mailing.started", "paused": "mailing.paused", "sent": "mailing.sent",
    "cancelled": "mailing.cancelled", "failed": "mailing.failed",
}  # fmt: skip
TO_BROKER = ("mailing.paused", "mailing.cancelled", "mailing.failed")


def tell_news(database: Database, news_id: int) -> None:
    """Tell one change of state; the person who brought it about knows it already."""
    with database.begin() as unit:
        author = store.author_of(unit, news_id)
    with database.begin(Actor("system", user_id=author, name="system")) as unit:
        news = store.lock_news(unit, news_id)
        if news is not None:
            _TELL[news.subject](unit, news.row_id, news.former, news.state)


def tell_invoices(unit: UnitOfWork) -> None:
    """Tell of invoices that were paid, and of those that nobody paid in time; each once."""
    for row in store.invoices_in_news(unit, unit.today):
        if row.paid:
            for party in (*row.parties, None):
                notify(
                    unit, "invoice.paid", party, row.number, once="paid", number=row.number, total_cents=row.total_cents
                )
        else:
            for party in (row.buyer_id, None):
                notify(
                    unit, "invoice.overdue", party, row.number, once="overdue",
                    number=row.number, total_cents=row.total_cents, due_on=row.due_on,
                )  # fmt: skip


def _mailing(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.mailing(unit, row_id)
    kind = "mailing.resumed" if former == "paused" and state in ("frozen", "sending") else MAILING_KINDS.get(state)
    if kind is None:
        return
    facts: dict[str, Fact] = {"title": row.title}
    if kind == "mailing.frozen":
        facts["frozen"] = row.frozen
    elif kind == "mailing.sent":
        facts["accepted"] = row.accepted
    elif kind == "mailing.paused":
        facts["why"] = row.why
    # An order that ended with its mailing was told to both, with the reason (mailings/cancel.py): that is one event.
    parties: list[int | None] = [] if row.with_its_order else sorted({row.owner_id, row.advertiser_id})
    for party in parties + ([None] if kind in TO_BROKER else []):
        notify_of(unit, kind, party, row.code, facts)


def _import(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.import_run(unit, row_id)
    if state == "done":
        notify(
            unit, "import.finished", row.org_id, row.code, base=row.base, accepted=row.accepted, rejected=row.rejected
        )
    else:
        notify(unit, "import.failed", row.org_id, row.code, base=row.base)


def _card(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.card(unit, row_id)
    if state == "published":
        notify(unit, "card.published", row.org_id, row.code, card=row.title, size=row.size_shown)
    else:
        notify(unit, f"card.{state}", row.org_id, row.code, card=row.title)


def _creative(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.creative(unit, row_id)
    notify(unit, "creative.signed", row.org_id, row.code, title=row.name)


def _payout(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.payout(unit, row_id)
    for party in (row.owner_id, None):
        notify(unit, "payout.sent", party, row.code, amount_cents=row.amount_cents)


def _invoice(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.invoice(unit, row_id)
    for party in (*row.parties, None):
        notify(
            unit, "invoice.issued", party, row.number,
            number=row.number, total_cents=row.total_cents, due_on=row.due_on,
        )  # fmt: skip


def _participation(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.participation(unit, row_id)
    notify(unit, "participation.joined", row.org_id, row.code, owner=row.owner, programme=row.programme)


def _leak(unit: UnitOfWork, row_id: int, former: str | None, state: str) -> None:
    row = store.leak(unit, row_id)
    for party in (row.owner_id, None):
        notify(unit, "leak.suspected", party, row.code, base=row.base, title=row.title)


_TELL = {
    "mailing": _mailing,
    "import_run": _import,
    "data_card": _card,
    "creative": _creative,
    "payout": _payout,
    "invoice": _invoice,
    "participation": _participation,
    "leak_case": _leak,
}
