"""Imports that go on where they were stopped, visits, attributes of products, columns that a person must look at."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
-- How far an import came, written in the transaction of each block: a worker that was killed goes on from here. What
-- was staged lies in a file of the workers; where that is gone, or shorter than this, the import begins anew.
CREATE TABLE import_progress (
  import_id bigint PRIMARY KEY REFERENCES import_run ON DELETE CASCADE,
  blocks bigint NOT NULL DEFAULT 0,         -- blocks of the file that are written
  staged_bytes bigint NOT NULL DEFAULT 0,   -- length of what lies in the staging folder for them
  resumed integer NOT NULL DEFAULT 0        -- how often a worker took it up again
);

-- A column in which forbidden words occur, too few of them to refuse it: a person of the broker's looks. The words are
-- the lexicon's own, never a cell.
CREATE TABLE column_review (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  base_id bigint NOT NULL REFERENCES base,
  import_id bigint NOT NULL REFERENCES import_run,
  header text NOT NULL,
  category text NOT NULL,                   -- what it would be: health, religion, …
  words text[] NOT NULL,
  found bigint NOT NULL,                    -- cells with such a word
  filled bigint NOT NULL,                   -- cells that are not empty
  verdict text CHECK (verdict IN ('allowed', 'refused')),
  reason text NOT NULL DEFAULT '',
  decided_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (base_id, header),
  CHECK ((verdict IS NULL) = (decided_at IS NULL))
);

-- Somebody known came by: no money, and yet activity.
CREATE TABLE visit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  base_id bigint NOT NULL REFERENCES base,
  contact_id bigint NOT NULL REFERENCES contact ON DELETE CASCADE,
  day date NOT NULL,
  shop text, kind text,
  row_key bigint NOT NULL,                  -- hash of the line and of how often it stood in its file
  import_id bigint NOT NULL REFERENCES import_run
);
CREATE UNIQUE INDEX visit_once ON visit (base_id, row_key);
CREATE INDEX visit_contact ON visit (base_id, contact_id);
CREATE INDEX visit_import ON visit (import_id);

ALTER TABLE purchase ADD COLUMN order_number text, ADD COLUMN quantity numeric,
  ADD COLUMN attributes jsonb;              -- of the product: colour, size, alloy; name -> text
"""

# What a row of contacts costs is its indices and its keys to other tables: see docs/decisions/0025-contact-indices.md.
# The keys are checked once a statement instead of once a row; whoever is named by a contact cannot be deleted.
INDICES = """
CREATE INDEX contact_base ON contact (base_id, id);
ALTER TABLE contact DROP CONSTRAINT contact_base_id_contact_key_key, ADD CONSTRAINT contact_once
  UNIQUE (contact_key, base_id);
DROP INDEX contact_key_anywhere, contact_reference, contact_md5, contact_sha256;
CREATE INDEX contact_reference ON contact USING hash (reference_key);
CREATE INDEX contact_md5 ON contact USING hash (md5_key);
CREATE INDEX contact_sha256 ON contact USING hash (sha256_key);
ALTER TABLE contact DROP CONSTRAINT contact_base_id_fkey, DROP CONSTRAINT contact_import_id_fkey,
  DROP CONSTRAINT contact_consent_source_id_fkey;

CREATE FUNCTION contact_names_what_is() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM base b WHERE b.id IN (SELECT DISTINCT base_id FROM written) FOR KEY SHARE;
  PERFORM 1 FROM import_run r WHERE r.id IN (SELECT DISTINCT import_id FROM written) FOR KEY SHARE;
  PERFORM 1 FROM consent_source s WHERE s.id IN (SELECT DISTINCT consent_source_id FROM written) FOR KEY SHARE;
  IF EXISTS (SELECT DISTINCT base_id FROM written EXCEPT SELECT id FROM base)
     OR EXISTS (SELECT DISTINCT import_id FROM written EXCEPT SELECT id FROM import_run)
     OR EXISTS (SELECT DISTINCT consent_source_id FROM written WHERE consent_source_id IS NOT NULL
                EXCEPT SELECT id FROM consent_source) THEN
    RAISE EXCEPTION 'a contact names a base, an import or a source that is not there'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'contact_names_what_is';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER names_what_is_inserted AFTER INSERT ON contact REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION contact_names_what_is();
CREATE TRIGGER names_what_is_updated AFTER UPDATE ON contact REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION contact_names_what_is();

CREATE FUNCTION named_by_contacts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_named boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT 1 FROM contact WHERE %I = $1)', TG_ARGV[0]) INTO v_named USING OLD.id;
  IF v_named THEN
    RAISE EXCEPTION '% is named by contacts', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'contact_names_what_is';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER named_by_contacts BEFORE DELETE ON base FOR EACH ROW EXECUTE FUNCTION named_by_contacts('base_id');
CREATE TRIGGER named_by_contacts BEFORE DELETE ON import_run
  FOR EACH ROW EXECUTE FUNCTION named_by_contacts('import_id');
CREATE TRIGGER named_by_contacts BEFORE DELETE ON consent_source
  FOR EACH ROW EXECUTE FUNCTION named_by_contacts('consent_source_id');
"""

