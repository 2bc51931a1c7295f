"""What the neighbours owe: books, invoices, money, banks, roles."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tests.store.neighbour_rows import Somebody, add


def furnish_books(connection: Connection, mark: str, org: int, buyer: int, order: int, mailing: int) -> int:
    """A payment, an invoice, and a ledger entry whose postings of the buyer are matched; the invoice's id."""
    add(
        connection,
        "payment",
        code=f"pay_{mark}",
        order_id=order,
        advertiser_id=buyer,
        gateway="fake",
        amount_cents=15_000,
    )
    add(connection, "fake_gateway_object", id=f"pi_{mark}", kind="payment_intent", body="{}")
    add(connection, "fake_gateway_call", "key", key=mark, request="{}")
    invoice: int = add(
        connection,
        "invoice",
        number=f"T-{mark}",
        kind="invoice",
        type_code=380,
        seller_id=org,
        buyer_id=buyer,
        order_id=order,
        vat_bp=2_000,
        issued_on="2026-11-01",
        due_on="2026-12-01",
        net_cents=100,
        vat_cents=20,
        total_cents=120,
        pdf=b"%PDF",
    )
    add(
        connection,
        "invoice_line",
        "line",
        invoice_id=invoice,
        line=1,
        mailing_id=mailing,
        label="Sends",
        quantity=1,
        amount_micros=25_000,
        net_cents=100,
    )
    connection.execute(text("INSERT INTO ledger_period (month) VALUES ('2026-11-01') ON CONFLICT DO NOTHING"))
    entry = add(
        connection,
        "ledger_entry",
        journal="VE",
        number=9_000_000_000_000,
        day="2026-11-01",
        piece_ref=mark,
        piece_day="2026-11-01",
        label="Sale",
        idempotency_key=mark,
    )
    add(connection, "ledger_posting", "line", entry_id=entry, line=1, account="411", org_id=buyer, debit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=2, account="706", credit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=3, account="411", org_id=buyer, credit_cents=100)
    add(connection, "ledger_posting", "line", entry_id=entry, line=4, account="512", debit_cents=100)
    match = add(connection, "ledger_match", account="411", org_id=buyer, matched_on="2026-11-01")
    for line in (1, 3):
        add(connection, "ledger_match_line", "line", match_id=match, entry_id=entry, line=line)
    return invoice


def furnish_money(connection: Connection, mark: str, owner: Somebody, invoice: int) -> None:
    """Money that came in and goes out, and a month that somebody wants closed."""
    org, user = owner.org_id, owner.user_id
    received = {"received_on": "2026-11-02", "amount_cents": 120, "reference": mark}
    receipt = add(connection, "receipt", code=f"rec_{mark}", **received)
    add(connection, "receipt_share", "receipt_id", receipt_id=receipt, invoice_id=invoice, amount_cents=120)
    where = {"holder": "Shop", "iban": "FR7630006000011234567890189", "proposed_by": user}
    account = add(connection, "bank_account", code=f"bank_{mark}", org_id=org, **where)
    much = {"amount_cents": 120, "end_to_end_id": mark, "proposed_by": user}
    payout = add(connection, "payout", code=f"pto_{mark}", owner_id=org, bank_account_id=account, **much)
    add(connection, "payout_line", "payout_id", payout_id=payout, invoice_id=invoice, amount_cents=120)
    add(connection, "ledger_close", month="2026-11-01", target="soft_closed", asked_by=user)
    add(connection, "ledger_reopening", code=f"reop_{mark}", month="2026-10-01", reason="r", asked_by=user)
    days = {"first_day": "2026-11-01", "last_day": "2026-11-30"}
    file = add(connection, "export_file", code=f"exp_{mark}", org_id=org, kind="revenue", format="csv", **days)
    add(connection, "export_part", "number", export_id=file, number=0, content=b"x")
    furnish_roles(connection, mark, owner, invoice)
    furnish_bank(connection, mark, receipt, org)


