"""What owners decide before an import runs, its dry run, and questions about one contact by customer reference."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, protect

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = """
-- What the owner decided about an upload on its mapping page, and what a dry run of it found. `revision` counts the
-- decisions: a dry run of an earlier one writes nothing.
CREATE TABLE import_plan (
  upload_id bigint PRIMARY KEY,
  base_id bigint NOT NULL,
  mapping jsonb NOT NULL DEFAULT '{}',      -- header -> field
  policies jsonb NOT NULL DEFAULT '{}',     -- field -> newest | keep
  reading jsonb NOT NULL DEFAULT '{}',      -- encoding, delimiter, month_first, types, domains
  revision integer NOT NULL DEFAULT 1,
  check_state text NOT NULL DEFAULT 'none' CHECK (check_state IN ('none', 'waiting', 'running', 'done', 'failed')),
  checked jsonb NOT NULL DEFAULT '{}',      -- counters of the dry run, its reasons, misspelt domains
  updated_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, upload_id) REFERENCES upload (base_id, id) ON DELETE CASCADE
);

ALTER TABLE import_run ADD COLUMN reading jsonb NOT NULL DEFAULT '{}', ADD COLUMN started_by bigint,
  ADD COLUMN outcome jsonb NOT NULL DEFAULT '{}';  -- of the accepted: added, known, unchanged

-- The type that the owner gave a trait, and the policy of a field, for the base's next file.
ALTER TABLE base_mapping ADD COLUMN type text CHECK (type IN ('category', 'number', 'date', 'bool', 'tags'));
CREATE TABLE base_policy (
  base_id bigint NOT NULL REFERENCES base,
  field text NOT NULL,
  policy text NOT NULL CHECK (policy IN ('newest', 'keep')),
  updated_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (base_id, field)
);

-- A program or a page asks about one contact by the owner's customer reference, or has it erased: the reference is
-- sealed by the front and gone once a worker has answered. The answer holds no identity in clear, and goes, too.
CREATE TABLE contact_question (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL,
  base_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('show', 'erase')),
  sealed bytea,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'answered', 'unknown')),
  answer jsonb,
  asked_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)
);
CREATE INDEX contact_question_age ON contact_question (created_at);
CREATE INDEX contact_question_base ON contact_question (base_id);

INSERT INTO jobs.kind VALUES ('check_upload', 'import'), ('answer_question', 'house');
"""

OWN_BASE = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect(
        "import_plan",
        using=OWN_BASE.format(table="import_plan"),
        web="SELECT, INSERT (upload_id, base_id, mapping, policies, reading, check_state),"
        " UPDATE (mapping, policies, reading, revision, check_state, checked, updated_at)",
    )
    protect(
        "base_policy",
        using=OWN_BASE.format(table="base_policy"),
        web="SELECT, INSERT, UPDATE (policy, updated_at), DELETE",
    )
    op.execute("GRANT UPDATE (type) ON base_mapping TO courtier_web")
    protect(
        "contact_question",
        using="org_id = app_org() AND app_role() = 'owner'",
        web=f"SELECT ({columns_but('contact_question', 'sealed')}),"
        " INSERT (code, org_id, base_id, kind, sealed, asked_by)",
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('check_upload', 'answer_question')")
    op.execute("DROP TABLE contact_question, base_policy, import_plan")
    op.execute("ALTER TABLE base_mapping DROP COLUMN type")
    op.execute("ALTER TABLE import_run DROP COLUMN reading, DROP COLUMN started_by, DROP COLUMN outcome")
