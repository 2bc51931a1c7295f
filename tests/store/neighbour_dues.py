"""What a neighbour is late with, gets back, and what holds its money."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tests.store.neighbour_rows import Somebody, add


def furnish_dues(connection: Connection, mark: str, owner: Somebody, buyer: int, invoice: int) -> None:
    """A letter, its line and mail, a hold, a day for a part, a claim, a refund, a dispute, holds, a file."""
    org, user = owner.org_id, owner.user_id
    day = {"due_on": "2026-11-30"}
    sums = {"open_cents": 10, "interest_cents": 1}
    add(connection, "instalment", "invoice_id", invoice_id=invoice, amount_cents=10, **day)
    add(connection, "dunning_hold", code=f"hold_{mark}", invoice_id=invoice, reason="r")
    letter = add(
        connection, "dunning_letter", code=f"dun_{mark}", org_id=buyer, level=1, language="fr", made_on="2026-12-06",
        recovery_cents=4_000, pdf=b"p", **sums,
    )  # fmt: skip
    about = {"invoice_id": invoice, "level": 1, "stops": False, **sums, **day}
    add(connection, "dunning_line", "letter_id", letter_id=letter, **about)
    add(connection, "dunning_mail", letter_id=letter, user_id=user)
    add(connection, "late_claim", code=f"clm_{mark}", invoice_id=invoice, until_on="2026-12-06", recovery=True)
    receipt = connection.execute(text("SELECT max(id) FROM receipt")).scalar_one()
    back = {"amount_cents": 5, "invoice_id": invoice, "credit_cents": 5, "reason": "r", "second": True}
    where = {"iban": "FR7630006000011234567890189", "holder": "Shop", "end_to_end_id": f"R{mark}"}
    add(connection, "refund", code=f"ref_{mark}", org_id=buyer, receipt_id=receipt, asked_by=user, **back, **where)
    payment = connection.execute(text("SELECT max(id) FROM payment")).scalar_one()
    said = {"reason": "fraudulent", "status": "lost", "amount_cents": 5, "opened_on": "2026-11-02"}
    add(connection, "dispute", payment_id=payment, reference=f"dp_{mark}", **said)
    seen = {"kind": "orders", "day": "2026-11-02", "seen": 9, "allowed": 8, "hours": 24}
    alert = add(connection, "velocity_alert", code=f"alert_{mark}", org_id=org, **seen)
    over = {"cleared_by": user, "released_at": None}
    add(connection, "payout_hold", code=f"phold_{mark}", org_id=org, reason="r", alert_id=alert, **over)
    add(connection, "sepa_file", "message_id", message_id=f"SEPA-{mark}", transfers=1, cents=5, content=b"x")
