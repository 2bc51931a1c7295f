"""Own mailings: goals, variants, triggers, held-out groups; a base's pressure caps; seeds that tell of leaks."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = """
-- What an owner writes to its own people: once, or each day to whom an event falls due.
CREATE TABLE own_mailing (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  base_id bigint NOT NULL REFERENCES base,
  name text NOT NULL,
  goal text NOT NULL CHECK (goal IN ('loyalty', 'prospecting')),
  legal_basis text NOT NULL DEFAULT 'consent' CHECK (legal_basis IN ('consent', 'customers', 'either')),
  likeness text NOT NULL DEFAULT '',          -- why what it offers is similar to what customers bought (L34-5 CPCE)
  schedule text NOT NULL DEFAULT 'once' CHECK (schedule IN ('once', 'daily')),
  starts_at timestamptz,
  send_hour smallint NOT NULL DEFAULT 9 CHECK (send_hour BETWEEN 0 AND 23),     -- of Paris; daily
  event_kind text CHECK (event_kind IN ('purchase', 'birthday', 'consent', 'date', 'off_cycle', 'first_purchase',
    'inactivity')),
  event_field text NOT NULL DEFAULT '',
  event_days smallint NOT NULL DEFAULT 0 CHECK (event_days BETWEEN 0 AND 730),
  backlog boolean NOT NULL DEFAULT false,    -- whether people who are overdue at the start are written to as well
  category text NOT NULL DEFAULT '',         -- of the products that its message names
  held_out_bp integer NOT NULL DEFAULT 0 CHECK (held_out_bp BETWEEN 0 AND 5000),
  held_out_seed bigint NOT NULL,
  window_days smallint NOT NULL DEFAULT 30 CHECK (window_days BETWEEN 1 AND 365),
  cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),                 -- in all
  cost_micros bigint NOT NULL DEFAULT 0 CHECK (cost_micros >= 0),               -- a mail
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'active', 'paused', 'done', 'failed', 'cancelled')),
  problem text,
  since date,                                -- events from this day on count: the start, or the last going on
  next_run_at timestamptz,
  created_by bigint DEFAULT app_user(),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, org_id) REFERENCES base (id, org_id),
  CHECK ((schedule = 'daily') = (event_kind IS NOT NULL)),
  CHECK (state <> 'active' OR next_run_at IS NOT NULL)
);
CREATE INDEX own_mailing_org ON own_mailing (org_id, id);
CREATE INDEX own_mailing_base ON own_mailing (base_id);
CREATE INDEX own_mailing_due ON own_mailing (next_run_at) WHERE state = 'active';

-- One message for one segment; who is in several gets the first by `place`. No segment: everybody else.
CREATE TABLE own_variant (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  own_mailing_id bigint NOT NULL REFERENCES own_mailing,
  place smallint NOT NULL CHECK (place BETWEEN 1 AND 20),
  segment_id bigint REFERENCES segment,
  creative_id bigint REFERENCES creative,
  UNIQUE (own_mailing_id, place) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX own_variant_segment ON own_variant (segment_id);

-- One day's people: the unique key makes a second run of the same day nothing.
CREATE TABLE own_run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  own_mailing_id bigint NOT NULL REFERENCES own_mailing,
  run_on date NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (own_mailing_id, run_on)
);
CREATE TABLE own_part (
  run_id bigint NOT NULL REFERENCES own_run,
  variant_id bigint NOT NULL REFERENCES own_variant,
  mailing_id bigint REFERENCES mailing,      -- none when nobody was left
  people integer NOT NULL,
  held_out integer NOT NULL,
  exclusions jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (run_id, variant_id)
);
CREATE UNIQUE INDEX own_part_mailing ON own_part (mailing_id);

-- For whom an event was seen already (a mail, or part of the held-out group): once per person and event.
CREATE TABLE own_event (
  own_mailing_id bigint NOT NULL REFERENCES own_mailing,
  contact_id bigint NOT NULL REFERENCES contact ON DELETE CASCADE,
  event_on date NOT NULL,
  PRIMARY KEY (own_mailing_id, contact_id, event_on)
);
CREATE INDEX own_event_contact ON own_event (contact_id);
CREATE TABLE own_held_out (
  run_id bigint NOT NULL REFERENCES own_run,
  variant_id bigint NOT NULL REFERENCES own_variant,
  contact_id bigint NOT NULL REFERENCES contact ON DELETE CASCADE,
  PRIMARY KEY (run_id, contact_id)
);
CREATE INDEX own_held_out_contact ON own_held_out (contact_id);

