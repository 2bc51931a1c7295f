"""Months softly closed are opened again by two persons; files made by jobs; corrections of invoices sold as agent."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

REOPENINGS = """
-- Somebody asks, with a reason; somebody else does it. The rows stay: they are the evidence.
CREATE TABLE ledger_reopening (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'refused', 'done')),
  asked_by bigint NOT NULL REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  answered_by bigint REFERENCES app_user,
  answered_at timestamptz,
  done_in xid8,                             -- the transaction in which the month was opened
  CHECK ((state = 'asked') = (answered_by IS NULL)),
  CONSTRAINT four_eyes CHECK (state <> 'done' OR answered_by <> asked_by)
);
CREATE UNIQUE INDEX ledger_reopening_asked ON ledger_reopening (month) WHERE state = 'asked';

CREATE FUNCTION keep_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.state := 'asked'; NEW.asked_at := app_now(); NEW.answered_by := NULL; NEW.done_in := NULL;
    NEW.asked_by := coalesce(app_user(), NEW.asked_by);       -- no statement of a front chooses who asked
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' OR OLD.state <> 'asked' OR (NEW.month, NEW.reason, NEW.asked_by, NEW.asked_at)
      IS DISTINCT FROM (OLD.month, OLD.reason, OLD.asked_by, OLD.asked_at) THEN
    RAISE EXCEPTION 'what was asked and answered about a month stays' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_reopening BEFORE INSERT OR UPDATE OR DELETE ON ledger_reopening
  FOR EACH ROW EXECUTE FUNCTION keep_reopening();

-- The month opens in the transaction of the second person's word, and in no other way.
CREATE FUNCTION answer_reopening(p_code text, p_yes boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_row ledger_reopening;
BEGIN
  IF app_role() NOT IN ('broker', 'accountant') OR app_user() IS NULL THEN RETURN 'no_person'; END IF;
  PERFORM pg_advisory_xact_lock(7203809);   -- no entry is written, and no month closed, meanwhile
  SELECT * INTO v_row FROM ledger_reopening WHERE code = p_code FOR UPDATE;
  IF NOT FOUND THEN RETURN 'unknown'; END IF;
  IF v_row.state <> 'asked' THEN RETURN 'answered'; END IF;
  IF NOT p_yes THEN
    UPDATE ledger_reopening SET state = 'refused', answered_by = app_user(), answered_at = app_now()
    WHERE id = v_row.id;
    RETURN 'refused';
  END IF;
  IF v_row.asked_by = app_user() THEN RETURN 'four_eyes'; END IF;
  IF (SELECT p.state FROM ledger_period p WHERE p.month = v_row.month) IS DISTINCT FROM 'soft_closed' THEN
    RETURN 'not_soft';
  END IF;
  IF EXISTS (SELECT 1 FROM ledger_period p WHERE p.month > v_row.month AND p.state <> 'open') THEN
    RETURN 'later_closed';
  END IF;
  UPDATE ledger_reopening SET state = 'done', answered_by = app_user(), answered_at = app_now(),
    done_in = pg_current_xact_id() WHERE id = v_row.id;
  UPDATE ledger_period SET state = 'open' WHERE month = v_row.month;
  RETURN 'done';
END $$;

CREATE OR REPLACE FUNCTION keep_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'locked' THEN RAISE EXCEPTION 'a locked period never reopens' USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.state = 'soft_closed' AND (TG_OP = 'DELETE' OR NEW.month <> OLD.month OR NEW.state = 'open' AND NOT EXISTS (
      SELECT 1 FROM ledger_reopening r WHERE r.month = OLD.month AND r.done_in = pg_current_xact_id())) THEN
    RAISE EXCEPTION 'a closed period is opened by two persons' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""
KEEP_LOCKED_BEFORE = """
CREATE OR REPLACE FUNCTION keep_locked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'locked' THEN RAISE EXCEPTION 'a locked period never reopens' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

FILES = """
-- A file that a worker writes because somebody asked; its bytes are kept in parts until its time is over.
CREATE TABLE export_file (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  asked_by bigint REFERENCES app_user,
  kind text NOT NULL CHECK (kind IN ('sends', 'revenue', 'balances', 'statement', 'facturx', 'fec', 'fec-latin9',
    'journal', 'subledger')),
  format text NOT NULL CHECK (format IN ('csv', 'xlsx', 'parquet', 'zip', 'txt')),
  first_day date NOT NULL, last_day date NOT NULL,
  state text NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'writing', 'ready', 'failed', 'cancelled', 'expired')),
  rows_total bigint, rows_done bigint NOT NULL DEFAULT 0,
  tries smallint NOT NULL DEFAULT 0,
  name text NOT NULL DEFAULT '', media text NOT NULL DEFAULT '',
  size bigint NOT NULL DEFAULT 0, sha256 text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '', detail text NOT NULL DEFAULT '',
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  started_at timestamptz, ended_at timestamptz, keep_until timestamptz,
  CHECK (first_day <= last_day)
);
CREATE INDEX export_file_org ON export_file (org_id, id);
CREATE INDEX export_file_standing ON export_file (id) WHERE state IN ('waiting', 'writing');
CREATE TABLE export_part (
  export_id bigint NOT NULL REFERENCES export_file ON DELETE CASCADE,
  number integer NOT NULL,                  -- from 0; every part but the last has the same size
  content bytea NOT NULL,
  PRIMARY KEY (export_id, number)
);
ALTER TABLE export_part ALTER COLUMN content SET STORAGE EXTERNAL;   -- compressed already: read by slices

