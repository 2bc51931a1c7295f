"""Overdue invoices and their letters, late interest, refunds, holds on payouts, returned payouts."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

ACCOUNTS = """
INSERT INTO ledger_account VALUES
  ('709', 'Rabais, remises et ristournes accordés', 'Reductions granted'),
  ('7588', 'Indemnités forfaitaires de recouvrement', 'Fixed compensation for recovery costs'),
  ('7631', 'Intérêts de retard sur créances commerciales', 'Late interest on trade receivables')
  ON CONFLICT DO NOTHING;
INSERT INTO jobs.kind VALUES ('post_dunning', 'billing'), ('send_refund', 'billing'), ('book_refund', 'billing'),
  ('book_payout_return', 'billing'), ('run_dunning', 'billing'), ('issue_claim', 'billing');
"""

INVOICES = """
-- What an invoice says of late payment when it is issued; those before this step say three times the legal rate.
-- set_off: how much of a credit note lowers what is open of the invoice it corrects, and the waiting VAT (44574) in it.
-- claim: late interest and the fixed compensation, outside VAT, for the invoice `about_id`.
ALTER TABLE invoice DROP CONSTRAINT invoice_kind_check, DROP CONSTRAINT invoice_type_code_check;
ALTER TABLE invoice
  ADD COLUMN late_rate text NOT NULL DEFAULT 'legal' CHECK (late_rate IN ('ecb', 'legal', 'contract')),
  ADD COLUMN late_bp integer CHECK (late_bp BETWEEN 0 AND 10000),
  ADD COLUMN set_off_cents bigint NOT NULL DEFAULT 0,
  ADD COLUMN set_off_vat_cents bigint NOT NULL DEFAULT 0,
  ADD COLUMN about_id bigint REFERENCES invoice,
  ADD CONSTRAINT invoice_late_bp CHECK ((late_rate = 'contract') = (late_bp IS NOT NULL)),
  ADD CONSTRAINT invoice_set_off CHECK (set_off_cents BETWEEN 0 AND total_cents AND set_off_vat_cents BETWEEN 0 AND
    set_off_cents AND (kind = 'credit_note' OR set_off_cents = 0)),
  ADD CONSTRAINT invoice_about CHECK ((kind = 'claim') = (about_id IS NOT NULL)),
  ADD CONSTRAINT invoice_kind_check CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note', 'owner_invoice',
    'fee', 'owner_credit', 'claim')),
  ADD CONSTRAINT invoice_type_code_check CHECK (type_code IN (261, 380, 381, 383, 386, 389));
CREATE INDEX invoice_corrects ON invoice (corrects_id) WHERE corrects_id IS NOT NULL;
CREATE INDEX invoice_about ON invoice (about_id) WHERE about_id IS NOT NULL;

-- Rates by the day they began. ecb: the main refinancing rate; legal: the legal rate for claims of companies.
CREATE TABLE reference_rate (
  kind text NOT NULL CHECK (kind IN ('ecb', 'legal')),
  since date NOT NULL CHECK (extract(day FROM since) = 1 AND extract(month FROM since) IN (1, 7)),
  bp integer NOT NULL CHECK (bp BETWEEN 0 AND 10000),
  set_by bigint REFERENCES app_user,
  set_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (kind, since)
);
INSERT INTO reference_rate (kind, since, bp) VALUES
  ('ecb', '2022-01-01', 0), ('ecb', '2022-07-01', 0), ('ecb', '2023-01-01', 250), ('ecb', '2023-07-01', 400),
  ('ecb', '2024-01-01', 450), ('ecb', '2024-07-01', 425), ('ecb', '2025-01-01', 315), ('ecb', '2025-07-01', 215),
  ('ecb', '2026-01-01', 215),
  ('legal', '2022-01-01', 76), ('legal', '2022-07-01', 77), ('legal', '2023-01-01', 206), ('legal', '2023-07-01', 422),
  ('legal', '2024-01-01', 507), ('legal', '2024-07-01', 492), ('legal', '2025-01-01', 371),
  ('legal', '2025-07-01', 276), ('legal', '2026-01-01', 262);