ALTER TABLE dispatch ADD COLUMN own_run_id bigint REFERENCES own_run;
ALTER TABLE dispatch DROP CONSTRAINT dispatch_check;
ALTER TABLE dispatch ADD CONSTRAINT dispatch_check
  CHECK (num_nonnulls(order_id, participation_send_id, partner_notice_id, own_run_id) = 1);

-- broker/mailings/own/model.py holds the same steps and a test compares them.
CREATE TABLE own_transition (
  from_state text NOT NULL, to_state text NOT NULL, by_front boolean NOT NULL, PRIMARY KEY (from_state, to_state)
);
INSERT INTO own_transition VALUES
  ('draft', 'active', true), ('draft', 'cancelled', true), ('active', 'paused', true), ('active', 'cancelled', true),
  ('active', 'done', false), ('active', 'failed', false), ('paused', 'active', true), ('paused', 'cancelled', true);

-- Runs with the writer's own rights: only so does it know whether the front or a worker writes.
CREATE FUNCTION check_own_mailing() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state <> OLD.state AND NOT EXISTS (
      SELECT 1 FROM own_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state
        AND (t.by_front OR current_user <> 'courtier_web')) THEN
    RAISE EXCEPTION 'an own mailing cannot go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'own_transition';
  END IF;
  IF OLD.state <> 'draft' AND
     (NEW.goal, NEW.legal_basis, NEW.likeness, NEW.schedule, NEW.event_kind, NEW.event_field, NEW.event_days,
      NEW.backlog, NEW.category, NEW.held_out_bp, NEW.held_out_seed)
     IS DISTINCT FROM
     (OLD.goal, OLD.legal_basis, OLD.likeness, OLD.schedule, OLD.event_kind, OLD.event_field, OLD.event_days,
      OLD.backlog, OLD.category, OLD.held_out_bp, OLD.held_out_seed) THEN
    RAISE EXCEPTION 'a planned own mailing does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'own_planned';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER own_transition BEFORE UPDATE ON own_mailing FOR EACH ROW EXECUTE FUNCTION check_own_mailing();

-- A variant joins a segment of the base and a creative of the owner, while the mailing is a draft.
CREATE FUNCTION check_own_variant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_own own_mailing;
BEGIN
  SELECT * INTO v_own FROM own_mailing
  WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.own_mailing_id ELSE NEW.own_mailing_id END;
  IF v_own.state <> 'draft' THEN
    RAISE EXCEPTION 'a planned own mailing does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'own_planned';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF (NEW.segment_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM segment s WHERE s.id = NEW.segment_id AND s.base_id = v_own.base_id))
     OR (NEW.creative_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM creative c WHERE c.id = NEW.creative_id AND c.org_id = v_own.org_id))
     OR (TG_OP = 'UPDATE' AND NEW.own_mailing_id <> OLD.own_mailing_id) THEN
    RAISE EXCEPTION 'a variant joins a segment of the base and a message of its owner'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'own_variant_parties';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER own_variant_parties BEFORE INSERT OR UPDATE OR DELETE ON own_variant
  FOR EACH ROW EXECUTE FUNCTION check_own_variant();

-- What those written to and those held out bought in the window that begins with the start of their mailing: sums of
-- people, for the base's owner alone. The held out of a run are compared with those whom the same run wrote to.
CREATE FUNCTION own_effect(p_own bigint)
RETURNS TABLE (variant_id bigint, held boolean, people bigint, buyers bigint, spend_cents numeric, squares numeric,
               first_day date, last_day date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH parts AS (
    SELECT r.id AS run_id, t.variant_id, t.mailing_id, m.dispatch_id, o.base_id,
           coalesce((m.started_at AT TIME ZONE 'Europe/Paris')::date, r.run_on) AS first_day, o.window_days
    FROM own_mailing o JOIN own_run r ON r.own_mailing_id = o.id JOIN own_part t ON t.run_id = r.id
    LEFT JOIN mailing m ON m.id = t.mailing_id
    WHERE o.id = p_own AND (m.started_at IS NOT NULL OR t.mailing_id IS NULL) AND o.held_out_bp > 0
      AND (o.org_id = app_org() OR app_role() = 'system')),
  people AS (
    SELECT p.*, false AS held, s.contact_id FROM parts p
    JOIN send s ON s.dispatch_id = p.dispatch_id AND s.mailing_id = p.mailing_id AND NOT s.seed
    UNION ALL
    SELECT p.*, true, h.contact_id FROM parts p
    JOIN own_held_out h ON h.run_id = p.run_id AND h.variant_id = p.variant_id),
  spent AS (
    SELECT p.variant_id, p.held, p.first_day, p.window_days, b.bought, coalesce(b.cents, 0) AS cents
    FROM people p CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE u.amount_cents > 0) > 0 AS bought, sum(u.amount_cents) AS cents FROM purchase u
      WHERE u.base_id = p.base_id AND u.contact_id = p.contact_id
        AND u.day >= p.first_day AND u.day < p.first_day + p.window_days) b)
  SELECT variant_id, held, count(*), count(*) FILTER (WHERE bought), sum(cents), sum(cents * cents),
         min(first_day), max(first_day + window_days - 1)
  FROM spent GROUP BY variant_id, held
