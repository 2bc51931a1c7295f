"""Payments: bank statements, card money (fees, refunds, disputes), freezes of organisations."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

BANK = """
INSERT INTO ledger_account VALUES
  ('416', 'Clients douteux ou litigieux', 'Disputed receivables'),
  ('654', 'Pertes sur créances irrécouvrables', 'Losses on bad debts') ON CONFLICT DO NOTHING;
INSERT INTO jobs.kind VALUES ('book_bank_line', 'billing'), ('book_card_money', 'billing');

-- What the bank says of our account. A statement is read once (its own id); a line once (the bank's reference).
CREATE TABLE bank_statement (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  source text NOT NULL CHECK (source IN ('camt', 'csv')),
  iban text NOT NULL,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 140),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  opening_cents bigint,                     -- a CSV says neither
  closing_cents bigint,
  imported_by bigint REFERENCES app_user,
  imported_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (iban, reference),
  CHECK (ends_on >= starts_on)
);
CREATE TABLE bank_line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  statement_id bigint NOT NULL REFERENCES bank_statement,
  iban text NOT NULL,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 140),
  booked_on date NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents <> 0),   -- what came in; negative: what went out
  counterparty text NOT NULL DEFAULT '', counterparty_iban text NOT NULL DEFAULT '',
  about text NOT NULL DEFAULT '', end_to_end_id text NOT NULL DEFAULT '',
  -- receipt: its money is a receipt; payout: payouts of ours that left; gateway: what the gateway pays out, in the
  -- books since each capture; fee: the bank's charge; suspense: nobody knows yet
  kind text NOT NULL CHECK (kind IN ('receipt', 'payout', 'gateway', 'fee', 'suspense')),
  hint text NOT NULL DEFAULT '',            -- the code of what it may be
  receipt_id bigint REFERENCES receipt,
  booked_at timestamptz,
  explained_account text REFERENCES ledger_account,   -- where what waited in suspense belongs
  explained_org bigint REFERENCES organisation,
  explained_cents bigint,
  explained_by bigint REFERENCES app_user,
  explained_at timestamptz,
  UNIQUE (iban, reference),
  CHECK ((kind = 'receipt') = (receipt_id IS NOT NULL))
);
CREATE INDEX bank_line_statement ON bank_line (statement_id);
CREATE INDEX bank_line_day ON bank_line (booked_on);
CREATE UNIQUE INDEX bank_line_receipt ON bank_line (receipt_id);
CREATE FUNCTION keep_bank_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (NEW.code, NEW.statement_id, NEW.iban, NEW.reference, NEW.booked_on, NEW.amount_cents,
      NEW.kind, NEW.receipt_id) IS DISTINCT FROM (OLD.code, OLD.statement_id, OLD.iban, OLD.reference, OLD.booked_on,
      OLD.amount_cents, OLD.kind, OLD.receipt_id) OR OLD.explained_account IS NOT NULL AND
      (NEW.explained_account, NEW.explained_org, NEW.explained_cents) IS DISTINCT FROM
      (OLD.explained_account, OLD.explained_org, OLD.explained_cents) THEN
    RAISE EXCEPTION 'what the bank said never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_bank_line BEFORE UPDATE OR DELETE ON bank_line FOR EACH ROW EXECUTE FUNCTION keep_bank_line();
ALTER TABLE payout ADD COLUMN file text, ADD COLUMN bank_line_id bigint REFERENCES bank_line;
"""

CARDS = """
-- What the gateway moved on its balance for a payment of ours, by the gateway's own id: booked once.
CREATE TABLE gateway_movement (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  payment_id bigint NOT NULL REFERENCES payment,
  reference text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_won',
    'dispute_lost')),
  object_reference text NOT NULL,           -- the refund or dispute it belongs to
  amount_cents bigint NOT NULL,             -- what came in; negative: what was taken
  fee_cents bigint NOT NULL,                -- what the gateway kept; negative: given back
  moved_on date NOT NULL,
  booked_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX gateway_movement_payment ON gateway_movement (payment_id);

-- What the fake gateway moved, as it would keep it: in demo databases only.
CREATE TABLE fake_gateway_movement (
  id text PRIMARY KEY,
  intent_id text NOT NULL REFERENCES fake_payment_intent,
  kind text NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_won',
    'dispute_lost')),
  object_id text NOT NULL,
  amount_cents bigint NOT NULL,
  fee_cents bigint NOT NULL DEFAULT 0,
  at timestamptz NOT NULL DEFAULT app_now()
);