"""

DUNNING = """
-- Days agreed for parts of an invoice, in place of its own due date.
CREATE TABLE instalment (
  invoice_id bigint NOT NULL REFERENCES invoice,
  due_on date NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  agreed_by bigint REFERENCES app_user,
  agreed_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (invoice_id, due_on)
);
-- While one stands, nobody writes about the invoice and it stops no order.
CREATE TABLE dunning_hold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  invoice_id bigint NOT NULL REFERENCES invoice,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  until_on date,
  held_by bigint REFERENCES app_user,
  held_at timestamptz NOT NULL DEFAULT app_now(),
  ended_by bigint REFERENCES app_user,
  ended_at timestamptz
);
CREATE UNIQUE INDEX dunning_hold_standing ON dunning_hold (invoice_id) WHERE ended_at IS NULL;
CREATE TABLE dunning_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,       -- the customer
  level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
  language text NOT NULL CHECK (language IN ('fr', 'en')),
  made_on date NOT NULL,
  open_cents bigint NOT NULL CHECK (open_cents > 0),
  interest_cents bigint NOT NULL, recovery_cents bigint NOT NULL,
  pdf bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX dunning_letter_org ON dunning_letter (org_id);
CREATE TABLE dunning_line (
  letter_id bigint NOT NULL REFERENCES dunning_letter,
  invoice_id bigint NOT NULL REFERENCES invoice,
  due_on date NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
  open_cents bigint NOT NULL CHECK (open_cents > 0),
  interest_cents bigint NOT NULL,
  stops boolean NOT NULL,                   -- whether this level stops the customer's new orders
  PRIMARY KEY (letter_id, invoice_id),
  UNIQUE (invoice_id, due_on, level)        -- each step once
);
-- The letter's mail to one person of the customer.
CREATE TABLE dunning_mail (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  letter_id bigint NOT NULL REFERENCES dunning_letter,
  user_id bigint NOT NULL REFERENCES app_user,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'attempting', 'sent', 'refused', 'uncertain')),
  tries smallint NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT app_now(),
  ended_at timestamptz,
  UNIQUE (letter_id, user_id)
);
-- A person claims late interest up to a day, and the compensation once; a worker issues the document.
CREATE TABLE late_claim (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  invoice_id bigint NOT NULL REFERENCES invoice,
  until_on date NOT NULL,
  recovery boolean NOT NULL,                -- whether the fixed compensation is claimed with it
  claimed_by bigint REFERENCES app_user,
  claimed_at timestamptz NOT NULL DEFAULT app_now(),
  document_id bigint REFERENCES invoice,
  done_at timestamptz,                      -- without a document: nothing was left to be claimed
  UNIQUE (invoice_id, until_on)
);
CREATE UNIQUE INDEX late_claim_recovery ON late_claim (invoice_id) WHERE recovery;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON dunning_letter FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON dunning_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON instalment FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What of an invoice had to be paid before a day and is not; nothing while it is held.
CREATE FUNCTION late_cents(p_invoice bigint, p_day date) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT 1 FROM dunning_hold h WHERE h.invoice_id = i.id AND h.ended_at IS NULL
                           AND coalesce(h.until_on, 'infinity') >= p_day) THEN 0
    ELSE greatest(0, CASE WHEN EXISTS (SELECT 1 FROM instalment n WHERE n.invoice_id = i.id)
        THEN coalesce((SELECT sum(n.amount_cents) FROM instalment n WHERE n.invoice_id = i.id AND n.due_on < p_day), 0)
        WHEN i.due_on < p_day THEN i.total_cents - i.deposit_cents ELSE 0 END
      - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)
      - coalesce((SELECT sum(c.set_off_cents) FROM invoice c WHERE c.corrects_id = i.id), 0)) END::bigint
  FROM invoice i WHERE i.id = p_invoice
$$;
CREATE FUNCTION is_dunned(p_org bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM dunning_line l JOIN invoice i ON i.id = l.invoice_id WHERE l.stops
    AND i.buyer_id = p_org AND late_cents(i.id, CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date)) > 0)