$$;
-- Until when the purchases of a base are known.
CREATE FUNCTION purchases_until(p_base_id bigint) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT max(day) FROM purchase WHERE base_id = p_base_id AND (app_role() = 'system' OR EXISTS (
    SELECT 1 FROM base b WHERE b.id = p_base_id AND b.org_id = app_org()))
$$;

-- How much mail a contact of a base may get, stricter than the platform's own caps; NULL: the platform's.
CREATE TABLE pressure_rule (
  base_id bigint PRIMARY KEY REFERENCES base,
  per_week smallint CHECK (per_week BETWEEN 1 AND 100),
  per_month smallint CHECK (per_month BETWEEN 1 AND 300),
  advertiser_week smallint CHECK (advertiser_week BETWEEN 1 AND 100),          -- from one advertiser; NULL: no cap
  advertiser_month smallint CHECK (advertiser_month BETWEEN 1 AND 300),
  own_counts boolean NOT NULL DEFAULT true,   -- whether the owner's mailings count against its partners'
  caps_own boolean NOT NULL DEFAULT false,    -- whether the caps hold for the owner's mailings too
  set_at timestamptz NOT NULL DEFAULT app_now()
);

-- Control addresses that tell whose list leaked: one of its own for each mailing. `plus`: local+tag@domain; `house`: a
-- mailbox of ours, made anew for each mailing; `plain`: as it is, for servers that know no sub-addresses.
ALTER TABLE seed_address ALTER sealed DROP NOT NULL;
ALTER TABLE seed_address ADD COLUMN style text NOT NULL DEFAULT 'plain' CHECK (style IN ('plain', 'plus', 'house')),
  ADD COLUMN code text NOT NULL UNIQUE DEFAULT 'seed_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
  ADD COLUMN ended_at timestamptz, ADD CHECK ((style = 'house') = (sealed IS NULL));
ALTER TABLE mailing_seed ADD COLUMN tag text, ADD COLUMN arrived_at timestamptz;
CREATE UNIQUE INDEX mailing_seed_tag ON mailing_seed (tag);

