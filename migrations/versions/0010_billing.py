"""Accrual per send, invoices, payments, webhook inbox."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

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
  CHECK ((kind = 'send') = (gross_micros > 0)),
  FOREIGN KEY (dispatch_id, mailing_id, position) REFERENCES send
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accrual FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE invoice_series (series text PRIMARY KEY, last integer NOT NULL DEFAULT 0);   -- continuous numbers

CREATE TABLE invoice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note')),
  type_code integer NOT NULL CHECK (type_code IN (380, 381, 386, 389)),
  seller_id bigint NOT NULL REFERENCES organisation,
  buyer_id bigint NOT NULL REFERENCES organisation,
  order_id bigint REFERENCES rental_order,
  issued_on date NOT NULL, due_on date NOT NULL,
  net_cents bigint NOT NULL, vat_cents bigint NOT NULL, total_cents bigint NOT NULL,
  deposit_cents bigint NOT NULL DEFAULT 0,      -- already paid by a deposit, deducted from what is due
  currency text NOT NULL DEFAULT 'EUR',
  pdf bytea,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (total_cents = net_cents + vat_cents)
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
CREATE TRIGGER append_only BEFORE DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION refuse_change();
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

CREATE TABLE webhook_event (
  id text PRIMARY KEY,                      -- the gateway's own id: one event is treated once
  kind text NOT NULL,
  object_reference text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT app_now(),
  processed_at timestamptz
);
"""

PARTY = "seller_id = app_org() OR buyer_id = app_org() OR app_staff()"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    # An advertiser sees what it pays, an owner what it earns: both by way of the mailing's policy, split by verbs.
    protect("accrual", using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = accrual.mailing_id)", web="SELECT")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON accrual FROM courtier_worker")
    protect("invoice_series", using="false")
    protect("invoice", using=PARTY, web="SELECT")
    protect(
        "invoice_line",
        using="EXISTS (SELECT 1 FROM invoice i WHERE i.id = invoice_line.invoice_id)",
        web="SELECT",
    )
    protect("payment", using="advertiser_id = app_org() OR app_staff()", web="SELECT, INSERT")
    protect("webhook_event", using="true", web="INSERT")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TABLE webhook_event, payment, invoice_line, invoice, invoice_series, accrual CASCADE")
