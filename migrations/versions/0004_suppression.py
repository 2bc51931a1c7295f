"""Opt-outs, complaints, hard bounces: they never expire."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# One row says: nothing to this person in this scope. Scope columns not concerned are 0, so that uniqueness is plain.
# No address is kept: contact_key is the keyed fingerprint under the pepper version named.
TABLES = """
CREATE TABLE suppression (
  contact_key bytea NOT NULL CHECK (length(contact_key) = 16),
  pepper_version smallint NOT NULL,
  scope text NOT NULL CHECK (scope IN ('everywhere', 'base', 'advertiser')),
  base_id bigint NOT NULL DEFAULT 0,
  advertiser_id bigint NOT NULL DEFAULT 0,
  reason text NOT NULL CHECK (reason IN ('opt_out', 'objection', 'complaint', 'hard_bounce', 'erasure')),
  evidence text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (contact_key, scope, base_id, advertiser_id),
  CHECK ((scope = 'base') = (base_id <> 0)),
  CHECK ((scope = 'advertiser') = (advertiser_id <> 0))
);
CREATE INDEX suppression_base ON suppression (base_id) WHERE scope = 'base';

CREATE FUNCTION refuse_lifting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a suppression is never lifted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER never_lifted BEFORE UPDATE OR DELETE ON suppression FOR EACH ROW EXECUTE FUNCTION refuse_lifting();
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect("suppression", using="false")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON suppression FROM courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TABLE suppression")
    op.execute("DROP FUNCTION refuse_lifting()")