CREATE TABLE leak_case (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  mailing_id bigint NOT NULL REFERENCES mailing,
  base_id bigint NOT NULL REFERENCES base,
  owner_id bigint NOT NULL REFERENCES organisation,
  seed_org_id bigint NOT NULL REFERENCES organisation,   -- whose control address was written to
  seed_id bigint NOT NULL REFERENCES seed_address,
  sender_domain text NOT NULL,
  subject text NOT NULL DEFAULT '',
  mails integer NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT app_now(),
  last_at timestamptz NOT NULL DEFAULT app_now(),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  resolution text NOT NULL DEFAULT '',
  closed_by bigint, closed_at timestamptz,
  UNIQUE (mailing_id, seed_id, sender_domain),
  CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX leak_case_owner ON leak_case (owner_id);

-- For the mail door, which holds no address: whether a control address of ours has this tag.
CREATE FUNCTION seed_is_known(p_tag text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$ SELECT EXISTS (SELECT 1 FROM mailing_seed WHERE tag = p_tag) $$;

INSERT INTO jobs.kind VALUES ('run_own_mailing', 'mailing');
"""

# As in 0018, with the runs of own mailings among what a restore holds: a day that may have run before the loss.
HOLD = """
CREATE OR REPLACE FUNCTION hold_after_restore() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_restored timestamptz := (SELECT restored_at FROM instance);
BEGIN
  IF v_restored IS NOT NULL AND NEW.state = 'freezing' AND NEW.starts_at <= app_now() AND EXISTS (
      SELECT 1 FROM dispatch d LEFT JOIN rental_order o ON o.id = d.order_id
      LEFT JOIN participation_send s ON s.id = d.participation_send_id
      LEFT JOIN partner_notice n ON n.id = d.partner_notice_id{join}
      WHERE d.id = NEW.dispatch_id AND coalesce(o.created_at, s.created_at, n.created_at{also}) <= v_restored) THEN
    NEW.starts_at := '2999-01-01';          -- until a person starts it: courtier mailing start
    NEW.problem := 'Planned before the restore: look whether it was sent already, then start it by hand.';
  END IF;
  RETURN NEW;
END $$;
"""
HOLD_OWN = HOLD.format(
    join="\n      LEFT JOIN own_run r ON r.id = d.own_run_id LEFT JOIN own_mailing w ON w.id = r.own_mailing_id",
    also=", CASE WHEN r.run_on <= (v_restored AT TIME ZONE 'Europe/Paris')::date THEN w.created_at END",
)
HOLD_BEFORE = HOLD.format(join="", also="")

OF_OWN = "EXISTS (SELECT 1 FROM own_mailing o WHERE o.id = {table}.own_mailing_id AND o.org_id = app_org())"
OF_RUN = (
    "EXISTS (SELECT 1 FROM own_run r JOIN own_mailing o ON o.id = r.own_mailing_id"
    " WHERE r.id = own_part.run_id AND o.org_id = app_org())"
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(HOLD_OWN)
    # What purchases a mailing caused is the owner's to know; the broker sees its mailings like any others.
    protect("own_mailing", using="org_id = app_org() AND app_role() = 'owner'", web="SELECT, INSERT, UPDATE")
    protect("own_variant", using=OF_OWN.format(table="own_variant"), web="SELECT, INSERT, UPDATE, DELETE")
    protect("own_run", using=OF_OWN.format(table="own_run"), check="false", web="SELECT")
    protect("own_part", using=OF_RUN, check="false", web="SELECT")
    protect("own_event", using="false")
    protect("own_held_out", using="false")
    protect("own_transition", using="true", web="SELECT")
    protect(
        "pressure_rule",
        using="EXISTS (SELECT 1 FROM base b WHERE b.id = pressure_rule.base_id AND b.org_id = app_org())",
        web="SELECT, INSERT, UPDATE",
    )
    protect(
        "leak_case",
        using="owner_id = app_org() OR app_staff()",
        check="owner_id = app_org() OR app_role() = 'broker'",
        web="SELECT, UPDATE (state, resolution, closed_by, closed_at)",
    )
    op.execute("GRANT SELECT (code, style, ended_at), UPDATE (ended_at) ON seed_address TO courtier_web")
    definer("check_own_variant()", to="courtier_web, courtier_worker")
    definer("own_effect(bigint)", to="courtier_web, courtier_worker")
    definer("purchases_until(bigint)", to="courtier_web, courtier_worker")
    definer("seed_is_known(text)", to="courtier_public, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind = 'run_own_mailing'")
    op.execute(HOLD_BEFORE)
    op.execute("DROP FUNCTION own_effect(bigint), purchases_until(bigint), seed_is_known(text)")
    op.execute("DROP TABLE leak_case, pressure_rule")
    op.execute("DELETE FROM mailing_seed x USING seed_address a WHERE a.id = x.seed_id AND a.style = 'house'")
    op.execute("DELETE FROM seed_address WHERE style = 'house'")
    op.execute("ALTER TABLE mailing_seed DROP COLUMN tag, DROP COLUMN arrived_at")
    op.execute("REVOKE UPDATE (ended_at) ON seed_address FROM courtier_web")
    op.execute("ALTER TABLE seed_address DROP COLUMN style, DROP COLUMN code, DROP COLUMN ended_at")
    op.execute("ALTER TABLE seed_address ALTER sealed SET NOT NULL")
    # What the own mailings sent goes with them, as the notices do in 0018.
    op.execute("DELETE FROM own_held_out")
    op.execute("DELETE FROM own_part")
    op.execute(
        "DELETE FROM mailing_seed x USING mailing m, dispatch d"
        " WHERE m.id = x.mailing_id AND d.id = m.dispatch_id AND d.own_run_id IS NOT NULL"
    )
    op.execute("DELETE FROM send s USING dispatch d WHERE s.dispatch_id = d.id AND d.own_run_id IS NOT NULL")
    op.execute("DELETE FROM mailing m USING dispatch d WHERE m.dispatch_id = d.id AND d.own_run_id IS NOT NULL")
    op.execute("DELETE FROM dispatch WHERE own_run_id IS NOT NULL")
    op.execute("ALTER TABLE dispatch DROP CONSTRAINT dispatch_check")
    op.execute("ALTER TABLE dispatch DROP COLUMN own_run_id")
    op.execute(
        "ALTER TABLE dispatch ADD CONSTRAINT dispatch_check"
        " CHECK (num_nonnulls(order_id, participation_send_id, partner_notice_id) = 1)"
    )
    op.execute("DROP TABLE own_held_out, own_event, own_part, own_run, own_variant, own_mailing, own_transition")
    op.execute("DROP FUNCTION check_own_mailing(), check_own_variant()")
