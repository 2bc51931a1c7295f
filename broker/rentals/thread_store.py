"""The queries of orders' threads: functions of the database, which know who may read what."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.rentals.thread_model import Message, UnreadThread


def party_in(unit: UnitOfWork, order_id: int) -> str | None:
    """As what the acting organisation is a party of an order: advertiser, owner, broker, or not at all."""
    found = unit.scalar("SELECT party_in(:id)", id=order_id)
    return None if found is None else str(found)


def insert_message(unit: UnitOfWork, code: str, order_id: int, text: str, writer: str) -> bool:
    """Keep a message of the acting party; False where it is none."""
    found = unit.scalar(
        "SELECT write_message(:code, :id, :text, :writer)", code=code, id=order_id, text=text, writer=writer
    )
    return found is not None


def thread_of(unit: UnitOfWork, order_id: int) -> list[Message]:
    """What the acting party may read, the oldest first."""
    return [Message(**row._mapping) for row in unit.all("SELECT * FROM order_thread(:id)", id=order_id)]


def mark_read(unit: UnitOfWork, order_id: int, last_id: int) -> None:
    """The acting person has read up to this message."""
    unit.run("SELECT mark_thread_read(:id, :last)", id=order_id, last=last_id)


def unread_threads(unit: UnitOfWork) -> list[UnreadThread]:
    """Orders with messages that the acting person has not read."""
    return [UnreadThread(**row._mapping) for row in unit.all("SELECT * FROM unread_threads()")]
