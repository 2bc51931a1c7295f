"""Imports that go on where they were stopped, visits, attributes of products, columns that a person must look at."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

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

KINDS = ("upload", "import_run", "base_mapping")
OWN_BASE = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
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