CREATE FUNCTION keep_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'courtier_web' THEN
    NEW.asked_by := app_user(); NEW.asked_at := app_now(); NEW.state := 'waiting';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_export BEFORE INSERT ON export_file FOR EACH ROW EXECUTE FUNCTION keep_export();

-- Whoever may see a file may stop its writing or throw it away: nothing else in it is a front's to change.
CREATE FUNCTION drop_export(p_code text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  UPDATE export_file SET state = 'cancelled', ended_at = coalesce(ended_at, app_now())
  WHERE code = p_code AND state IN ('waiting', 'writing', 'ready', 'failed')
    AND (org_id = app_org() OR app_role() = 'system') RETURNING id INTO v_id;
  DELETE FROM export_part WHERE export_id = v_id;
  RETURN v_id IS NOT NULL;
END $$;
INSERT INTO jobs.kind VALUES ('write_export', 'billing');
"""

CORRECTIONS = """
-- A new document in place of one that was credited whole; a fee that belongs to such a document.
ALTER TABLE invoice ADD COLUMN replaces_id bigint UNIQUE REFERENCES invoice,
  ADD COLUMN fee_of_id bigint UNIQUE REFERENCES invoice,
  ADD CONSTRAINT invoice_fee_of CHECK (fee_of_id IS NULL OR kind = 'fee');
ALTER TABLE invoice_contest ADD COLUMN new_net_cents bigint CHECK (new_net_cents > 0),
  ADD COLUMN fee_credit_id bigint REFERENCES invoice, ADD COLUMN replacement_id bigint REFERENCES invoice;

-- Our fee on an owner's invoice, by the mailing or by the document it was issued with.
CREATE FUNCTION fee_on(p_invoice bigint) RETURNS bigint LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT f.id FROM invoice i JOIN invoice f ON f.kind = 'fee' AND f.role = i.role
    AND (f.fee_of_id = i.id OR f.fee_of_id IS NULL AND i.replaces_id IS NULL AND f.mailing_id = i.mailing_id)
  WHERE i.id = p_invoice AND i.kind = 'owner_invoice'
$$;

DROP FUNCTION answer_contest(text, text, text, text, bigint);
CREATE FUNCTION answer_contest(p_code text, p_before text, p_after text, p_text text, p_net bigint, p_new bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  UPDATE invoice_contest SET state = p_after,
    answer = CASE p_text WHEN '' THEN answer ELSE p_text END, net_cents = coalesce(p_net, net_cents),
    new_net_cents = coalesce(p_new, new_net_cents),
    answered_at = coalesce(answered_at, app_now()), by_owner = by_owner OR p_after = 'prepared',
    signed_by = CASE p_after WHEN 'signed' THEN app_user() ELSE signed_by END
  WHERE code = p_code AND state = p_before
    AND ((p_before, p_after) IN (('open', 'rejected'), ('open', 'prepared'), ('open', 'signed'))
           AND (app_staff() OR app_role() = 'system')
         OR (p_before, p_after) = ('prepared', 'signed') AND (org_id = app_org() OR app_role() = 'system'))
  RETURNING id INTO v_id;
  IF v_id IS NOT NULL AND p_after = 'signed' THEN PERFORM jobs.enqueue('issue_correction', v_id); END IF;
  RETURN v_id IS NOT NULL;
END $$;
"""
ANSWER_BEFORE = """
CREATE FUNCTION answer_contest(p_code text, p_before text, p_after text, p_text text, p_net bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  UPDATE invoice_contest SET state = p_after,
    answer = CASE p_text WHEN '' THEN answer ELSE p_text END, net_cents = coalesce(p_net, net_cents),
    answered_at = coalesce(answered_at, app_now()), by_owner = by_owner OR p_after = 'prepared',
    signed_by = CASE p_after WHEN 'signed' THEN app_user() ELSE signed_by END
  WHERE code = p_code AND state = p_before
    AND ((p_before, p_after) IN (('open', 'rejected'), ('open', 'prepared'), ('open', 'signed'))
           AND (app_staff() OR app_role() = 'system')
         OR (p_before, p_after) = ('prepared', 'signed') AND (org_id = app_org() OR app_role() = 'system'))
  RETURNING id INTO v_id;
  IF v_id IS NOT NULL AND p_after = 'signed' THEN PERFORM jobs.enqueue('issue_correction', v_id); END IF;
  RETURN v_id IS NOT NULL;
END $$;
"""
ANSWER = "answer_contest(text, text, text, text, bigint, bigint)"


def upgrade() -> None:
    """Reopenings, files, corrections."""
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (REOPENINGS, FILES, CORRECTIONS):
        op.execute(part)
    protect("ledger_reopening", using="app_staff()", web="SELECT, INSERT (code, month, reason, asked_by)")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON ledger_reopening FROM courtier_worker")
    protect(
        "export_file",
        using="org_id = app_org()",
        web="SELECT, INSERT (code, org_id, kind, format, first_day, last_day)",
    )
    protect(
        "export_part",
        using="EXISTS (SELECT 1 FROM export_file f WHERE f.id = export_part.export_id)",
        web="SELECT",
    )
    definer("answer_reopening(text, boolean)", to="courtier_web, courtier_worker")
    definer("drop_export(text)", to="courtier_web, courtier_worker")
    definer("fee_on(bigint)", to="courtier_web, courtier_worker")
    definer(ANSWER, to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Without them."""
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(f"DROP FUNCTION {ANSWER}, fee_on(bigint)")
    op.execute(ANSWER_BEFORE)
    definer("answer_contest(text, text, text, text, bigint)", to="courtier_web, courtier_worker")
    op.execute(
        "ALTER TABLE invoice_contest DROP COLUMN new_net_cents, DROP COLUMN fee_credit_id, DROP COLUMN replacement_id"
    )
    op.execute("ALTER TABLE invoice DROP COLUMN replaces_id, DROP COLUMN fee_of_id")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'write_export'")
    op.execute("DROP FUNCTION drop_export(text)")
    op.execute("DROP TABLE export_part, export_file")
    op.execute("DROP FUNCTION keep_export()")
    op.execute(KEEP_LOCKED_BEFORE)
    op.execute("DROP FUNCTION answer_reopening(text, boolean)")
    op.execute("DROP TABLE ledger_reopening")
    op.execute("DROP FUNCTION keep_reopening()")
    op.execute("RESET ROLE")
