"""Dispatches, mailings and their sends."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, definer, protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE dispatch_counter (month integer PRIMARY KEY, last integer NOT NULL);   -- yyyymm

CREATE TABLE dispatch (
  id bigint PRIMARY KEY,                    -- yyyymm × 10^6 + n
  order_id bigint REFERENCES rental_order,
  participation_send_id bigint REFERENCES participation_send,
  owner_id bigint NOT NULL, advertiser_id bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK (num_nonnulls(order_id, participation_send_id) = 1)
);

CREATE TABLE mailing (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('own', 'rental', 'affiliate')),
  dispatch_id bigint NOT NULL REFERENCES dispatch,
  owner_id bigint NOT NULL REFERENCES organisation,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  base_id bigint NOT NULL REFERENCES base,
  creative_id bigint NOT NULL REFERENCES creative,
  content_hash bytea NOT NULL,              -- of the signed creative: what is sent equals what was signed
  state text NOT NULL DEFAULT 'freezing'
    CHECK (state IN ('freezing', 'frozen', 'sending', 'paused', 'sent', 'cancelled', 'failed')),
  price_micros bigint NOT NULL,
  commission_bp integer NOT NULL,
  contract_role text NOT NULL DEFAULT 'principal',
  draw_seed bigint NOT NULL,                -- makes the random draw reproducible
  exclusions jsonb NOT NULL DEFAULT '{}',   -- {consent: n, partner: n, suppression: n, pressure: n, ...}
  problem text,
  starts_at timestamptz,
  frozen_at timestamptz, started_at timestamptz, ended_at timestamptz,
  closed_at timestamptz,                    -- bounces after it change nothing in the money
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX mailing_dispatch ON mailing (dispatch_id);
CREATE INDEX mailing_owner ON mailing (owner_id);
CREATE INDEX mailing_advertiser ON mailing (advertiser_id);

-- The life of a mailing is data; broker/mailings/model.py holds the same rows and a test compares them. `by_front`
-- marks what the pages may do: stop, go on, give up.
CREATE TABLE mailing_transition (
  from_state text NOT NULL, to_state text NOT NULL, by_front boolean NOT NULL, PRIMARY KEY (from_state, to_state)
);
INSERT INTO mailing_transition VALUES
  ('freezing', 'frozen', false), ('freezing', 'failed', false), ('freezing', 'cancelled', true),
  ('frozen', 'sending', false), ('frozen', 'paused', true), ('frozen', 'cancelled', true),
  ('sending', 'paused', true), ('sending', 'cancelled', true), ('sending', 'sent', false),
  ('paused', 'frozen', true), ('paused', 'sending', true), ('paused', 'cancelled', true);

-- Runs with the writer's own rights: only so does it know whether the front or a worker writes.
CREATE FUNCTION check_mailing_transition() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT EXISTS (
      SELECT 1 FROM mailing_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state
        AND (t.by_front OR current_user <> 'courtier_web')) THEN
    RAISE EXCEPTION 'a mailing cannot go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mailing_transition';
  END IF;
  IF OLD.state = 'paused' AND NEW.state IN ('frozen', 'sending')
     AND (NEW.state = 'sending') <> (OLD.started_at IS NOT NULL) THEN
    RAISE EXCEPTION 'a paused mailing goes on where it stopped'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mailing_transition';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER mailing_transition BEFORE UPDATE ON mailing
  FOR EACH ROW EXECUTE FUNCTION check_mailing_transition();

-- One recipient of one mailing. frozen = pending + claimed + attempting + deferred + withheld + cancelled + accepted
-- + refused + uncertain, always: a row is in exactly one state. A seed has no contact and no price.
CREATE TABLE send (
  dispatch_id bigint NOT NULL,
  mailing_id bigint NOT NULL,
  position integer NOT NULL,
  contact_id bigint,
  contact_key bytea NOT NULL,
  seed boolean NOT NULL DEFAULT false,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN
    ('pending', 'claimed', 'attempting', 'deferred', 'withheld', 'cancelled', 'accepted', 'refused', 'uncertain')),
  price_micros bigint NOT NULL,
  lease uuid,                               -- the batch that holds it: claimed or attempting
  attempts smallint NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  attempted_at timestamptz,
  outcome_at timestamptz,
  reply text,                               -- code and text with addresses blotted out
  bounced_at timestamptz,
  bounce_status text,
  PRIMARY KEY (dispatch_id, mailing_id, position),
  CONSTRAINT send_once_key UNIQUE (dispatch_id, contact_key),
  CONSTRAINT send_once_contact UNIQUE (dispatch_id, mailing_id, contact_id),
  CHECK (seed = (contact_id IS NULL)),
  CHECK (NOT seed OR price_micros = 0)
) PARTITION BY RANGE (dispatch_id);
-- No index on the state: its three changes in a mail's life then stay in the row's page (HOT). Waiting rows are found
-- by position; those put off by their hour, which only they have.
CREATE INDEX send_put_off ON send (mailing_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- A worker's hold on a batch of sends: the token is the fence. Whoever finds a lease over takes the batch apart.
CREATE TABLE send_batch (
  token uuid PRIMARY KEY,
  dispatch_id bigint NOT NULL,
  mailing_id bigint NOT NULL REFERENCES mailing,
  low integer NOT NULL, high integer NOT NULL,   -- positions
  leased_until timestamptz NOT NULL              -- by the real clock
);
CREATE INDEX send_batch_mailing ON send_batch (mailing_id);

-- The partition of a month is made by the freeze that first needs it. Partitions are never granted: a right on one
-- would go past the parent's policy.
CREATE FUNCTION make_send_partition(p_month integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_name text := 'send_' || p_month;
  v_next integer := CASE WHEN p_month % 100 = 12 THEN p_month + 89 ELSE p_month + 1 END;
BEGIN
  PERFORM pg_advisory_xact_lock(7203802);
  IF to_regclass(v_name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF send FOR VALUES FROM (%s) TO (%s)',
                   v_name, p_month::bigint * 1000000, v_next::bigint * 1000000);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_name);
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 70)', v_name);   -- room for the state's changes (HOT)
  END IF;
END $$;

-- A list of recipients arrives all at once: without fresh figures the planner takes it for a single row, and each
-- window of its sending would read the whole list.
CREATE FUNCTION analyze_sends(p_month integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  EXECUTE format('ANALYZE %I', 'send_' || p_month);
END $$;

CREATE FUNCTION next_dispatch(p_month integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO dispatch_counter VALUES (p_month, 1)
  ON CONFLICT (month) DO UPDATE SET last = dispatch_counter.last + 1
  RETURNING month::bigint * 1000000 + last
$$;

-- Plans the mailing of a paid order, or of a send that an owner picked: dispatch and mailing in one step, once. Every
-- price and party is read from the rows.
CREATE FUNCTION schedule_mailing(p_order bigint, p_send bigint, p_code text, p_seed bigint, p_starts timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_due record;
  v_hash bytea;
  v_dispatch bigint;
  v_mailing bigint;
BEGIN
  IF p_order IS NOT NULL THEN
    SELECT 'rental' AS kind, o.owner_id, o.advertiser_id, o.base_id, o.creative_id, o.price_micros, o.commission_bp,
           o.contract_role INTO v_due
    FROM rental_order o WHERE o.id = p_order AND o.state IN ('paid', 'on_credit') FOR UPDATE;
  ELSE
    SELECT 'affiliate' AS kind, s.owner_id, s.advertiser_id, p.base_id, g.creative_id, g.price_micros, g.commission_bp,
           'principal' AS contract_role INTO v_due
    FROM participation_send s JOIN participation p ON p.id = s.participation_id
    JOIN programme g ON g.id = p.programme_id
    WHERE s.id = p_send AND s.state = 'picked' AND p.state = 'joined' AND g.state = 'open' FOR UPDATE OF s;
  END IF;
  IF v_due IS NULL OR NOT (app_role() IN ('system', 'broker')
                           OR app_org() IS NOT DISTINCT FROM v_due.owner_id
                           OR app_org() IS NOT DISTINCT FROM v_due.advertiser_id) THEN
    RAISE EXCEPTION 'nothing to schedule' USING ERRCODE = 'check_violation', CONSTRAINT = 'not_schedulable';
  END IF;
  SELECT content_hash INTO v_hash FROM creative WHERE id = v_due.creative_id AND state = 'signed';
  IF v_hash IS NULL THEN
    RAISE EXCEPTION 'the creative is not signed' USING ERRCODE = 'check_violation', CONSTRAINT = 'creative_unsigned';
  END IF;
  v_dispatch := next_dispatch(to_char(p_starts AT TIME ZONE 'Europe/Paris', 'YYYYMM')::integer);
  INSERT INTO dispatch (id, order_id, participation_send_id, owner_id, advertiser_id)
  VALUES (v_dispatch, p_order, p_send, v_due.owner_id, v_due.advertiser_id);
  INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,
                       price_micros, commission_bp, contract_role, draw_seed, starts_at)
  VALUES (p_code, v_due.kind, v_dispatch, v_due.owner_id, v_due.advertiser_id, v_due.base_id, v_due.creative_id, v_hash,
          v_due.price_micros, v_due.commission_bp, v_due.contract_role, p_seed, p_starts)
  RETURNING id INTO v_mailing;
  UPDATE rental_order SET state = 'scheduled' WHERE id = p_order;
  UPDATE participation_send SET state = 'scheduled' WHERE id = p_send;
  RETURN v_mailing;
END $$;

-- Control addresses of owner, advertiser and broker: sealed for the workers' key, put into each send, never priced.
CREATE TABLE seed_address (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE TABLE mailing_seed (
  mailing_id bigint NOT NULL REFERENCES mailing,
  position integer NOT NULL,
  seed_id bigint NOT NULL REFERENCES seed_address,
  PRIMARY KEY (mailing_id, position)
);
"""

