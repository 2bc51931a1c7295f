"""Payout thresholds by currency and day; what an owner's account at the gateway holds; claims of returned debits."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

THRESHOLD = """
-- Owed less than this, an owner is paid on the due date and not before. The last one entered for the newest day that
-- has come holds; before the first one payment.threshold_cents does. What was in force stays readable.
CREATE TABLE payout_threshold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  since date NOT NULL,
  cents bigint NOT NULL CHECK (cents BETWEEN 0 AND 100000000),
  set_by bigint REFERENCES app_user,
  set_at timestamptz NOT NULL DEFAULT app_now(),
  CONSTRAINT threshold_not_backwards CHECK (since >= CAST(set_at AT TIME ZONE 'Europe/Paris' AS date))
);
CREATE INDEX payout_threshold_since ON payout_threshold (currency, since, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payout_threshold FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What stands on an owner's account at the gateway, in cents of EUR: below zero after a reversal of money that the
-- gateway has paid on already. Null: never read, or not told.
ALTER TABLE connect_account ADD COLUMN available_cents bigint, ADD COLUMN pending_cents bigint,
  ADD COLUMN balance_at timestamptz, ADD CONSTRAINT connect_balance CHECK ((available_cents IS NULL) =
    (pending_cents IS NULL) AND (available_cents IS NULL) = (balance_at IS NULL));
"""

CLAIM = """
-- What a debit that a bank took back after it had succeeded left to be paid, by document: the deposit invoice that it
-- paid, the documents that its receipt paid, or those that a mandator's funds paid. `again_on` is the day on which the
-- order was paid anew; `under_way`: a new payment is being made.
CREATE FUNCTION returned_claim(p_invoice bigint) RETURNS TABLE (returned_on date, cents bigint, again_on date,
  under_way boolean) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH back AS (
    SELECT i.id, i.kind, i.role, i.deposit_cents, i.order_id, p.id AS payment_id, p.gateway_reference, m.moved_on,
      -m.amount_cents AS taken
    FROM invoice i JOIN payment p ON p.order_id = i.order_id AND p.state = 'returned'
    JOIN gateway_movement m ON m.payment_id = p.id AND m.kind = 'returned'
    WHERE i.id = p_invoice AND i.kind IN ('deposit', 'invoice', 'owner_invoice', 'fee')
    ORDER BY p.id DESC, m.id DESC LIMIT 1
  ), owed AS (
    SELECT b.*, CASE
      WHEN EXISTS (SELECT 1 FROM receipt r WHERE r.reference = b.gateway_reference)
        THEN coalesce((SELECT s.amount_cents FROM receipt r JOIN receipt_share s ON s.receipt_id = r.id
                       WHERE r.reference = b.gateway_reference AND s.invoice_id = b.id), 0)
      WHEN b.kind = 'deposit'  -- less what credit notes owe back of it and was not given back
        THEN greatest(0, b.taken - greatest(0,
          coalesce((SELECT sum(c.total_cents) FROM invoice c WHERE c.corrects_id = b.id AND c.kind = 'credit_note'), 0)
          - coalesce((SELECT sum(f.amount_cents) FROM refund f JOIN payment q ON q.id = f.payment_id
                      WHERE q.order_id = b.order_id AND f.state NOT IN ('failed', 'cancelled')), 0)))
      WHEN b.role = 'agent_of_advertiser' AND b.kind <> 'invoice' THEN b.deposit_cents
      ELSE 0 END::bigint AS claim
    FROM back b
  )
  SELECT o.moved_on, o.claim,
    (SELECT min(CAST(q.captured_at AT TIME ZONE 'Europe/Paris' AS date)) FROM payment q
     WHERE q.order_id = o.order_id AND q.id > o.payment_id AND q.state = 'captured'),
    EXISTS (SELECT 1 FROM payment q WHERE q.order_id = o.order_id AND q.id > o.payment_id
            AND (q.state = 'processing' OR q.state = 'pending' AND q.debit_on IS NOT NULL))
  FROM owed o WHERE o.claim > 0
$$;

-- What is open of such claims of an order, less what transfers paid of them.
CREATE FUNCTION returned_open(p_order bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(greatest(0, CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents
      - coalesce((SELECT sum(n.set_off_cents) FROM invoice n WHERE n.corrects_id = i.id), 0) END
    + c.cents - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0))), 0)::bigint
  FROM invoice i CROSS JOIN LATERAL returned_claim(i.id) c
  WHERE i.order_id = p_order AND c.again_on IS NULL
    AND (app_staff() OR app_role() = 'system' OR app_org() IN (i.seller_id, i.buyer_id) OR EXISTS (
      SELECT 1 FROM rental_order o WHERE o.id = p_order AND app_org() IN (o.advertiser_id, o.owner_id)))
$$;
"""

# What of an invoice had to be paid before a day and is not; nothing while it is held.
LATE = """
CREATE OR REPLACE FUNCTION late_cents(p_invoice bigint, p_day date) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT 1 FROM dunning_hold h WHERE h.invoice_id = i.id AND h.ended_at IS NULL
                           AND coalesce(h.until_on, 'infinity') >= p_day) THEN 0
    ELSE greatest(0, CASE WHEN EXISTS (SELECT 1 FROM instalment n WHERE n.invoice_id = i.id)
        THEN coalesce((SELECT sum(n.amount_cents) FROM instalment n WHERE n.invoice_id = i.id AND n.due_on < p_day), 0)
        WHEN {own}i.due_on < p_day THEN i.total_cents - i.deposit_cents ELSE 0 END
      {claim}- coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)
      - coalesce((SELECT sum(c.set_off_cents) FROM invoice c WHERE c.corrects_id = i.id), 0)) END::bigint
  FROM invoice i WHERE i.id = p_invoice