$$;
CREATE FUNCTION refuse_dunned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF is_dunned(NEW.advertiser_id) THEN
    RAISE EXCEPTION 'an overdue invoice stops new orders'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'overdue_stop';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_dunned BEFORE UPDATE OF state ON rental_order FOR EACH ROW
  WHEN (NEW.state IN ('ordered', 'on_credit') AND OLD.state IS DISTINCT FROM NEW.state)
  EXECUTE FUNCTION refuse_dunned();
CREATE TRIGGER refuse_dunned BEFORE INSERT ON programme FOR EACH ROW EXECUTE FUNCTION refuse_dunned();
"""

FORMER_DUNNING = """
DROP TRIGGER refuse_dunned ON rental_order;
DROP TRIGGER refuse_dunned ON programme;
DROP FUNCTION refuse_dunned(), is_dunned(bigint), late_cents(bigint, date);
"""

REFUNDS = """
-- Money given back: to a card through the gateway, or by transfer from our account. A person asks for it; beyond a
-- setting (`second`) another one approves it.
CREATE TABLE refund (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,                -- also the gateway's idempotency key
  org_id bigint NOT NULL REFERENCES organisation,
  payment_id bigint REFERENCES payment,
  receipt_id bigint REFERENCES receipt,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  invoice_id bigint REFERENCES invoice,     -- what a credit note corrects, for so much of the amount:
  credit_cents bigint NOT NULL DEFAULT 0 CHECK (credit_cents BETWEEN 0 AND amount_cents),
  credit_id bigint REFERENCES invoice,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  holder text, iban text CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'),
  end_to_end_id text UNIQUE,
  -- sending: the gateway is being asked; sent: it took it, or the bank's file holds it
  state text NOT NULL DEFAULT 'asked'
    CHECK (state IN ('asked', 'approved', 'sending', 'sent', 'confirmed', 'paid', 'failed', 'cancelled')),
  second boolean NOT NULL,
  gateway_reference text UNIQUE,
  problem text NOT NULL DEFAULT '',
  asked_by bigint NOT NULL REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  approved_by bigint REFERENCES app_user,
  approved_at timestamptz,
  sent_at timestamptz,
  paid_on date,
  file text,
  bank_line_id bigint REFERENCES bank_line,
  returned_on date,                         -- a transfer that the bank sent back
  return_line_id bigint REFERENCES bank_line,
  CHECK ((payment_id IS NULL) <> (receipt_id IS NULL)),
  CHECK ((receipt_id IS NULL) = (iban IS NULL)),
  CHECK ((credit_cents > 0) = (invoice_id IS NOT NULL)),
  CONSTRAINT refund_four_eyes CHECK (NOT second OR approved_by <> asked_by),
  CHECK (state IN ('asked', 'cancelled', 'failed') OR approved_by IS NOT NULL),
  CHECK (state NOT IN ('confirmed', 'paid') OR paid_on IS NOT NULL)
);
CREATE INDEX refund_payment ON refund (payment_id);
CREATE INDEX refund_receipt ON refund (receipt_id);

-- What of a captured payment can still be given back: less what was refunded, is about to be, or is contested.
CREATE FUNCTION payment_left(p_payment bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT (CASE WHEN p.state = 'captured' THEN p.amount_cents ELSE 0 END
    + coalesce((SELECT sum(m.amount_cents) FROM gateway_movement m WHERE m.payment_id = p.id
                AND m.kind IN ('refund', 'refund_failed', 'dispute', 'dispute_won', 'returned')), 0)
    - coalesce((SELECT sum(r.amount_cents) FROM refund r WHERE r.payment_id = p.id
                AND r.state NOT IN ('failed', 'cancelled')
                AND NOT EXISTS (SELECT 1 FROM gateway_movement m WHERE m.kind = 'refund'
                                AND m.object_reference = r.gateway_reference)), 0))::bigint
  FROM payment p WHERE p.id = p_payment AND (app_staff() OR app_role() = 'system')
$$;
-- What of a transfer waits in suspense.
CREATE FUNCTION receipt_left(p_receipt bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT (r.amount_cents
    - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.receipt_id = r.id), 0)
    - coalesce((SELECT l.explained_cents FROM bank_line l WHERE l.receipt_id = r.id), 0)
    - coalesce((SELECT sum(f.amount_cents - f.credit_cents) FROM refund f WHERE f.receipt_id = r.id
                AND f.state NOT IN ('failed', 'cancelled')), 0))::bigint
  FROM receipt r WHERE r.id = p_receipt AND (app_staff() OR app_role() = 'system')
