"""Accrual per send, invoices, payments, webhook inbox."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
-- The micro-unit sub-ledger: one balanced line per billable send, written in the transaction of its outcome; a bounce
-- inside the freeze adds the reversing line. Σ of an order's lines is what its invoice says.
CREATE TABLE accrual (
  dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('send', 'bounce')),
  gross_micros bigint NOT NULL, owner_micros bigint NOT NULL, commission_micros bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (dispatch_id, mailing_id, position, kind),
  CHECK (gross_micros = owner_micros + commission_micros),
  CHECK ((kind = 'send') = (gross_micros > 0))
  -- No foreign key to send: rows are written from send itself in one statement, and the check of each one (which also
  -- locks and so rewrites the send) made accruing 4 to 100 times slower. The revenue report compares the two.
);
CREATE INDEX accrual_mailing ON accrual (mailing_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accrual FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- How a price is split is the owner's and the broker's to know; the advertiser knows what it pays. The two columns are
-- not granted to the front, which asks here: nothing comes back for whom it is not.
CREATE FUNCTION share_of_mailing(p_mailing bigint) RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint FROM accrual a
  JOIN mailing m ON m.id = a.mailing_id AND m.dispatch_id = a.dispatch_id
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;
CREATE FUNCTION share_of_send(p_mailing bigint, p_position integer)
RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.owner_micros, a.commission_micros FROM mailing m
  JOIN accrual a ON a.dispatch_id = m.dispatch_id AND a.mailing_id = m.id AND a.position = p_position
    AND a.kind = 'send'
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;

CREATE TABLE invoice_series (series text PRIMARY KEY, last integer NOT NULL DEFAULT 0);   -- continuous numbers

CREATE TABLE invoice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note')),
  type_code integer NOT NULL CHECK (type_code IN (380, 381, 386, 389)),
  seller_id bigint NOT NULL REFERENCES organisation,
  buyer_id bigint NOT NULL REFERENCES organisation,
  order_id bigint REFERENCES rental_order,
  mailing_id bigint REFERENCES mailing,
  corrects_id bigint REFERENCES invoice,        -- a credit note names what it corrects
  vat_bp integer NOT NULL,
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  issued_on date NOT NULL, due_on date NOT NULL,
  net_cents bigint NOT NULL, vat_cents bigint NOT NULL, total_cents bigint NOT NULL,
  deposit_cents bigint NOT NULL DEFAULT 0,      -- already paid by a deposit, deducted from what is due
  currency text NOT NULL DEFAULT 'EUR',
  pdf bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (total_cents = net_cents + vat_cents),
  CHECK (net_cents >= 0 AND vat_cents >= 0 AND deposit_cents BETWEEN 0 AND total_cents),
  CHECK ((kind = 'credit_note') = (corrects_id IS NOT NULL)),
  UNIQUE (mailing_id, kind)                     -- a mailing is billed once to each side
);
CREATE INDEX invoice_seller ON invoice (seller_id);
CREATE INDEX invoice_buyer ON invoice (buyer_id);
CREATE TABLE invoice_line (
  invoice_id bigint NOT NULL REFERENCES invoice,
  line smallint NOT NULL,
  mailing_id bigint REFERENCES mailing,
  label text NOT NULL,
  quantity bigint NOT NULL,
  amount_micros bigint NOT NULL,
  net_cents bigint NOT NULL,
  PRIMARY KEY (invoice_id, line)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoice_line FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE payment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  order_id bigint NOT NULL REFERENCES rental_order,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  gateway text NOT NULL,
  gateway_reference text UNIQUE,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'captured', 'failed', 'refunded')),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  captured_at timestamptz
);
CREATE INDEX payment_advertiser ON payment (advertiser_id);
CREATE UNIQUE INDEX payment_once ON payment (order_id) WHERE state IN ('pending', 'captured');

CREATE TABLE webhook_event (
  id text PRIMARY KEY,                      -- the gateway's own id: one event is treated once
  kind text NOT NULL,
  object_reference text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT app_now(),
  processed_at timestamptz
);

-- The gateway's request carries no log-in: it may only store an event (whose signature the handler has checked) and
-- have the payment that it names read again at the gateway.
CREATE FUNCTION receive_webhook(p_event text, p_kind text, p_reference text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_payment bigint;
BEGIN
  INSERT INTO webhook_event (id, kind, object_reference) VALUES (p_event, p_kind, p_reference) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT id INTO v_payment FROM payment WHERE gateway_reference = p_reference;
  IF v_payment IS NOT NULL THEN PERFORM jobs.enqueue('book_payment', v_payment); END IF;
  RETURN v_payment IS NOT NULL;
END $$;

-- The local stand-in of the payment gateway: its own objects, as the gateway would keep them, in demo databases only.
CREATE FUNCTION is_demo() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT demo FROM shared_clock $$;
CREATE TABLE fake_payment_intent (
  id text PRIMARY KEY,
  idempotency_key text NOT NULL UNIQUE,
  params jsonb NOT NULL,
  status text NOT NULL DEFAULT 'requires_payment_method'
    CHECK (status IN ('requires_payment_method', 'succeeded', 'canceled')),
  amount_received bigint NOT NULL DEFAULT 0
);
"""

PARTY = "seller_id = app_org() OR buyer_id = app_org() OR app_staff()"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    # Both parties see by way of the mailing's policy that a send counted and its price; the split is asked for.
    protect(
        "accrual",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = accrual.mailing_id)",
        web="SELECT (dispatch_id, mailing_id, position, kind, gross_micros, at)",
    )
    definer("share_of_mailing(bigint)", to="courtier_web, courtier_worker")
    definer("share_of_send(bigint, integer)", to="courtier_web, courtier_worker")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON accrual FROM courtier_worker")
    protect("invoice_series", using="false")
    protect("invoice", using=PARTY, web="SELECT")
    protect(
        "invoice_line",
        using="EXISTS (SELECT 1 FROM invoice i WHERE i.id = invoice_line.invoice_id)",
        web="SELECT",
    )
    protect(
        "payment",
        using="advertiser_id = app_org() OR app_staff()",
        check="advertiser_id = app_org() AND state = 'pending' AND EXISTS (SELECT 1 FROM rental_order o"
        " WHERE o.id = payment.order_id AND o.advertiser_id = app_org() AND o.state = 'approved'"
        " AND o.net_cents + o.vat_cents = payment.amount_cents)",
        web="SELECT, INSERT",
    )
    protect("webhook_event", using="false")
    definer("receive_webhook(text, text, text)", to="courtier_web, courtier_worker")
    definer("is_demo()", to="courtier_web, courtier_worker")
    protect("fake_payment_intent", using="is_demo()", web="SELECT, INSERT, UPDATE (status, amount_received)")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DROP TABLE fake_payment_intent, webhook_event, payment, invoice_line, invoice, invoice_series, accrual CASCADE"
    )
    op.execute(
        "DROP FUNCTION receive_webhook(text, text, text), is_demo(), share_of_mailing(bigint),"
        " share_of_send(bigint, integer)"
    )
