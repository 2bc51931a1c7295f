"""Insight: what owners set (classes, tiers, scorecards), progress of a study, look-ups of a customer, triggers."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, protect

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
-- What an owner set for its base; nothing is overwritten, so that each snapshot's figures can be explained later.
CREATE TABLE insight_rule (
  base_id bigint NOT NULL REFERENCES base,
  kind text NOT NULL CHECK (kind IN ('rfm', 'tiers', 'scorecard', 'potential', 'shops')),
  version integer NOT NULL CHECK (version > 0),
  body jsonb NOT NULL,
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (base_id, kind, version)
);

-- What a snapshot was worked out with: `used` the version of each rule (none: defaults), `potential` the fitted model.
-- `step` of `steps` tells the page how far the findings are.
CREATE TABLE insight_run (
  snapshot_id bigint PRIMARY KEY,
  base_id bigint NOT NULL,
  used jsonb NOT NULL DEFAULT '{}',
  potential jsonb NOT NULL DEFAULT '{}',
  step smallint NOT NULL DEFAULT 0,
  steps smallint NOT NULL DEFAULT 1,
  step_name text NOT NULL DEFAULT 'waiting',
  updated_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, snapshot_id) REFERENCES snapshot (base_id, id)
);

-- An owner looks at one of its customers by its own reference: sealed by the front, matched by a worker, then gone.
CREATE TABLE customer_lookup (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL,
  base_id bigint NOT NULL,
  sealed bytea,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'found', 'not_found')),
  contact_id bigint REFERENCES contact ON DELETE CASCADE,
  found jsonb,
  asked_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)
);
CREATE INDEX customer_lookup_age ON customer_lookup (created_at);

-- A segment that renews each day, with what its mail says of the event (broker/insight/triggers.py).
CREATE TABLE insight_trigger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  base_id bigint NOT NULL REFERENCES base,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('purchase', 'birthday', 'consent', 'off_cycle', 'date')),
  field text NOT NULL,
  category text,
  days_before smallint NOT NULL CHECK (days_before BETWEEN 0 AND 60),
  rule_text text NOT NULL,
  segment_code text,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  ended_at timestamptz
);
CREATE INDEX insight_trigger_base ON insight_trigger (base_id);
INSERT INTO jobs.kind VALUES ('restudy_base', 'import'), ('look_up_customer', 'house');
"""

OWN = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    own = OWN.format
    protect(
        "insight_rule", using=own(table="insight_rule"), web="SELECT, INSERT (base_id, kind, version, body, created_by)"
    )
    protect("insight_run", using=own(table="insight_run"), web="SELECT")
    protect(
        "customer_lookup",
        using="org_id = app_org()",
        web=f"SELECT ({columns_but('customer_lookup', 'sealed', 'contact_id')}),"
        " INSERT (code, org_id, base_id, sealed, asked_by)",
    )
    protect(
        "insight_trigger",
        using=own(table="insight_trigger"),
        web="SELECT, INSERT (code, base_id, name, kind, field, category, days_before, rule_text, segment_code),"
        " UPDATE (ended_at)",
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON insight_rule FROM courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('restudy_base', 'look_up_customer')")
    op.execute("DROP TABLE insight_trigger, customer_lookup, insight_run, insight_rule")