$$;
CREATE FUNCTION keep_refund() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF is_frozen(NEW.org_id) AND NEW.state IN ('asked', 'approved', 'sending') THEN
    RAISE EXCEPTION 'the organisation is frozen: it is not paid'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'org_frozen';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF app_role() <> 'system' THEN
      NEW.state := 'asked'; NEW.asked_by := app_user(); NEW.asked_at := app_now();
      NEW.approved_by := NULL; NEW.approved_at := NULL;
    END IF;
    -- One refund of a payment at a time: two at once must not together exceed it.
    IF NEW.payment_id IS NOT NULL THEN
      PERFORM 1 FROM payment WHERE id = NEW.payment_id FOR UPDATE;
      IF NEW.amount_cents > coalesce(payment_left(NEW.payment_id), 0) THEN
        RAISE EXCEPTION 'more than is left of the payment'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_exceeds';
      END IF;
    ELSE
      PERFORM pg_advisory_xact_lock(7203811, CAST(NEW.receipt_id AS integer));
      IF NEW.amount_cents - NEW.credit_cents > coalesce(receipt_left(NEW.receipt_id), 0) THEN
        RAISE EXCEPTION 'more than is left of the transfer'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_exceeds';
      END IF;
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.code, NEW.org_id, NEW.payment_id, NEW.receipt_id, NEW.amount_cents, NEW.invoice_id, NEW.credit_cents,
      NEW.iban, NEW.holder, NEW.second, NEW.asked_by, NEW.end_to_end_id) IS DISTINCT FROM
     (OLD.code, OLD.org_id, OLD.payment_id, OLD.receipt_id, OLD.amount_cents, OLD.invoice_id, OLD.credit_cents,
      OLD.iban, OLD.holder, OLD.second, OLD.asked_by, OLD.end_to_end_id) THEN
    RAISE EXCEPTION 'a refund never changes: cancel it and ask for another' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('asked', 'approved'), ('asked', 'cancelled'), ('approved', 'cancelled'), ('approved', 'sending'),
      ('sending', 'sent'), ('sending', 'failed'), ('sent', 'paid'), ('sent', 'failed'), ('approved', 'sent'),
      ('sent', 'confirmed'), ('confirmed', 'paid'), ('paid', 'failed'), ('confirmed', 'failed')) THEN
    RAISE EXCEPTION 'a refund cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF app_role() <> 'system' THEN
    IF NEW.state = 'approved' AND OLD.state = 'asked' THEN
      NEW.approved_by := app_user(); NEW.approved_at := app_now();
    ELSE
      NEW.approved_by := OLD.approved_by; NEW.approved_at := OLD.approved_at;
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_refund BEFORE INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION keep_refund();

