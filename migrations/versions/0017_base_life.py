"""Quality over time, enrichment, upkeep, reminders, retention told beforehand, audits of consent, breaches."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = """
-- A contacts file that adds to known contacts alone: unknown addresses are reported, never added.
ALTER TABLE import_run ADD COLUMN enriches boolean NOT NULL DEFAULT false;
ALTER TABLE upload ADD COLUMN enriches boolean NOT NULL DEFAULT false;   -- what it was uploaded for

-- What an enrichment did to a field of the contacts it named: filled + changed + confirmed + cleared + kept is their
-- number. `given` counts those for whom the file had a value.
CREATE TABLE import_field (
  import_id bigint NOT NULL REFERENCES import_run ON DELETE CASCADE,
  base_id bigint NOT NULL REFERENCES base,
  field text NOT NULL,
  given bigint NOT NULL DEFAULT 0,
  filled bigint NOT NULL DEFAULT 0,         -- the base had nothing
  changed bigint NOT NULL DEFAULT 0,        -- the base had something else
  confirmed bigint NOT NULL DEFAULT 0,      -- the base had the same
  cleared bigint NOT NULL DEFAULT 0,        -- emptied, by the policy "newest"
  kept bigint NOT NULL DEFAULT 0,           -- nothing in the file, or the policy kept what there was
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (import_id, field)
);
CREATE INDEX import_field_base ON import_field (base_id, field, at);

-- After how many months an owner wants to be reminded that a field grows stale, and the fields that are.
CREATE TABLE field_watch (
  base_id bigint NOT NULL REFERENCES base,
  field text NOT NULL CHECK (length(field) BETWEEN 1 AND 80),
  months smallint NOT NULL CHECK (months BETWEEN 1 AND 120),
  updated_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (base_id, field)
);
CREATE TABLE field_reminder (
  base_id bigint NOT NULL REFERENCES base,
  field text NOT NULL,
  months smallint NOT NULL,
  contacts bigint NOT NULL,                 -- who have a value
  renewed bigint NOT NULL,                  -- values that files gave within so many months
  last_given_on date,                       -- NULL: no file of ours ever gave one
  since date NOT NULL,                      -- the first day on which it was found stale
  measured_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (base_id, field)
);

-- What an owner spends on a base: its own business, and nobody else's to read.
CREATE TABLE base_cost (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL,
  base_id bigint NOT NULL,
  label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
  rhythm text NOT NULL CHECK (rhythm IN ('monthly', 'once')),
  amount_cents bigint NOT NULL CHECK (amount_cents BETWEEN 1 AND 100000000000),
  starts_on date NOT NULL,
  ends_on date CHECK (ends_on >= starts_on),
  removed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (rhythm = 'monthly' OR ends_on IS NULL),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)
);
CREATE INDEX base_cost_base ON base_cost (base_id);

-- The kind of the last thing that was heard of somebody who is to be erased; the same counted, for the owner's page;
-- and what each night's job did.
ALTER TABLE retention_warning ADD COLUMN last_kind text NOT NULL DEFAULT 'import'
  CHECK (last_kind IN ('import', 'consent', 'purchase', 'visit', 'click', 'message'));
-- Whoever has no other date counts from here: a weekly refresh of the file is no sign of life of anybody in it.
ALTER TABLE contact ADD COLUMN first_seen date NOT NULL DEFAULT CURRENT_DATE;
UPDATE contact c SET first_seen = least(CURRENT_DATE, r.created_at::date) FROM import_run r WHERE r.id = c.import_id;
CREATE TABLE retention_forecast (
  base_id bigint NOT NULL REFERENCES base,
  relation text NOT NULL CHECK (relation IN ('customer', 'prospect')),
  last_kind text NOT NULL,
  erase_on date NOT NULL,
  contacts bigint NOT NULL,
  PRIMARY KEY (base_id, erase_on, relation, last_kind)
);
CREATE TABLE retention_report (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  base_id bigint NOT NULL REFERENCES base,
  ran_at timestamptz NOT NULL DEFAULT app_now(),
  customer_months smallint NOT NULL,
  prospect_months smallint NOT NULL,
  contacts bigint NOT NULL,                 -- looked at
  warned bigint NOT NULL,                   -- announced that night
  revived bigint NOT NULL,                  -- announced before and heard of since
  erased bigint NOT NULL,
  waiting bigint NOT NULL                   -- announced, not yet due
);
CREATE INDEX retention_report_base ON retention_report (base_id, id);