def furnish_bank(connection: Connection, mark: str, receipt: int, org: int) -> None:
    """A bank statement, what the gateway moved, a freeze that is over."""
    said = {"iban": "FR7630006000011234567890189", "reference": mark}
    days = {"starts_on": "2026-11-01", "ends_on": "2026-11-30"}
    statement = add(connection, "bank_statement", code=f"stmt_{mark}", source="camt", **said, **days)
    add(
        connection, "bank_line", code=f"line_{mark}", statement_id=statement, **said, booked_on="2026-11-02",
        amount_cents=120, kind="receipt", receipt_id=receipt,
    )  # fmt: skip
    ended = {"reason": "r", "ended_at": "2026-11-02"}
    add(connection, "org_freeze", code=f"frz_{mark}", org_id=org, **ended)
    payment = connection.execute(text("SELECT max(id) FROM payment")).scalar_one()
    moved = {"object_reference": mark, "amount_cents": -10, "fee_cents": 0, "moved_on": "2026-11-02"}
    add(connection, "gateway_movement", payment_id=payment, reference=mark, kind="refund", **moved)
    furnish_gateway(connection, mark, org)


def furnish_roles(connection: Connection, mark: str, owner: Somebody, invoice: int) -> None:
    """What was agreed about invoices, what a register said, what a platform took."""
    org = owner.org_id
    signed = {"reference": mark, "signatory": "S", "signed_on": "2026-01-01"}
    add(connection, "role_contract", code=f"role_{mark}", org_id=org, role="principal", **signed)
    add(connection, "invoicing_mandate", code=f"mand_{mark}", org_id=org, **signed)
    add(connection, "invoice_contest", code=f"cont_{mark}", org_id=org, invoice_id=invoice, reason="r")
    add(connection, "vat_answer", org_id=org, vat_number="FR1", valid=True, source="fake")
    sums = {"net_cents": 100, "vat_cents": 20, "total_cents": 120, "sha256": bytes(32)}
    document = add(
        connection,
        "platform_document",
        code=f"plat_{mark}",
        flow="sales",
        invoice_id=invoice,
        number=mark,
        issued_on="2026-11-01",
        **sums,
    )
    told = {"status": 200, "state": "deposited", "reference": mark, "at": "2026-11-02"}
    add(connection, "platform_status", document_id=document, **told)


def furnish_gateway(connection: Connection, mark: str, org: int) -> None:
    """What an organisation has at the gateway: as payer, as payee; the gateway's balance."""
    user = connection.execute(text("SELECT max(id) FROM app_user WHERE org_id = :org"), {"org": org}).scalar_one()
    add(connection, "gateway_customer", "org_id", org_id=org, reference=f"cus_{mark}")
    add(connection, "payment_rule", "org_id", org_id=org, methods=["card"], debit="wait")
    add(connection, "payment_means", code=f"means_{mark}", org_id=org, kind="card")
    account = add(connection, "connect_account", code=f"conn_{mark}", org_id=org, reference=f"acct_{mark}")
    asked = {"amount_cents": 50, "end_to_end_id": f"C{mark}", "proposed_by": user, "owner_id": org}
    paid = {"state": "paid", "approved_by": other_than(connection, user), "paid_on": "2026-11-02"}
    payout = add(connection, "payout", code=f"ptc_{mark}", connect_account_id=account, **asked, **paid)
    taken = {"payout_id": payout, "owner_id": org, "amount_cents": 10, "reason": "r", "proposed_by": user}
    reversal = add(connection, "transfer_reversal", code=f"rev_{mark}", **taken)
    invoice = connection.execute(text("SELECT max(id) FROM invoice")).scalar_one()
    add(
        connection, "transfer_reversal_line", "reversal_id", reversal_id=reversal, invoice_id=invoice,
        amount_cents=10, live=False,
    )  # fmt: skip
    line = {"kind": "charge", "amount_cents": 10, "fee_cents": 1, "currency": "EUR", "available": True}
    add(
        connection, "gateway_line", code=f"gwl_{mark}", reference=f"txn_{mark}", moved_on="2026-11-02",
        available_on="2026-11-02", **line,
    )  # fmt: skip
    add(connection, "gateway_reading", code=f"gwr_{mark}")
    add(connection, "gateway_payout", code=f"gpo_{mark}", amount_cents=10)
    add(connection, "payout_threshold", currency="EUR", since="2099-01-01", cents=1, set_by=user)


def other_than(connection: Connection, user: int) -> int:
    """Somebody else."""
    found = connection.execute(text("SELECT min(id) FROM app_user WHERE id <> :user"), {"user": user}).scalar_one()
    return int(found)