CREATE OR REPLACE FUNCTION receive_webhook(p_event text, p_kind text, p_reference text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_payment payment;
BEGIN
  INSERT INTO webhook_event (id, kind, object_reference) VALUES (p_event, p_kind, p_reference) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT * INTO v_payment FROM payment WHERE gateway_reference = p_reference;
  IF v_payment.id IS NULL THEN RETURN false; END IF;
  PERFORM jobs.enqueue(CASE v_payment.state WHEN 'captured' THEN 'book_card_money' ELSE 'book_payment' END,
                       v_payment.id);
  RETURN true;
END $$;
"""

FORMER_WEBHOOK = """
CREATE OR REPLACE FUNCTION receive_webhook(p_event text, p_kind text, p_reference text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_payment bigint;
BEGIN
  INSERT INTO webhook_event (id, kind, object_reference) VALUES (p_event, p_kind, p_reference) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT id INTO v_payment FROM payment WHERE gateway_reference = p_reference;
  IF v_payment IS NOT NULL THEN PERFORM jobs.enqueue('book_payment', v_payment); END IF;
  RETURN v_payment IS NOT NULL;
END $$;
"""

FREEZES = """
-- A suspicion stops an organisation: it is neither paid nor can it book, until staff ends the freeze.
CREATE TABLE org_freeze (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  frozen_by bigint REFERENCES app_user,
  frozen_at timestamptz NOT NULL DEFAULT app_now(),
  ended_by bigint REFERENCES app_user,
  ended_at timestamptz,
  CONSTRAINT org_freeze_four_eyes CHECK (ended_by <> frozen_by)
);
CREATE UNIQUE INDEX org_freeze_standing ON org_freeze (org_id) WHERE ended_at IS NULL;

CREATE FUNCTION is_frozen(p_org bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM org_freeze WHERE org_id = p_org AND ended_at IS NULL) $$;

CREATE FUNCTION refuse_frozen() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'payout' THEN
    IF NEW.state IN ('proposed', 'approved', 'exported') AND is_frozen(NEW.owner_id) THEN
      RAISE EXCEPTION 'the organisation is frozen: it is not paid'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'org_frozen';
    END IF;
  ELSIF is_frozen(NEW.advertiser_id) OR is_frozen(NEW.owner_id) THEN
    RAISE EXCEPTION 'the organisation is frozen: it does not book'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'org_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_frozen BEFORE INSERT OR UPDATE OF state ON payout FOR EACH ROW EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen_new BEFORE INSERT ON rental_order FOR EACH ROW EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen BEFORE UPDATE OF state ON rental_order FOR EACH ROW
  WHEN (NEW.state IN ('ordered', 'approved', 'on_credit') AND OLD.state IS DISTINCT FROM NEW.state)
  EXECUTE FUNCTION refuse_frozen();
"""

TABLES = ("org_freeze", "fake_gateway_movement", "gateway_movement")


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (BANK, CARDS, FREEZES):
        op.execute(part)
    protect(
        "bank_statement",
        using="app_staff()",
        web="SELECT, INSERT (code, source, iban, reference, starts_on, ends_on, opening_cents, closing_cents,"
        " imported_by)",
    )
    protect(
        "bank_line",
        using="app_staff()",
        web="SELECT, INSERT (code, statement_id, iban, reference, booked_on, amount_cents, counterparty,"
        " counterparty_iban, about, end_to_end_id, kind, hint, receipt_id),"
        " UPDATE (explained_account, explained_org, explained_cents, explained_by)",
    )
    op.execute("GRANT UPDATE (file, bank_line_id) ON payout TO courtier_web")
    protect("gateway_movement", using="app_staff()", web="SELECT")
    protect("fake_gateway_movement", using="is_demo()", web="SELECT, INSERT")
    protect(
        "org_freeze",
        using="app_staff()",
        web="SELECT, INSERT (code, org_id, reason, frozen_by), UPDATE (ended_by, ended_at)",
    )
    definer("is_frozen(bigint)", to="courtier_web, courtier_worker")
    definer("refuse_frozen()", to="courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FORMER_WEBHOOK)
    op.execute("DROP TRIGGER refuse_frozen ON payout")
    op.execute("DROP TRIGGER refuse_frozen ON rental_order")
    op.execute("DROP TRIGGER refuse_frozen_new ON rental_order")
    op.execute("ALTER TABLE payout DROP COLUMN bank_line_id, DROP COLUMN file")
    op.execute(f"DROP TABLE {', '.join(TABLES)}, bank_line, bank_statement CASCADE")
    op.execute("DROP FUNCTION refuse_frozen(), is_frozen(bigint), keep_bank_line()")
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('book_bank_line', 'book_card_money')")
    op.execute("DELETE FROM ledger_account WHERE number IN ('416', '654')")
    op.execute("RESET ROLE")
