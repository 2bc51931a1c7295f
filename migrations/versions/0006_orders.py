"""Creatives, rental orders, programmes, participations."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE creative (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,       -- the advertiser (or the owner, for its own mailings)
  name text NOT NULL,
  subject text NOT NULL,
  from_name text NOT NULL,
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  source_html text NOT NULL,
  html text NOT NULL,                       -- cleaned; links replaced by numbered slots, merge tags by named slots
  plain text NOT NULL,
  report jsonb NOT NULL DEFAULT '{}',       -- the keys of `courtier creative check`
  content_hash bytea NOT NULL,
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'signed')),
  signed_hash bytea, signed_by bigint, signed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (state = 'draft' OR (signed_hash = content_hash AND signed_by IS NOT NULL AND signed_at IS NOT NULL))
);
CREATE INDEX creative_org ON creative (org_id);
CREATE TABLE creative_link (
  creative_id bigint NOT NULL REFERENCES creative ON DELETE CASCADE,
  number smallint NOT NULL,
  url text NOT NULL,
  hidden boolean NOT NULL DEFAULT false,    -- the link only machines see: a click on it tells a scanner
  PRIMARY KEY (creative_id, number)
);

-- The state table of an order is data; broker/rentals/model.py holds the same rows and a test compares them.
CREATE TABLE order_transition (
  from_state text NOT NULL, to_state text NOT NULL, PRIMARY KEY (from_state, to_state)
);
INSERT INTO order_transition VALUES
  ('quote', 'ordered'), ('quote', 'expired'), ('quote', 'cancelled'),
  ('ordered', 'approved'), ('ordered', 'refused'), ('ordered', 'cancelled'), ('ordered', 'expired'),
  ('approved', 'paid'), ('approved', 'on_credit'), ('approved', 'cancelled'),
  ('paid', 'scheduled'), ('on_credit', 'scheduled'), ('paid', 'cancelled'), ('on_credit', 'cancelled'),
  ('scheduled', 'sending'), ('scheduled', 'cancelled'),
  ('sending', 'sent'), ('sending', 'cancelled'), ('sent', 'settled');

CREATE TABLE rental_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  owner_id bigint NOT NULL REFERENCES organisation,
  card_id bigint NOT NULL REFERENCES data_card,
  base_id bigint NOT NULL REFERENCES base,
  segment_id bigint NOT NULL REFERENCES segment,
  creative_id bigint REFERENCES creative,
  state text NOT NULL DEFAULT 'quote',
  volume integer NOT NULL CHECK (volume > 0),
  select_rule_text text NOT NULL DEFAULT '',
  select_rule jsonb,                        -- the advertiser's selects, in the card's list
  size_shown bigint NOT NULL,               -- the guarded figure that the quote showed
  price_micros bigint NOT NULL CHECK (price_micros > 0),     -- a send, selects included
  commission_bp integer NOT NULL CHECK (commission_bp BETWEEN 0 AND 10000),
  vat_bp integer NOT NULL,
  contract_role text NOT NULL DEFAULT 'principal'
    CHECK (contract_role IN ('principal', 'agent_of_owner', 'agent_of_advertiser')),
  net_cents bigint NOT NULL, vat_cents bigint NOT NULL,
  send_on date,
  valid_until timestamptz NOT NULL,
  refusal text,
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  updated_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX rental_order_advertiser ON rental_order (advertiser_id, id);
CREATE INDEX rental_order_owner ON rental_order (owner_id, id);

CREATE FUNCTION check_order_transition() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT EXISTS (
      SELECT 1 FROM order_transition WHERE from_state = OLD.state AND to_state = NEW.state) THEN
    RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation',
      CONSTRAINT = 'order_transition';
  END IF;
  IF (NEW.advertiser_id, NEW.owner_id, NEW.card_id) <> (OLD.advertiser_id, OLD.owner_id, OLD.card_id) THEN
    RAISE EXCEPTION 'the parties of an order do not change' USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := app_now();
  RETURN NEW;
END $$;
CREATE TRIGGER order_transition BEFORE UPDATE ON rental_order FOR EACH ROW EXECUTE FUNCTION check_order_transition();

CREATE TABLE programme (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  title text NOT NULL, description text NOT NULL DEFAULT '', sector text NOT NULL,
  model text NOT NULL CHECK (model IN ('cpm')),          -- CPC, CPL, CPA come with conversions
  price_micros bigint NOT NULL CHECK (price_micros > 0),
  commission_bp integer NOT NULL CHECK (commission_bp BETWEEN 0 AND 10000),
  budget_cents bigint NOT NULL CHECK (budget_cents > 0),
  creative_id bigint NOT NULL REFERENCES creative,
  starts_on date NOT NULL, ends_on date NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('draft', 'open', 'closed')),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (ends_on >= starts_on)
);
CREATE INDEX programme_open ON programme (state, sector);

CREATE TABLE participation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  programme_id bigint NOT NULL REFERENCES programme,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  owner_id bigint NOT NULL REFERENCES organisation,
  base_id bigint NOT NULL REFERENCES base,
  state text NOT NULL DEFAULT 'joined' CHECK (state IN ('joined', 'withdrawn')),
  joined_by bigint,
  joined_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (programme_id, base_id)
);

-- One send that the owner said yes to: segment and day. Nothing leaves without such a row.
CREATE TABLE participation_send (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  participation_id bigint NOT NULL REFERENCES participation,
  advertiser_id bigint NOT NULL, owner_id bigint NOT NULL,
  segment_id bigint NOT NULL REFERENCES segment,
  volume integer NOT NULL CHECK (volume > 0),
  send_on date NOT NULL,
  state text NOT NULL DEFAULT 'picked' CHECK (state IN ('picked', 'scheduled', 'sending', 'sent', 'withdrawn')),
  picked_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
"""

PARTY = "owner_id = app_org() OR advertiser_id = app_org()"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    # An owner must read what it approves: creatives of orders and of programmes it can see.
    protect(
        "creative",
        using="org_id = app_org() OR app_staff()"
        " OR EXISTS (SELECT 1 FROM rental_order o WHERE o.creative_id = creative.id AND o.owner_id = app_org())"
        " OR EXISTS (SELECT 1 FROM programme p WHERE p.creative_id = creative.id AND p.state = 'open')",
        check="org_id = app_org()",
        web="SELECT, INSERT, UPDATE",
    )
    protect(
        "creative_link",
        using="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_link.creative_id)",
        check="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_link.creative_id AND c.org_id = app_org())",
        web="SELECT, INSERT, DELETE",
    )
    protect("order_transition", using="true", web="SELECT")
    protect("rental_order", using=f"{PARTY} OR app_staff()", web="SELECT, INSERT, UPDATE")
    protect(
        "programme",
        using="advertiser_id = app_org() OR app_staff() OR (state = 'open' AND app_role() = 'owner')",
        check="advertiser_id = app_org()",
        web="SELECT, INSERT, UPDATE",
    )
    protect(
        "participation",
        using=f"{PARTY} OR app_staff()",
        check="owner_id = app_org()",
        web="SELECT, INSERT, UPDATE",
    )
    protect(
        "participation_send",
        using=f"{PARTY} OR app_staff()",
        check="owner_id = app_org()",
        web="SELECT, INSERT, UPDATE",
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DROP TABLE participation_send, participation, programme, rental_order, order_transition, creative_link,"
        " creative CASCADE"
    )
    op.execute("DROP FUNCTION check_order_transition()")