INDICES_BEFORE = """
DROP TRIGGER named_by_contacts ON base;
DROP TRIGGER named_by_contacts ON import_run;
DROP TRIGGER named_by_contacts ON consent_source;
DROP TRIGGER names_what_is_inserted ON contact;
DROP TRIGGER names_what_is_updated ON contact;
DROP FUNCTION named_by_contacts();
DROP FUNCTION contact_names_what_is();
ALTER TABLE contact ADD CONSTRAINT contact_base_id_fkey FOREIGN KEY (base_id) REFERENCES base,
  ADD CONSTRAINT contact_import_id_fkey FOREIGN KEY (import_id) REFERENCES import_run,
  ADD CONSTRAINT contact_consent_source_id_fkey FOREIGN KEY (consent_source_id) REFERENCES consent_source;
DROP INDEX contact_base, contact_reference, contact_md5, contact_sha256;
ALTER TABLE contact DROP CONSTRAINT contact_once, ADD CONSTRAINT contact_base_id_contact_key_key
  UNIQUE (base_id, contact_key);
CREATE INDEX contact_key_anywhere ON contact (contact_key);
CREATE INDEX contact_reference ON contact (base_id, reference_key) WHERE reference_key IS NOT NULL;
CREATE INDEX contact_md5 ON contact (md5_key);
CREATE INDEX contact_sha256 ON contact (sha256_key);
"""

KINDS = ("upload", "import_run", "base_mapping")
OWN_BASE = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(INDICES)
    definer("contact_names_what_is()", to="courtier_worker")
    definer("named_by_contacts()", to="courtier_worker")
    for table in KINDS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_kind_check")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_kind_check CHECK (kind IN ('contacts', 'purchases', 'visits'))"
        )
    protect("import_progress", using="false")
    protect("visit", using="false")
    # The broker decides, the accountant and the owner read.
    protect(
        "column_review",
        using=f"{OWN_BASE.format(table='column_review')} OR app_staff()",
        check="app_role() = 'broker'",
        web="SELECT, UPDATE (verdict, reason, decided_at)",
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(INDICES_BEFORE)
    op.execute("DELETE FROM base_mapping WHERE kind = 'visits'")
    op.execute("DELETE FROM import_progress")
    op.execute("DROP TABLE visit, column_review, import_progress")
    op.execute("ALTER TABLE purchase DROP COLUMN order_number, DROP COLUMN quantity, DROP COLUMN attributes")
    # Their runs stay, as runs of purchases without a purchase.
    for table in ("import_run", "upload"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_kind_check")
        op.execute(f"UPDATE {table} SET kind = 'purchases' WHERE kind = 'visits'")  # noqa: S608
    op.execute("ALTER TABLE base_mapping DROP CONSTRAINT base_mapping_kind_check")
    for table in KINDS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_kind_check CHECK (kind IN ('contacts', 'purchases'))")