$$;
"""
# Days agreed before the debit came back do not hold what it left; days agreed afterwards do.
LATE_CLAIM = """+ coalesce((SELECT c.cents FROM returned_claim(i.id) c WHERE c.returned_on < p_day
          AND c.again_on IS NULL AND coalesce((SELECT sum(n.amount_cents) FROM instalment n WHERE n.invoice_id = i.id),
            0) <= CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents END), 0)
      """

OWED = """
-- What an owner is paid for and no live payout or reversal holds: self-bills less their corrections; as agent, the
-- owner's invoices less our fee on them. `free`: nothing has to be paid to us first; `contested` ones wait.
CREATE FUNCTION owner_documents() RETURNS TABLE (owner_id bigint, id bigint, number text, kind text, due_on date,
  total_cents bigint, free boolean, contested boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
WITH bill AS (
  SELECT i.seller_id AS owner_id, i.id, i.number, i.kind, i.corrects_id, i.due_on,
    CASE i.kind WHEN 'owner_credit' THEN -i.total_cents ELSE i.total_cents END
    - CASE WHEN i.role = 'agent_of_owner' THEN coalesce((SELECT f.total_cents FROM invoice f WHERE f.id = fee_on(i.id)),
        0) ELSE 0 END AS total_cents,
    i.kind <> 'owner_invoice'
      OR NOT EXISTS (SELECT 1 FROM role_contract c WHERE c.pay_when_paid AND c.role = i.role
           AND c.org_id = CASE i.role WHEN 'agent_of_owner' THEN i.seller_id ELSE i.buyer_id END
           AND i.issued_on BETWEEN c.signed_on AND coalesce(c.ends_on, 'infinity'))
      OR i.deposit_cents + coalesce((SELECT sum(s.amount_cents) FROM receipt_share s
           WHERE s.invoice_id = i.id AND s.booked_at IS NOT NULL), 0)
         + coalesce((SELECT sum(c.set_off_cents) FROM invoice c WHERE c.corrects_id = i.id), 0) >= i.total_cents
        -- a debit that was taken back has paid nothing, until the payer pays again
        AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = i.order_id AND p.state = 'returned'
          AND NOT EXISTS (SELECT 1 FROM payment q WHERE q.order_id = p.order_id AND q.id > p.id
                          AND q.state = 'captured') AND (returned_open(p.order_id) > 0 OR NOT EXISTS (
            SELECT 1 FROM invoice d CROSS JOIN LATERAL returned_claim(d.id) c WHERE d.order_id = p.order_id))) AS free
  FROM invoice i WHERE i.kind IN ('self_bill', 'owner_credit', 'owner_invoice') AND i.total_cents > 0
    AND (app_staff() OR app_role() = 'system' OR i.seller_id = app_org())
), bills AS (
  SELECT * FROM bill
  UNION ALL  -- as agent: what the owner credited, and what we gave back of our fee on it; with the bill they correct
  SELECT b.owner_id, c.id, c.number, c.kind, c.corrects_id, c.due_on, -c.total_cents, b.free
  FROM bill b JOIN invoice c ON c.corrects_id = b.id AND c.kind = 'credit_note' WHERE b.kind = 'owner_invoice'
  UNION ALL
  SELECT b.owner_id, c.id, c.number, c.kind, b.id, c.due_on, c.total_cents, b.free
  FROM bill b JOIN invoice f ON f.id = fee_on(b.id) AND f.role = 'agent_of_owner'
  JOIN invoice c ON c.corrects_id = f.id AND c.kind = 'credit_note' WHERE b.kind = 'owner_invoice'
)
SELECT i.owner_id, i.id, i.number, i.kind, i.due_on, i.total_cents, i.free, EXISTS (SELECT 1 FROM invoice_contest c
  WHERE c.invoice_id IN (i.id, i.corrects_id) AND c.state IN ('open', 'prepared', 'signed'))
FROM bills i
WHERE i.total_cents <> 0
  AND NOT EXISTS (SELECT 1 FROM payout_line l WHERE l.invoice_id = i.id AND l.live)
  AND NOT EXISTS (SELECT 1 FROM transfer_reversal_line l WHERE l.invoice_id = i.id AND l.live)
$$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for text in (THRESHOLD, CLAIM, LATE.format(own="i.kind <> 'deposit' AND ", claim=LATE_CLAIM), OWED):
        op.execute(text)
    protect(
        "payout_threshold",
        using="true",
        check="app_staff()",
        web="SELECT, INSERT (currency, since, cents, set_by)",
    )
    for name in ("returned_claim(bigint)", "returned_open(bigint)", "owner_documents()"):
        definer(name, to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(LATE.format(own="", claim=""))
    op.execute("DROP FUNCTION owner_documents(), returned_open(bigint), returned_claim(bigint)")
    op.execute(
        "ALTER TABLE connect_account DROP CONSTRAINT connect_balance, DROP COLUMN available_cents,"
        " DROP COLUMN pending_cents, DROP COLUMN balance_at"
    )
    op.execute("DROP TABLE payout_threshold")
    op.execute("RESET ROLE")