PARTY = "owner_id = app_org() OR advertiser_id = app_org() OR app_staff()"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect("dispatch_counter", using="false")
    protect("dispatch", using=PARTY, web="SELECT")
    shown = columns_but("mailing", "commission_bp")  # the broker's part is not an advertiser's to know
    protect("mailing", using=PARTY, web=f"SELECT ({shown}), UPDATE (state)")
    # Parties may walk down to single sends by position; nothing that links a send to a person is granted.
    protect(
        "send",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = send.mailing_id)",
        web="SELECT (dispatch_id, mailing_id, position, seed, state, price_micros, attempts, outcome_at, bounced_at)",
    )
    protect("mailing_transition", using="true", web="SELECT")
    protect("send_batch", using="false")
    protect("seed_address", using="org_id = app_org()", web="SELECT (id, org_id, created_at), INSERT")
    protect("mailing_seed", using="false")
    definer("make_send_partition(integer)", to="courtier_worker")
    definer("analyze_sends(integer)", to="courtier_worker")
    definer("next_dispatch(integer)", to="courtier_worker")
    definer("schedule_mailing(bigint, bigint, text, bigint, timestamptz)", to="courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DROP TABLE mailing_seed, seed_address, send_batch, send, mailing, mailing_transition, dispatch,"
        " dispatch_counter CASCADE"
    )
    op.execute("DROP FUNCTION check_mailing_transition()")
    op.execute("DROP FUNCTION schedule_mailing(bigint, bigint, text, bigint, timestamptz)")
    op.execute("DROP FUNCTION make_send_partition(integer), analyze_sends(integer), next_dispatch(integer)")
