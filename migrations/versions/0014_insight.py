"""What is found out about a base's customers, by snapshot; segments that name segments."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = """
-- Aggregates for the owner's pages (docs/insight.md has the shape of `found`); kept to compare snapshots over time.
CREATE TABLE base_insight (
  snapshot_id bigint PRIMARY KEY REFERENCES snapshot,
  base_id bigint NOT NULL REFERENCES base,
  as_of date NOT NULL,
  found jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, snapshot_id) REFERENCES snapshot (base_id, id)
);
CREATE INDEX base_insight_base ON base_insight (base_id, snapshot_id);
INSERT INTO jobs.kind VALUES ('build_insight', 'import');
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect(
        "base_insight",
        using="EXISTS (SELECT 1 FROM base b WHERE b.id = base_insight.base_id AND b.org_id = app_org())",
        web="SELECT",
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TABLE base_insight")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'build_insight'")
