"""Lettering of postings, money received, bank accounts under four eyes, payouts, closings of months."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ACCOUNTS = """
INSERT INTO ledger_account VALUES
  ('4081', 'Fournisseurs, factures non parvenues', 'Suppliers, invoices not yet received'),
  ('4181', 'Clients, factures à établir', 'Customers, invoices to be issued'),
  ('44586', 'TVA sur factures non parvenues', 'VAT on invoices not yet received'),
  ('44587', 'TVA sur factures à établir', 'VAT on invoices to be issued'),
  ('471', 'Compte d''attente', 'Suspense account');
INSERT INTO jobs.kind VALUES ('book_receipt', 'billing'), ('book_payout', 'billing'), ('close_month', 'billing');
"""

LETTERING = """
-- Postings of one account and party that cancel each other out: an invoice and its payments. Postings themselves are
-- append-only, so their letters stand beside them.
CREATE TABLE ledger_match (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account text NOT NULL REFERENCES ledger_account,
  org_id bigint REFERENCES organisation,
  matched_on date NOT NULL
);
CREATE TABLE ledger_match_line (
  match_id bigint NOT NULL REFERENCES ledger_match,
  entry_id bigint NOT NULL,
  line smallint NOT NULL,
  PRIMARY KEY (entry_id, line),             -- a posting is matched once
  FOREIGN KEY (entry_id, line) REFERENCES ledger_posting (entry_id, line)
);
CREATE INDEX ledger_match_line_match ON ledger_match_line (match_id);

CREATE FUNCTION check_match() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_cents bigint; v_strangers bigint;
BEGIN
  SELECT sum(p.debit_cents - p.credit_cents),
         count(*) FILTER (WHERE p.account <> m.account OR p.org_id IS DISTINCT FROM m.org_id)
    INTO v_cents, v_strangers
  FROM ledger_match m JOIN ledger_match_line l ON l.match_id = m.id
  JOIN ledger_posting p ON p.entry_id = l.entry_id AND p.line = l.line WHERE m.id = NEW.match_id;
  IF v_cents <> 0 OR v_strangers <> 0 THEN
    RAISE EXCEPTION 'match % does not cancel out: % cents, % of other accounts', NEW.match_id, v_cents, v_strangers
      USING ERRCODE = 'check_violation', CONSTRAINT = 'match_balanced';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER match_balanced AFTER INSERT ON ledger_match_line DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_match();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_match FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_match_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

RECEIPTS = """
-- A transfer that arrived at the bank. What no invoice takes waits in the suspense account until somebody says whose.
CREATE TABLE receipt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  received_on date NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  reference text NOT NULL UNIQUE CHECK (length(reference) BETWEEN 1 AND 140),   -- the bank's: the same line once
  payer text NOT NULL DEFAULT '',
  booked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE TABLE receipt_share (
  receipt_id bigint NOT NULL REFERENCES receipt,
  invoice_id bigint NOT NULL REFERENCES invoice,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  vat_cents bigint NOT NULL DEFAULT 0,      -- of the invoice's waiting VAT, what fell due with this money
  booked_at timestamptz,
  PRIMARY KEY (receipt_id, invoice_id)
);
CREATE INDEX receipt_share_invoice ON receipt_share (invoice_id);
"""

ACCOUNTS_OF_PARTIES = """
-- Where a party is paid. A new account waits, and needs a second person: whoever changes one cannot approve it.
CREATE TABLE bank_account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  holder text NOT NULL CHECK (length(holder) BETWEEN 1 AND 70),
  iban text NOT NULL CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'),
  bic text CHECK (bic ~ '^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$'),
  state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'approved', 'refused', 'retired')),
  proposed_by bigint NOT NULL REFERENCES app_user,
  proposed_at timestamptz NOT NULL DEFAULT app_now(),
  approved_by bigint REFERENCES app_user,
  approved_at timestamptz,
  CONSTRAINT bank_account_four_eyes CHECK (approved_by <> proposed_by),
  CHECK (state NOT IN ('approved') OR (approved_by IS NOT NULL AND approved_at IS NOT NULL))
);
CREATE UNIQUE INDEX bank_account_approved ON bank_account (org_id) WHERE state = 'approved';
CREATE UNIQUE INDEX bank_account_proposed ON bank_account (org_id) WHERE state = 'proposed';

CREATE FUNCTION keep_bank_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF current_user = 'courtier_web' THEN      -- no statement of a front chooses who proposed it, or when
      NEW.state := 'proposed'; NEW.proposed_by := app_user(); NEW.proposed_at := app_now();
      NEW.approved_by := NULL; NEW.approved_at := NULL;
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.org_id, NEW.holder, NEW.iban, NEW.bic, NEW.proposed_by, NEW.proposed_at)
     IS DISTINCT FROM (OLD.org_id, OLD.holder, OLD.iban, OLD.bic, OLD.proposed_by, OLD.proposed_at) THEN
    RAISE EXCEPTION 'a bank account never changes: propose another' USING ERRCODE = 'restrict_violation';
  END IF;
  IF current_user = 'courtier_web' AND NEW.state = 'approved' AND OLD.state <> 'approved' THEN
    IF OLD.state <> 'proposed' OR NOT app_staff() THEN
      RAISE EXCEPTION 'only staff approve a proposed account' USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.approved_by := app_user(); NEW.approved_at := app_now();
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_bank_account BEFORE INSERT OR UPDATE ON bank_account
  FOR EACH ROW EXECUTE FUNCTION keep_bank_account();
"""