-- A payer's bank contests a card payment; evidence is due at the gateway until a day.
CREATE TABLE dispute (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  payment_id bigint NOT NULL REFERENCES payment,
  reference text NOT NULL UNIQUE,
  reason text NOT NULL,
  status text NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  evidence_due_at timestamptz,
  evidence_given boolean NOT NULL DEFAULT false,
  opened_on date NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX dispute_payment ON dispute (payment_id);
"""

CARE = """
-- Something came too often, or too much of it, in a window of hours.
CREATE TABLE velocity_alert (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  kind text NOT NULL CHECK (kind IN ('orders', 'payments', 'refunds', 'iban_changes', 'payouts')),
  day date NOT NULL,
  seen bigint NOT NULL, allowed bigint NOT NULL, hours integer NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (org_id, kind, day)
);
-- Suspicion of fraud: nothing is paid out to the organisation until two people said that it may.
CREATE TABLE payout_hold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  alert_id bigint REFERENCES velocity_alert,
  held_by bigint REFERENCES app_user,       -- null: the platform itself
  held_at timestamptz NOT NULL DEFAULT app_now(),
  finding text NOT NULL DEFAULT '',         -- what the first person found
  cleared_by bigint REFERENCES app_user,
  cleared_at timestamptz,
  released_by bigint REFERENCES app_user,
  released_at timestamptz,
  CONSTRAINT payout_hold_four_eyes CHECK (released_by <> cleared_by AND released_by IS DISTINCT FROM held_by
    OR released_by IS NULL),
  CHECK (released_at IS NULL OR cleared_by IS NOT NULL AND released_by IS NOT NULL)
);
CREATE UNIQUE INDEX payout_hold_standing ON payout_hold (org_id) WHERE released_at IS NULL;
CREATE FUNCTION keep_payout_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'courtier_web' THEN RETURN NEW; END IF;
  IF TG_OP = 'INSERT' THEN
    NEW.held_by := app_user(); NEW.held_at := app_now();
    NEW.cleared_by := NULL; NEW.cleared_at := NULL; NEW.released_by := NULL; NEW.released_at := NULL;
    RETURN NEW;
  END IF;
  IF NEW.released_at IS NOT NULL AND OLD.released_at IS NULL THEN
    IF OLD.cleared_by IS NULL THEN
      RAISE EXCEPTION 'a first person clears a hold before a second one releases it'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_hold_four_eyes';
    END IF;
    NEW.released_by := app_user(); NEW.released_at := app_now();
    NEW.cleared_by := OLD.cleared_by; NEW.cleared_at := OLD.cleared_at; NEW.finding := OLD.finding;
  ELSIF OLD.released_at IS NULL THEN
    NEW.cleared_by := app_user(); NEW.cleared_at := app_now();
    NEW.released_by := NULL; NEW.released_at := NULL;
  ELSE
    RAISE EXCEPTION 'the hold is over' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_payout_hold BEFORE INSERT OR UPDATE ON payout_hold
  FOR EACH ROW EXECUTE FUNCTION keep_payout_hold();
CREATE FUNCTION is_held(p_org bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM payout_hold WHERE org_id = p_org AND released_at IS NULL) $$;

CREATE OR REPLACE FUNCTION refuse_frozen() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_owner bigint; v_advertiser bigint;
BEGIN
  IF TG_TABLE_NAME = 'payout' THEN
    IF to_jsonb(NEW) ->> 'transfer_reference' IS NOT NULL THEN   -- step 0043: the gateway made it, it has left
      RETURN NEW;
    END IF;
    IF NEW.state IN ('proposed', 'approved', 'exported') AND is_frozen(NEW.owner_id) THEN
      RAISE EXCEPTION 'the organisation is frozen: it is not paid'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'org_frozen';
    END IF;
    IF NEW.state IN ('approved', 'exported') AND is_held(NEW.owner_id) THEN
      RAISE EXCEPTION 'payouts to the organisation are held'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_held';
    END IF;
    RETURN NEW;
  END IF;
  -- orders, programmes, participations and their sends, further uses of an order
  IF TG_TABLE_NAME = 'order_use' THEN
    SELECT owner_id, advertiser_id INTO v_owner, v_advertiser FROM rental_order WHERE id = NEW.order_id;
  ELSE
    v_owner := (to_jsonb(NEW) ->> 'owner_id')::bigint;
    v_advertiser := (to_jsonb(NEW) ->> 'advertiser_id')::bigint;
  END IF;
  IF is_frozen(v_advertiser) OR is_frozen(v_owner) THEN
    RAISE EXCEPTION 'the organisation is frozen: it does not book'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'org_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_frozen BEFORE INSERT ON programme FOR EACH ROW EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen BEFORE INSERT ON participation FOR EACH ROW EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen_again BEFORE UPDATE OF state ON participation FOR EACH ROW
  WHEN (NEW.state = 'joined' AND OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen BEFORE INSERT ON participation_send FOR EACH ROW EXECUTE FUNCTION refuse_frozen();
CREATE TRIGGER refuse_frozen BEFORE UPDATE OF send_on ON order_use FOR EACH ROW
  WHEN (NEW.send_on IS NOT NULL AND OLD.send_on IS NULL) EXECUTE FUNCTION refuse_frozen();
"""

FORMER_CARE = """
DROP TRIGGER refuse_frozen ON programme;
DROP TRIGGER refuse_frozen ON participation;
DROP TRIGGER refuse_frozen_again ON participation;
DROP TRIGGER refuse_frozen ON participation_send;
DROP TRIGGER refuse_frozen ON order_use;
CREATE OR REPLACE FUNCTION refuse_frozen() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
"""

KEEP_PAYOUT = """
CREATE OR REPLACE FUNCTION keep_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF current_user = 'courtier_web' THEN      -- no statement of a front chooses who proposed it, or approves at once
      NEW.state := 'proposed'; NEW.proposed_by := app_user(); NEW.proposed_at := app_now();
      NEW.approved_by := NULL; NEW.approved_at := NULL;
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.owner_id, NEW.bank_account_id, NEW.amount_cents, NEW.end_to_end_id, NEW.proposed_by)
     IS DISTINCT FROM (OLD.owner_id, OLD.bank_account_id, OLD.amount_cents, OLD.end_to_end_id, OLD.proposed_by) THEN
    RAISE EXCEPTION 'a payout never changes: let it fail and propose another' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('proposed', 'approved'), ('proposed', 'failed'), ('approved', 'exported'), ('approved', 'failed'),
      ('exported', 'confirmed'), ('exported', 'failed'), ('confirmed', 'paid')%s) THEN
    RAISE EXCEPTION 'a payout cannot go from %% to %%', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF current_user = 'courtier_web' THEN
    IF NEW.state = 'approved' AND OLD.state = 'proposed' THEN
      NEW.approved_by := app_user(); NEW.approved_at := app_now();
    ELSE
      NEW.approved_by := OLD.approved_by; NEW.approved_at := OLD.approved_at;
    END IF;
  END IF;
  RETURN NEW;
