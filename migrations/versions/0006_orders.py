"""Creatives, rental orders, programmes, participations."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, definer, protect

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
  UNIQUE (id, org_id),
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

-- What was signed is what is sent: a signed creative and its links never change again, whoever writes.
CREATE FUNCTION keep_signed_creative() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'signed' THEN
    RAISE EXCEPTION 'a signed creative does not change' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON creative FOR EACH ROW EXECUTE FUNCTION keep_signed_creative();

CREATE FUNCTION keep_signed_links() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM creative c WHERE c.state = 'signed' AND c.id IN (
      CASE WHEN TG_OP <> 'INSERT' THEN OLD.creative_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.creative_id END)) THEN
    RAISE EXCEPTION 'the links of a signed creative do not change' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON creative_link
  FOR EACH ROW EXECUTE FUNCTION keep_signed_links();

-- The state table of an order is data; broker/rentals/model.py holds the same rows and a test compares them.
-- `parties` are those who may make the step from the front; an empty list is a step of workers alone.
CREATE TABLE order_transition (
  from_state text NOT NULL, to_state text NOT NULL, parties text[] NOT NULL, PRIMARY KEY (from_state, to_state)
);
INSERT INTO order_transition VALUES
  ('quote', 'ordered', '{advertiser}'), ('quote', 'cancelled', '{advertiser}'), ('quote', 'expired', '{}'),
  ('ordered', 'approved', '{owner}'), ('ordered', 'refused', '{owner}'), ('ordered', 'cancelled', '{advertiser}'),
  ('ordered', 'expired', '{}'),
  ('approved', 'paid', '{}'), ('approved', 'on_credit', '{}'), ('approved', 'cancelled', '{advertiser,owner}'),
  ('paid', 'scheduled', '{}'), ('on_credit', 'scheduled', '{}'), ('paid', 'cancelled', '{}'),
  ('on_credit', 'cancelled', '{}'),
  ('scheduled', 'sending', '{}'), ('scheduled', 'cancelled', '{advertiser,owner}'),
  ('sending', 'sent', '{}'), ('sending', 'cancelled', '{advertiser,owner}'), ('sent', 'settled', '{}');

CREATE TABLE rental_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  owner_id bigint NOT NULL REFERENCES organisation,
  card_id bigint NOT NULL REFERENCES data_card,
  card_code text NOT NULL, card_title text NOT NULL,   -- as quoted: a retired card is no longer readable
  base_id bigint NOT NULL REFERENCES base,
  segment_id bigint NOT NULL REFERENCES segment,
  creative_id bigint REFERENCES creative,
  state text NOT NULL DEFAULT 'quote' CHECK (state IN ('quote', 'ordered', 'approved', 'refused', 'paid', 'on_credit',
    'scheduled', 'sending', 'sent', 'settled', 'cancelled', 'expired')),
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

-- What a quote needs of a card that its advertiser may not read: owner, base, segment, and whether it is still offered.
CREATE FUNCTION card_terms(p_code text)
RETURNS TABLE (card_id bigint, owner_id bigint, base_id bigint, segment_id bigint, state text, title text,
               size_shown bigint, base_price_micros bigint, minimum_order integer, selects jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT id, org_id, base_id, segment_id, state, title, size_shown, base_price_micros, minimum_order, selects
  FROM data_card WHERE code = p_code
$$;

-- A new order names the card's own owner, base and segment, whatever the writer says.
CREATE FUNCTION check_order_start() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM data_card c WHERE c.id = NEW.card_id AND c.state = 'published'
                 AND (c.org_id, c.base_id, c.segment_id) = (NEW.owner_id, NEW.base_id, NEW.segment_id)) THEN
    RAISE EXCEPTION 'an order names a published card with its owner, base and segment'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_card';
  END IF;
  IF NEW.state <> 'quote' THEN
    RAISE EXCEPTION 'an order starts as a quote' USING ERRCODE = 'check_violation', CONSTRAINT = 'order_transition';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER order_start BEFORE INSERT ON rental_order FOR EACH ROW EXECUTE FUNCTION check_order_start();

-- Runs with the writer's own rights: only so does it know whether the front or a worker writes.
CREATE FUNCTION check_order_transition() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
  v_parties text[];
BEGIN
  IF NEW.state <> OLD.state THEN
    SELECT parties INTO v_parties FROM order_transition WHERE from_state = OLD.state AND to_state = NEW.state;
    IF v_parties IS NULL THEN
      RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation',
        CONSTRAINT = 'order_transition';
    END IF;
    IF current_user = 'courtier_web'
       AND NOT coalesce('owner' = ANY (v_parties) AND app_org() = OLD.owner_id, false)
       AND NOT coalesce('advertiser' = ANY (v_parties) AND app_org() = OLD.advertiser_id, false) THEN
      RAISE EXCEPTION 'this party cannot take an order from % to %', OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_party';
    END IF;
    IF NEW.state = 'ordered' AND NOT EXISTS (
        SELECT 1 FROM creative c WHERE c.id = NEW.creative_id AND c.org_id = NEW.advertiser_id
        AND c.state = 'signed') THEN
      RAISE EXCEPTION 'an order needs a signed creative of its advertiser'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_creative';
    END IF;
  END IF;
  IF NEW.creative_id IS DISTINCT FROM OLD.creative_id AND OLD.state <> 'quote' THEN
    RAISE EXCEPTION 'the creative of a placed order does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_creative';
  END IF;
  IF (NEW.code, NEW.advertiser_id, NEW.owner_id, NEW.card_id, NEW.base_id, NEW.segment_id, NEW.volume,
      NEW.select_rule_text, NEW.price_micros, NEW.commission_bp, NEW.vat_bp, NEW.contract_role, NEW.net_cents,
      NEW.vat_cents)
     IS DISTINCT FROM
     (OLD.code, OLD.advertiser_id, OLD.owner_id, OLD.card_id, OLD.base_id, OLD.segment_id, OLD.volume,
      OLD.select_rule_text, OLD.price_micros, OLD.commission_bp, OLD.vat_bp, OLD.contract_role, OLD.net_cents,
      OLD.vat_cents) THEN
    RAISE EXCEPTION 'the parties and terms of an order do not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_terms';
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
  words tsvector GENERATED ALWAYS AS (
    to_tsvector('french', title || ' ' || description || ' ' || sector)
    || to_tsvector('english', title || ' ' || description || ' ' || sector)) STORED,
  CHECK (ends_on >= starts_on),
  FOREIGN KEY (creative_id, advertiser_id) REFERENCES creative (id, org_id)   -- else it would show a neighbour's
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
CREATE INDEX participation_send_of ON participation_send (participation_id);

-- Both tables copy their parties from the row above, for the policies: the copy must be true.
CREATE FUNCTION check_participation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM programme p WHERE p.id = NEW.programme_id AND p.advertiser_id = NEW.advertiser_id)
     OR NOT EXISTS (SELECT 1 FROM base b WHERE b.id = NEW.base_id AND b.org_id = NEW.owner_id) THEN
    RAISE EXCEPTION 'a participation joins a base of the owner to a programme of the advertiser'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER participation_parties BEFORE INSERT OR UPDATE ON participation
  FOR EACH ROW EXECUTE FUNCTION check_participation();

-- The budget is looked at under the programme's lock and over all owners' picks, which no single owner may read.
CREATE FUNCTION check_participation_send() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_programme programme;
  v_reserved numeric;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM participation p JOIN segment s ON s.base_id = p.base_id AND s.id = NEW.segment_id
                 WHERE p.id = NEW.participation_id AND p.owner_id = NEW.owner_id
                 AND p.advertiser_id = NEW.advertiser_id) THEN
    RAISE EXCEPTION 'a send takes a segment of the base that joined'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.participation_id, NEW.segment_id, NEW.volume, NEW.send_on)
                          IS DISTINCT FROM (OLD.participation_id, OLD.segment_id, OLD.volume, OLD.send_on) THEN
    RAISE EXCEPTION 'a picked send does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.state = 'withdrawn' AND NEW.state <> 'withdrawn' THEN
    RAISE EXCEPTION 'a withdrawn send stays withdrawn'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'INSERT' THEN
    SELECT g.* INTO v_programme FROM programme g JOIN participation p ON p.programme_id = g.id
    WHERE p.id = NEW.participation_id FOR UPDATE OF g;
    SELECT coalesce(sum(t.volume), 0) INTO v_reserved FROM participation_send t
    JOIN participation p ON p.id = t.participation_id
    WHERE p.programme_id = v_programme.id AND t.state <> 'withdrawn';
    IF (v_reserved + NEW.volume) * v_programme.price_micros > v_programme.budget_cents::numeric * 10000 THEN
      RAISE EXCEPTION 'the budget of the programme does not cover this send'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'programme_budget';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER participation_parties BEFORE INSERT OR UPDATE ON participation_send
  FOR EACH ROW EXECUTE FUNCTION check_participation_send();

-- The name of the other party, for whoever shares an order (placed, not merely quoted) or an affiliate offer with it.
CREATE FUNCTION party_name(p_org bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.name FROM organisation o WHERE o.id = p_org AND (
    o.id = app_org() OR app_staff() OR app_role() = 'system'
    OR EXISTS (SELECT 1 FROM rental_order r WHERE r.state <> 'quote'
               AND (r.owner_id, r.advertiser_id) IN ((o.id, app_org()), (app_org(), o.id)))
    OR EXISTS (SELECT 1 FROM participation p
               WHERE (p.owner_id, p.advertiser_id) IN ((o.id, app_org()), (app_org(), o.id)))
    OR (app_role() = 'owner' AND EXISTS (
               SELECT 1 FROM programme g WHERE g.advertiser_id = o.id AND g.state = 'open')))
$$;

-- What the broker keeps is between the broker and the owner: an advertiser knows the price it pays. Policies choose
-- rows, so the column is not granted to the front, which asks here; null for whom it is not for.
CREATE FUNCTION commission_shown(p_order bigint, p_programme bigint) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.commission_bp FROM rental_order o WHERE o.id = p_order
    AND (app_staff() OR app_role() = 'system' OR o.owner_id = app_org())
  UNION ALL
  SELECT g.commission_bp FROM programme g WHERE g.id = p_programme
    AND (app_role() IN ('owner', 'broker', 'accountant', 'system'))
$$;

-- A picked send becomes a mailing in a worker: the front has no right to write mailings.
INSERT INTO jobs.kind VALUES ('schedule_participation_send', 'mailing') ON CONFLICT DO NOTHING;
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
        " OR EXISTS (SELECT 1 FROM programme p WHERE p.creative_id = creative.id)",
        check="org_id = app_org()",
        web="SELECT, INSERT, UPDATE",
    )
    protect(
        "creative_link",
        using="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_link.creative_id)",
        check="EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_link.creative_id AND c.org_id = app_org())",
        web="SELECT, INSERT, DELETE",
    )
    # Who may read a creative may not delete its links: a policy's check is not asked when a row is deleted.
    op.execute(
        "CREATE POLICY own_links ON creative_link AS RESTRICTIVE FOR DELETE TO courtier_web USING ("
        "EXISTS (SELECT 1 FROM creative c WHERE c.id = creative_link.creative_id AND c.org_id = app_org()))"
    )
    protect("order_transition", using="true", web="SELECT")
    # A quote is the advertiser's alone; its owner sees it once it is ordered. Terms are written once.
    protect(
        "rental_order",
        using="advertiser_id = app_org() OR (owner_id = app_org() AND state <> 'quote') OR app_staff()",
        check="advertiser_id = app_org() OR owner_id = app_org()",
        web=f"SELECT ({columns_but('rental_order', 'commission_bp')}), INSERT, UPDATE (state, creative_id, refusal)",
    )
    op.execute(
        "CREATE POLICY advertiser_orders ON rental_order AS RESTRICTIVE FOR INSERT TO courtier_web"
        " WITH CHECK (advertiser_id = app_org() AND app_role() = 'advertiser')"
    )
    protect(
        "programme",
        using="advertiser_id = app_org() OR app_staff() OR (state = 'open' AND app_role() = 'owner')"
        " OR EXISTS (SELECT 1 FROM participation j WHERE j.programme_id = programme.id AND j.owner_id = app_org())",
        check="advertiser_id = app_org()",
        web=f"SELECT ({columns_but('programme', 'commission_bp')}), INSERT, UPDATE (state, title, description)",
    )
    protect(
        "participation",
        using=f"{PARTY} OR app_staff()",
        check="owner_id = app_org()",
        web="SELECT, INSERT, UPDATE (state)",
    )
    protect(
        "participation_send",
        using=f"{PARTY} OR app_staff()",
        check="owner_id = app_org() AND state IN ('picked', 'withdrawn')",
        web="SELECT, INSERT, UPDATE (state)",
    )
    definer("card_terms(text)", to="courtier_web, courtier_worker")
    definer("party_name(bigint)", to="courtier_web, courtier_worker")
    definer("commission_shown(bigint, bigint)", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DROP TABLE participation_send, participation, programme, rental_order, order_transition, creative_link,"
        " creative CASCADE"
    )
    op.execute("DELETE FROM jobs.kind WHERE kind = 'schedule_participation_send'")
    op.execute(
        "DROP FUNCTION check_order_transition(), check_order_start(), check_participation(),"
        " check_participation_send(), card_terms(text), party_name(bigint),"
        " commission_shown(bigint, bigint), keep_signed_creative(), keep_signed_links()"
    )
