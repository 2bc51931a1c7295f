"""Double entry: append-only, balanced by the database."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger_account (
  number text PRIMARY KEY CHECK (number ~ '^[1-9][0-9]{2,9}$'),
  label_fr text NOT NULL, label_en text NOT NULL
);
INSERT INTO ledger_account VALUES
  ('401', 'Fournisseurs', 'Suppliers'), ('411', 'Clients', 'Customers'),
  ('4191', 'Clients, avances et acomptes reçus', 'Advances received from customers'),
  ('4197', 'Clients, autres avoirs', 'Credit notes owed to customers'),
  ('4452', 'TVA due intracommunautaire', 'Self-assessed VAT due'),
  ('445662', 'TVA déductible intracommunautaire', 'Self-assessed input VAT'),
  ('44564', 'TVA déductible en attente', 'Input VAT awaiting payment'),
  ('44566', 'TVA déductible', 'Input VAT'), ('44571', 'TVA collectée', 'Output VAT'),
  ('44574', 'TVA collectée en attente', 'Output VAT awaiting collection'),
  ('467', 'Autres comptes débiteurs ou créditeurs', 'Third-party funds'),
  ('512', 'Banque', 'Bank'), ('604', 'Achats de prestations', 'Purchased services'),
  ('627', 'Services bancaires', 'Bank charges'), ('706', 'Prestations de services', 'Services sold');

CREATE TABLE ledger_journal (code text PRIMARY KEY, label_fr text NOT NULL, label_en text NOT NULL);
INSERT INTO ledger_journal VALUES ('VE', 'Ventes', 'Sales'), ('AC', 'Achats', 'Purchases'), ('BQ', 'Banque', 'Bank'),
  ('OD', 'Opérations diverses', 'Miscellaneous');

CREATE TABLE ledger_period (
  month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'soft_closed', 'locked'))
);

CREATE TABLE ledger_entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  journal text NOT NULL REFERENCES ledger_journal,
  number bigint NOT NULL UNIQUE,            -- unbroken, in the order of validation
  day date NOT NULL,
  piece_ref text NOT NULL, piece_day date NOT NULL,
  label text NOT NULL,
  idempotency_key text NOT NULL UNIQUE,
  reverses bigint UNIQUE REFERENCES ledger_entry,
  currency text NOT NULL DEFAULT 'EUR',
  validated_at timestamptz NOT NULL DEFAULT app_now()
);

CREATE TABLE ledger_posting (
  entry_id bigint NOT NULL REFERENCES ledger_entry,
  line smallint NOT NULL,
  account text NOT NULL REFERENCES ledger_account,
  org_id bigint REFERENCES organisation,    -- the auxiliary: which customer or supplier
  debit_cents bigint NOT NULL DEFAULT 0 CHECK (debit_cents >= 0),
  credit_cents bigint NOT NULL DEFAULT 0 CHECK (credit_cents >= 0),
  PRIMARY KEY (entry_id, line),
  CHECK ((debit_cents = 0) <> (credit_cents = 0))
);
CREATE INDEX ledger_posting_account ON ledger_posting (account, org_id);

CREATE FUNCTION check_entry_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_entry bigint := CASE TG_TABLE_NAME WHEN 'ledger_entry' THEN (to_jsonb(NEW)->>'id')::bigint
                                       ELSE (to_jsonb(NEW)->>'entry_id')::bigint END;
  v_debit bigint; v_credit bigint;
BEGIN
  SELECT coalesce(sum(debit_cents), 0), coalesce(sum(credit_cents), 0) INTO v_debit, v_credit
  FROM ledger_posting WHERE entry_id = v_entry;
  IF v_debit <> v_credit OR v_debit = 0 THEN
    RAISE EXCEPTION 'entry % is not balanced: debit %, credit %', v_entry, v_debit, v_credit
      USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balanced';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_balanced AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_entry_balanced();
CREATE CONSTRAINT TRIGGER posting_balanced AFTER INSERT ON ledger_posting DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_entry_balanced();

CREATE FUNCTION check_period_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM ledger_period WHERE month = date_trunc('month', NEW.day)::date AND state <> 'open') THEN
    RAISE EXCEPTION 'the period of % is closed', NEW.day USING ERRCODE = 'check_violation', CONSTRAINT = 'period_open';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER period_open BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION check_period_open();

CREATE FUNCTION keep_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'locked' THEN RAISE EXCEPTION 'a locked period never reopens' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_locked BEFORE UPDATE OR DELETE ON ledger_period FOR EACH ROW EXECUTE FUNCTION keep_locked();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

LEDGER = ("ledger_account", "ledger_journal", "ledger_period", "ledger_entry", "ledger_posting")


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    for table in LEDGER:
        protect(table, using="app_staff()", web="SELECT")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entry, ledger_posting FROM courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join(reversed(LEDGER))}")
    op.execute("DROP FUNCTION check_entry_balanced(), check_period_open(), keep_locked()")