-- A source of consents has a public code and may be released from quarantine, by a person and with a reason.
ALTER TABLE consent_source
  ADD COLUMN code text NOT NULL UNIQUE DEFAULT 'src_' || replace(gen_random_uuid()::text, '-', ''),
  ADD COLUMN released_at timestamptz, ADD COLUMN release_reason text;

-- A sample follows from its seed: the same seed over the same proofs draws the same.
ALTER TABLE consent_audit
  ADD COLUMN seed bigint NOT NULL DEFAULT floor(random() * 1000000000)::bigint CHECK (seed >= 0),
  ADD COLUMN source_id bigint REFERENCES consent_source,     -- NULL: the whole base
  ADD COLUMN asked integer,
  ADD COLUMN population bigint;                              -- proofs it was drawn from
ALTER TABLE consent_audit_item ADD COLUMN relation text;
ALTER TABLE consent_audit_item DROP CONSTRAINT consent_audit_item_verdict_check;
UPDATE consent_audit_item SET verdict = CASE verdict WHEN 'sound' THEN 'complete' WHEN 'false' THEN 'missing'
  ELSE verdict END WHERE verdict IN ('sound', 'false');
ALTER TABLE consent_audit_item
  ADD CONSTRAINT consent_audit_item_verdict_check CHECK (verdict IN ('complete', 'doubtful', 'missing'));

-- The dossier of a breach names its rows and keeps what was told to the authority and to the people.
ALTER TABLE breach ADD COLUMN which_rows text NOT NULL DEFAULT '', ADD COLUMN people_affected bigint
    CHECK (people_affected >= 0),
  ADD COLUMN risk text NOT NULL DEFAULT 'unknown' CHECK (risk IN ('unknown', 'none', 'risk', 'high')),
  ADD COLUMN late_reason text NOT NULL DEFAULT '',
  ADD COLUMN authority_text text NOT NULL DEFAULT '', ADD COLUMN people_text text NOT NULL DEFAULT '';