END $$;
"""

RETURNS = """
-- What the bank sent back: the payout is undone in the books, and its account is held until somebody proposes it anew.
ALTER TABLE payout DROP CONSTRAINT payout_state_check;
ALTER TABLE payout ADD COLUMN returned_on date, ADD COLUMN return_reason text NOT NULL DEFAULT '',
  ADD COLUMN return_line_id bigint REFERENCES bank_line,
  ADD CONSTRAINT payout_state_check CHECK (state IN ('proposed', 'approved', 'exported', 'confirmed', 'paid', 'failed',
    'returned'));
ALTER TABLE bank_account DROP CONSTRAINT bank_account_state_check;
ALTER TABLE bank_account ADD CONSTRAINT bank_account_state_check
  CHECK (state IN ('proposed', 'approved', 'refused', 'retired', 'held'));
ALTER TABLE bank_line DROP CONSTRAINT bank_line_kind_check;
ALTER TABLE bank_line ADD CONSTRAINT bank_line_kind_check
  CHECK (kind IN ('receipt', 'payout', 'gateway', 'fee', 'suspense', 'return', 'refund'));
-- Each file for the bank, so that it can be fetched again.
CREATE TABLE sepa_file (
  message_id text PRIMARY KEY,
  transfers integer NOT NULL, cents bigint NOT NULL,
  content bytea NOT NULL,
  made_by bigint REFERENCES app_user,
  made_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sepa_file FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

FORMER_RETURNS = """
ALTER TABLE bank_line DROP CONSTRAINT bank_line_kind_check;
ALTER TABLE bank_line ADD CONSTRAINT bank_line_kind_check
  CHECK (kind IN ('receipt', 'payout', 'gateway', 'fee', 'suspense'));
ALTER TABLE bank_account DROP CONSTRAINT bank_account_state_check;
ALTER TABLE bank_account ADD CONSTRAINT bank_account_state_check
  CHECK (state IN ('proposed', 'approved', 'refused', 'retired'));
ALTER TABLE payout DROP CONSTRAINT payout_state_check, DROP COLUMN returned_on, DROP COLUMN return_reason,
  DROP COLUMN return_line_id;
ALTER TABLE payout ADD CONSTRAINT payout_state_check
  CHECK (state IN ('proposed', 'approved', 'exported', 'confirmed', 'paid', 'failed'));
"""

FORMER_INVOICES = """
DROP INDEX invoice_corrects, invoice_about;
ALTER TABLE invoice DROP CONSTRAINT invoice_kind_check, DROP CONSTRAINT invoice_type_code_check,
  DROP CONSTRAINT invoice_late_bp, DROP CONSTRAINT invoice_set_off, DROP CONSTRAINT invoice_about,
  DROP COLUMN late_rate, DROP COLUMN late_bp, DROP COLUMN set_off_cents, DROP COLUMN set_off_vat_cents,
  DROP COLUMN about_id;
ALTER TABLE invoice
  ADD CONSTRAINT invoice_kind_check CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note', 'owner_invoice',
    'fee', 'owner_credit')),
  ADD CONSTRAINT invoice_type_code_check CHECK (type_code IN (261, 380, 381, 386, 389));
"""

TABLES = (
    "late_claim", "dunning_mail", "dunning_line", "dunning_letter", "dunning_hold", "instalment", "reference_rate",
    "refund", "dispute", "payout_hold", "velocity_alert", "sepa_file",
)  # fmt: skip


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (ACCOUNTS, INVOICES, DUNNING, REFUNDS, CARE, RETURNS):
        op.execute(part)
    op.execute(KEEP_PAYOUT % ", ('paid', 'returned')")
    staff = "app_staff()"
    protect("reference_rate", using="true", check=staff, web="SELECT, INSERT (kind, since, bp, set_by)")
    protect("instalment", using=staff, web="SELECT, INSERT (invoice_id, due_on, amount_cents, agreed_by)")
    protect(
        "dunning_hold",
        using=staff,
        web="SELECT, INSERT (code, invoice_id, reason, until_on, held_by), UPDATE (ended_by, ended_at)",
    )
    protect("late_claim", using=staff, web="SELECT, INSERT (code, invoice_id, until_on, recovery, claimed_by)")
    protect("dunning_letter", using=f"org_id = app_org() OR {staff}", check=staff, web="SELECT")
    protect(
        "dunning_line",
        using="EXISTS (SELECT 1 FROM dunning_letter l WHERE l.id = dunning_line.letter_id)",
        check=staff,
        web="SELECT",
    )
    protect("dunning_mail", using=staff, web="SELECT")
    protect(
        "refund",
        using=staff,
        web="SELECT, INSERT (code, org_id, payment_id, receipt_id, amount_cents, invoice_id, credit_cents, reason,"
        " holder, iban, end_to_end_id, second, asked_by),"
        " UPDATE (state, approved_by, approved_at, sent_at, paid_on, file, problem, bank_line_id, returned_on,"
        " return_line_id)",
    )
    protect("dispute", using=staff, web="SELECT")
    protect("velocity_alert", using=staff, web="SELECT")
    protect(
        "payout_hold",
        using=staff,
        web="SELECT, INSERT (code, org_id, reason, held_by),"
        " UPDATE (finding, cleared_by, cleared_at, released_by, released_at)",
    )
    protect("sepa_file", using=staff, web="SELECT, INSERT (message_id, transfers, cents, content, made_by)")
    op.execute("GRANT UPDATE (returned_on, return_reason, return_line_id) ON payout TO courtier_web")
    for name in ("is_dunned(bigint)", "is_held(bigint)", "payment_left(bigint)", "receipt_left(bigint)"):
        definer(name, to="courtier_web, courtier_worker")
    definer("late_cents(bigint, date)", to="courtier_worker")
    definer("refuse_dunned()", to="courtier_worker")
    definer("keep_refund()", to="courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FORMER_DUNNING)
    op.execute(FORMER_CARE)
    op.execute("REVOKE UPDATE (returned_on, return_reason, return_line_id) ON payout FROM courtier_web")
    op.execute(FORMER_RETURNS)
    op.execute(KEEP_PAYOUT % "")
    op.execute(f"DROP TABLE {', '.join(TABLES)} CASCADE")
    op.execute(
        "DROP FUNCTION keep_refund(), keep_payout_hold(), is_held(bigint), payment_left(bigint), receipt_left(bigint)"
    )
    op.execute(FORMER_INVOICES)
    op.execute(
        "DELETE FROM jobs.kind WHERE kind IN ('post_dunning', 'send_refund', 'book_refund', 'book_payout_return',"
        " 'run_dunning', 'issue_claim')"
    )
    op.execute("DELETE FROM ledger_account WHERE number IN ('709', '7588', '7631')")
    op.execute("RESET ROLE")
