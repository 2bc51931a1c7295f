"""Segments, data cards, the guard's memory, programmes."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE segment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  base_id bigint NOT NULL REFERENCES base,
  org_id bigint NOT NULL REFERENCES organisation,
  name text NOT NULL,
  rule_text text NOT NULL,
  rule jsonb NOT NULL,                      -- the rule tree; the text is the same rule
  created_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (id, base_id, org_id),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id)         -- nobody counts a neighbour's base
);
CREATE INDEX segment_base ON segment (base_id);

CREATE TABLE data_card (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  base_id bigint NOT NULL REFERENCES base,
  segment_id bigint NOT NULL REFERENCES segment,
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  state text NOT NULL DEFAULT 'published' CHECK (state IN ('published', 'withdrawn', 'retired')),
  title text NOT NULL,
  description text NOT NULL DEFAULT '',
  sector text NOT NULL,
  size_shown bigint NOT NULL,               -- guarded: perturbed, rounded, floored
  base_price_micros bigint NOT NULL CHECK (base_price_micros > 0),   -- a send
  minimum_order integer NOT NULL CHECK (minimum_order > 0),
  selects jsonb NOT NULL DEFAULT '[]',      -- [{field, label, surcharge_micros}]: what advertisers may combine
  profile jsonb NOT NULL DEFAULT '{}',      -- guarded breakdowns {gender: [{value, share}], age: ...}
  published_at timestamptz NOT NULL DEFAULT app_now(),
  withdrawn_at timestamptz,
  FOREIGN KEY (segment_id, base_id, org_id) REFERENCES segment (id, base_id, org_id),   -- nor sells it
  FOREIGN KEY (base_id, snapshot_id) REFERENCES snapshot (base_id, id)
);
CREATE INDEX data_card_org ON data_card (org_id);
CREATE INDEX data_card_base ON data_card (base_id);

-- What every advertiser may search: no policy (full-text operators are not leakproof, policies would block the
-- index), so only public columns, and rows exist here only while a card is published. Workers and the publishing
-- verb's trigger keep it.
CREATE TABLE published_card (
  card_id bigint PRIMARY KEY REFERENCES data_card ON DELETE CASCADE,
  code text NOT NULL UNIQUE,
  title text NOT NULL, description text NOT NULL, sector text NOT NULL,
  size_shown bigint NOT NULL,
  base_price_micros bigint NOT NULL,
  minimum_order integer NOT NULL,
  selects jsonb NOT NULL, profile jsonb NOT NULL,
  published_at timestamptz NOT NULL,
  words tsvector GENERATED ALWAYS AS (
    to_tsvector('french', title || ' ' || description || ' ' || sector)
    || to_tsvector('english', title || ' ' || description || ' ' || sector)) STORED
);
CREATE INDEX published_card_words ON published_card USING gin (words);

CREATE FUNCTION copy_published_card() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM published_card WHERE card_id = NEW.id;
  IF NEW.state = 'published' THEN
    INSERT INTO published_card VALUES (NEW.id, NEW.code, NEW.title, NEW.description, NEW.sector, NEW.size_shown,
      NEW.base_price_micros, NEW.minimum_order, NEW.selects, NEW.profile, NEW.published_at);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER copy_published AFTER INSERT OR UPDATE ON data_card
  FOR EACH ROW EXECUTE FUNCTION copy_published_card();

-- The guard's memory: every set ever shown outside its owner, with the figure shown; viewer 0 is everybody (the sizes
-- on cards). Nothing is forgotten or changed: near sets repeat each other's figure across advertisers and snapshots.
CREATE TABLE guard_answer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  viewer_org_id bigint NOT NULL,
  base_id bigint NOT NULL REFERENCES base,
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  rule_hash bytea NOT NULL,
  rule jsonb NOT NULL,
  true_count bigint NOT NULL,
  shown bigint NOT NULL,
  anchor boolean NOT NULL,                  -- worked out for this very set, not repeated from a near one
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX guard_answer_question ON guard_answer (snapshot_id, viewer_org_id, rule_hash, id);
CREATE INDEX guard_answer_anchor ON guard_answer (base_id, true_count) WHERE anchor;
CREATE TABLE guard_budget (
  viewer_org_id bigint NOT NULL,
  base_id bigint NOT NULL REFERENCES base,
  day date NOT NULL,
  asked integer NOT NULL DEFAULT 0,
  PRIMARY KEY (viewer_org_id, base_id, day)
);
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    # A segment's rule and a card's figures stand as they were counted and published: a new rule is a new segment.
    protect("segment", using="org_id = app_org()", web="SELECT, INSERT, UPDATE (name)")
    protect(
        "data_card",
        using="org_id = app_org() OR app_staff()",
        check="org_id = app_org() OR app_role() = 'broker'",
        web="SELECT, INSERT, UPDATE (state, withdrawn_at)",
    )
    op.execute(
        "CREATE POLICY own_card ON data_card AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK (org_id = app_org())"
    )
    op.execute("GRANT SELECT ON published_card TO courtier_web")
    op.execute("GRANT ALL ON published_card TO courtier_worker")
    protect("guard_answer", using="false")
    protect("guard_budget", using="false")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TABLE guard_budget, guard_answer, published_card, data_card, segment CASCADE")
    op.execute("DROP FUNCTION copy_published_card()")