PAYOUTS = """
CREATE TABLE payout (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  owner_id bigint NOT NULL REFERENCES organisation,
  bank_account_id bigint NOT NULL REFERENCES bank_account,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  end_to_end_id text NOT NULL UNIQUE CHECK (length(end_to_end_id) BETWEEN 1 AND 35),
  state text NOT NULL DEFAULT 'proposed'
    CHECK (state IN ('proposed', 'approved', 'exported', 'confirmed', 'paid', 'failed')),
  proposed_by bigint NOT NULL REFERENCES app_user,
  proposed_at timestamptz NOT NULL DEFAULT app_now(),
  approved_by bigint REFERENCES app_user,
  approved_at timestamptz,
  exported_at timestamptz,
  paid_on date,
  CONSTRAINT payout_four_eyes CHECK (approved_by <> proposed_by),
  CHECK (state IN ('proposed', 'failed') OR approved_by IS NOT NULL),
  CHECK (state NOT IN ('confirmed', 'paid') OR paid_on IS NOT NULL)
);
CREATE INDEX payout_owner ON payout (owner_id);
CREATE TABLE payout_line (
  payout_id bigint NOT NULL REFERENCES payout,
  invoice_id bigint NOT NULL REFERENCES invoice,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  live boolean NOT NULL DEFAULT true,       -- false once its payout failed: then another may pay it
  PRIMARY KEY (payout_id, invoice_id)
);
CREATE UNIQUE INDEX payout_once ON payout_line (invoice_id) WHERE live;

CREATE FUNCTION keep_payout() RETURNS trigger LANGUAGE plpgsql AS $$
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
      ('exported', 'confirmed'), ('exported', 'failed'), ('confirmed', 'paid')) THEN
    RAISE EXCEPTION 'a payout cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
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
CREATE TRIGGER keep_payout BEFORE INSERT OR UPDATE ON payout FOR EACH ROW EXECUTE FUNCTION keep_payout();
"""

CLOSINGS = """
-- Each time somebody asks for a month to be closed, and what was found then.
CREATE TABLE ledger_close (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  target text NOT NULL CHECK (target IN ('soft_closed', 'locked')),
  asked_by bigint REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  done_at timestamptz,
  findings jsonb
);
CREATE INDEX ledger_entry_day ON ledger_entry (day);
"""

TABLES = (
    "ledger_match",
    "ledger_match_line",
    "receipt",
    "receipt_share",
    "bank_account",
    "payout",
    "payout_line",
    "ledger_close",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (ACCOUNTS, LETTERING, RECEIPTS, ACCOUNTS_OF_PARTIES, PAYOUTS, CLOSINGS):
        op.execute(part)
    # The chart is the company's to extend; entries are written by workers alone, who are asked for them.
    op.execute("GRANT INSERT, UPDATE (label_fr, label_en) ON ledger_account TO courtier_web")
    protect("ledger_match", using="app_staff()", web="SELECT")
    protect("ledger_match_line", using="app_staff()", web="SELECT")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON ledger_match, ledger_match_line FROM courtier_worker")
    protect("receipt", using="app_staff()", web="SELECT, INSERT (code, received_on, amount_cents, reference, payer)")
    protect("receipt_share", using="app_staff()", web="SELECT, INSERT (receipt_id, invoice_id, amount_cents)")
    protect(
        "bank_account",
        using="org_id = app_org() OR app_staff()",
        web="SELECT, INSERT (code, org_id, holder, iban, bic, proposed_by), UPDATE (state, approved_by, approved_at)",
    )
    protect(
        "payout",
        using="owner_id = app_org() OR app_staff()",
        check="app_staff()",
        web="SELECT, INSERT (code, owner_id, bank_account_id, amount_cents, end_to_end_id, proposed_by),"
        " UPDATE (state, approved_by, approved_at, exported_at, paid_on)",
    )
    protect(
        "payout_line",
        using="EXISTS (SELECT 1 FROM payout p WHERE p.id = payout_line.payout_id)",
        check="app_staff()",
        web="SELECT, INSERT, UPDATE (live)",
    )
    protect("ledger_close", using="app_staff()", web="SELECT, INSERT (month, target, asked_by)")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join(reversed(TABLES))}")
    op.execute("DROP FUNCTION check_match(), keep_bank_account(), keep_payout()")
    op.execute("DROP INDEX ledger_entry_day")
    op.execute("REVOKE INSERT, UPDATE ON ledger_account FROM courtier_web")
    op.execute("REVOKE UPDATE (label_fr, label_en) ON ledger_account FROM courtier_web")
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('book_receipt', 'book_payout', 'close_month')")
    op.execute("DELETE FROM ledger_account WHERE number IN ('4081', '4181', '44586', '44587', '471')")