-- Rows that somebody took on a day, of one kind of object: many small reads are a large one.
CREATE TABLE read_meter (
  org_id bigint NOT NULL DEFAULT 0, user_id bigint NOT NULL DEFAULT 0,
  day date NOT NULL, object_kind text NOT NULL,
  rows bigint NOT NULL,
  PRIMARY KEY (day, org_id, user_id, object_kind)
);
"""

FUNCTIONS = """
CREATE OR REPLACE FUNCTION draw_consents(p_audit bigint, p_size integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_drawn integer;
BEGIN
  IF app_role() <> 'broker' OR EXISTS (SELECT 1 FROM consent_audit_item WHERE audit_id = p_audit) THEN
    RETURN 0;
  END IF;
  UPDATE consent_audit a SET asked = p_size, population = (SELECT count(*) FROM contact c WHERE c.base_id = a.base_id
      AND c.consent_source_id IS NOT NULL AND c.consent_at IS NOT NULL AND c.sealed IS NOT NULL
      AND (a.source_id IS NULL OR c.consent_source_id = a.source_id))
  WHERE a.id = p_audit;
  INSERT INTO consent_audit_item (audit_id, place, source_id, consent_at, relation)
  SELECT p_audit, row_number() OVER (ORDER BY d.lot), d.consent_source_id, d.consent_at, d.relation FROM (
    SELECT c.consent_source_id, c.consent_at, c.relation, md5(a.seed::text || '|' || c.id::text) AS lot
    FROM contact c JOIN consent_audit a ON a.base_id = c.base_id
    WHERE a.id = p_audit AND c.consent_source_id IS NOT NULL AND c.consent_at IS NOT NULL AND c.sealed IS NOT NULL
      AND (a.source_id IS NULL OR c.consent_source_id = a.source_id)
    ORDER BY lot LIMIT least(greatest(p_size, 1), 500)) d;
  GET DIAGNOSTICS v_drawn = ROW_COUNT;
  RETURN v_drawn;
END $$;

CREATE OR REPLACE FUNCTION quarantine_source(p_source bigint, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() <> 'broker' THEN
    RETURN false;
  END IF;
  UPDATE consent_source SET quarantined_at = app_now(), quarantine_reason = p_reason,
    released_at = NULL, release_reason = NULL
  WHERE id = p_source AND quarantined_at IS NULL;
  RETURN FOUND;
END $$;

-- A person takes a source out of quarantine; why it was there stays in the audit.
CREATE FUNCTION release_source(p_source bigint, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() <> 'broker' OR app_user() IS NULL THEN
    RETURN false;
  END IF;
  UPDATE consent_source SET quarantined_at = NULL, quarantine_reason = NULL,
    released_at = app_now(), release_reason = p_reason
  WHERE id = p_source AND quarantined_at IS NOT NULL;
  RETURN FOUND;
END $$;

-- How many contacts stand on each source of a base, for its owner and the platform's staff. No person.
CREATE FUNCTION contacts_by_source(p_base bigint) RETURNS TABLE (source_id bigint, contacts bigint, latest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.consent_source_id, count(*), max(c.consent_at) FROM contact c JOIN base b ON b.id = c.base_id
  WHERE c.base_id = p_base AND c.consent_source_id IS NOT NULL AND c.sealed IS NOT NULL
    AND (b.org_id = app_org() OR app_staff() OR app_role() = 'system')
  GROUP BY c.consent_source_id
$$;

-- Adds to what the actor took today of this kind; the sum.
CREATE FUNCTION meter_read(p_kind text, p_rows bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO read_meter AS m (org_id, user_id, day, object_kind, rows)
  VALUES (coalesce(app_org(), 0), coalesce(app_user(), 0), (app_now() AT TIME ZONE 'Europe/Paris')::date, p_kind,
          greatest(p_rows, 0))
  ON CONFLICT (day, org_id, user_id, object_kind) DO UPDATE SET rows = m.rows + excluded.rows
  RETURNING rows
$$;
"""

# As step 0003 wrote them.
FUNCTIONS_BEFORE = """
CREATE OR REPLACE FUNCTION draw_consents(p_audit bigint, p_size integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_drawn integer;
BEGIN
  IF NOT app_staff() OR EXISTS (SELECT 1 FROM consent_audit_item WHERE audit_id = p_audit) THEN
    RETURN 0;
  END IF;
  INSERT INTO consent_audit_item (audit_id, place, source_id, consent_at)
  SELECT p_audit, row_number() OVER (ORDER BY d.lot), d.consent_source_id, d.consent_at FROM (
    SELECT c.consent_source_id, c.consent_at, md5(p_audit::text || '|' || c.id::text) AS lot
    FROM contact c JOIN consent_audit a ON a.base_id = c.base_id
    WHERE a.id = p_audit AND c.consent_source_id IS NOT NULL AND c.consent_at IS NOT NULL AND c.sealed IS NOT NULL
    ORDER BY lot LIMIT least(greatest(p_size, 1), 500)) d;
  GET DIAGNOSTICS v_drawn = ROW_COUNT;
  RETURN v_drawn;
END $$;

CREATE OR REPLACE FUNCTION quarantine_source(p_source bigint, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT app_staff() THEN
    RETURN false;
  END IF;
  UPDATE consent_source SET quarantined_at = app_now(), quarantine_reason = p_reason
  WHERE id = p_source AND quarantined_at IS NULL;
  RETURN FOUND;
END $$;
"""

OWN_BASE = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"
BREACH_TEXTS = "which_rows, people_affected, risk, late_reason, authority_text, people_text"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    definer("release_source(bigint, text)", to="courtier_web, courtier_worker")
    definer("contacts_by_source(bigint)", to="courtier_web, courtier_worker")
    definer("meter_read(text, bigint)", to="courtier_web, courtier_worker")
    for table, staff, web in (
        ("import_field", True, "SELECT"),
        ("field_watch", False, "SELECT, INSERT (base_id, field, months), UPDATE (months, updated_at), DELETE"),
        ("field_reminder", True, "SELECT, DELETE"),
        ("retention_forecast", True, "SELECT"),
        ("retention_report", True, "SELECT"),
    ):
        own = OWN_BASE.format(table=table)
        protect(table, using=f"{own} OR app_staff()" if staff else own, check=own, web=web)
    # Staff read reminders; only their owner takes one away.
    op.execute(
        "CREATE POLICY by_its_owner ON field_reminder AS RESTRICTIVE FOR DELETE TO courtier_web USING ("
        f"{OWN_BASE.format(table='field_reminder')})"
    )
    protect(
        "base_cost",
        using="org_id = app_org() AND app_role() = 'owner'",
        web="SELECT, INSERT (code, org_id, base_id, label, rhythm, amount_cents, starts_on, ends_on),"
        " UPDATE (label, rhythm, amount_cents, starts_on, ends_on, removed_at)",
    )
    protect("read_meter", using="false")
    op.execute("GRANT SELECT (enriches), UPDATE (enriches) ON upload TO courtier_web")
    op.execute("GRANT INSERT (seed, source_id) ON consent_audit TO courtier_web")
    op.execute(f"GRANT UPDATE ({BREACH_TEXTS}) ON breach TO courtier_web")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FUNCTIONS_BEFORE)
    op.execute("DROP FUNCTION release_source(bigint, text), contacts_by_source(bigint), meter_read(text, bigint)")
    op.execute(
        "DROP TABLE read_meter, retention_report, retention_forecast, base_cost, field_reminder, field_watch,"
        " import_field"
    )
    op.execute("ALTER TABLE import_run DROP COLUMN enriches")
    op.execute("ALTER TABLE upload DROP COLUMN enriches")
    op.execute("ALTER TABLE retention_warning DROP COLUMN last_kind")
    op.execute("ALTER TABLE contact DROP COLUMN first_seen")
    op.execute("ALTER TABLE consent_audit_item DROP CONSTRAINT consent_audit_item_verdict_check")
    op.execute(
        "UPDATE consent_audit_item SET verdict = CASE verdict WHEN 'complete' THEN 'sound' WHEN 'missing' THEN 'false'"
        " ELSE verdict END WHERE verdict IN ('complete', 'missing')"
    )
    op.execute(
        "ALTER TABLE consent_audit_item ADD CONSTRAINT consent_audit_item_verdict_check"
        " CHECK (verdict IN ('sound', 'doubtful', 'false'))"
    )
    op.execute("ALTER TABLE consent_audit_item DROP COLUMN relation")
    op.execute(
        "ALTER TABLE consent_audit DROP COLUMN seed, DROP COLUMN source_id, DROP COLUMN asked, DROP COLUMN population"
    )
    op.execute("ALTER TABLE consent_source DROP COLUMN code, DROP COLUMN released_at, DROP COLUMN release_reason")
    dropped = ", ".join(f"DROP COLUMN {name.strip()}" for name in BREACH_TEXTS.split(","))
    op.execute(f"ALTER TABLE breach {dropped}")
    op.execute("RESET ROLE")
