"""Delivery: relays, pace, warm-up, reasons of refusals, signatures made ahead."""

from __future__ import annotations

from alembic import op

from migrations.protect import protect

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLES = """
-- Why a send was refused or put off: address, policy, content, reputation, busy, lost, relay, pace.
ALTER TABLE send ADD reason text;

-- What the broker set; what ships with the program stands in broker/delivery/data/providers.csv. A NULL means no limit.
CREATE TABLE pace_rule (
  scope text NOT NULL CHECK (scope IN ('relay', 'provider', 'domain')),
  name text NOT NULL,                       -- host:port, a provider's name, a recipient domain
  per_minute integer CHECK (per_minute > 0),
  at_once integer CHECK (at_once > 0),
  set_by bigint,
  set_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (scope, name)
);

-- The pace that all workers share, by the real clock. A worker takes mails for some hundred milliseconds at a time, so
-- that one that dies keeps nobody waiting. UNLOGGED: after a crash of the database buckets start anew.
CREATE UNLOGGED TABLE pace_bucket (
  scope text NOT NULL, name text NOT NULL,
  tokens double precision NOT NULL,
  filled_at timestamptz NOT NULL,
  PRIMARY KEY (scope, name)
);
-- Who sends under a limit now, and how many mails each may have on their way at once.
CREATE UNLOGGED TABLE pace_hold (
  scope text NOT NULL, name text NOT NULL, holder uuid NOT NULL,
  slots integer NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (scope, name, holder)
);
-- Up to when sends of a mailing that wait for a pace have been given their hour.
CREATE TABLE pace_queue (
  mailing_id bigint NOT NULL REFERENCES mailing,
  scope text NOT NULL, name text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (mailing_id, scope, name)
);

-- A new sending domain earns its name slowly: so many mails on its first day, so many on its second, ...
CREATE TABLE warm_up (
  domain text PRIMARY KEY,
  started_on date NOT NULL,
  caps integer[] NOT NULL CHECK (cardinality(caps) BETWEEN 1 AND 366),
  set_by bigint,
  set_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE TABLE warm_day (
  domain text NOT NULL,
  day date NOT NULL,
  used integer NOT NULL,
  PRIMARY KEY (domain, day)
);

-- How each relay fared last, for those who look after it.
CREATE TABLE relay_health (
  name text PRIMARY KEY,
  resting_until timestamptz,
  failures integer NOT NULL DEFAULT 0,      -- in a row
  reason text,
  changed_at timestamptz NOT NULL DEFAULT app_now()
);

-- DKIM signatures made before a mailing's hour: 256 bytes and a digest of what was signed for each position of a block.
-- A digest that no longer fits (template, address, key, date) voids its signature: the mail is signed anew.
CREATE TABLE presigning (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  dated timestamptz NOT NULL,               -- the Date of the mails, and the t= of their signatures
  upto integer NOT NULL DEFAULT 0,          -- positions under it have been looked at
  signed integer NOT NULL DEFAULT 0,
  done_at timestamptz
);
CREATE TABLE presigned (
  mailing_id bigint NOT NULL REFERENCES mailing,
  block integer NOT NULL,
  dated timestamptz NOT NULL,
  digests bytea NOT NULL,                   -- 16 bytes a position; zero where there is none
  signatures bytea NOT NULL,                -- 256 bytes a position
  PRIMARY KEY (mailing_id, block)
);
ALTER TABLE presigned ALTER digests SET STORAGE EXTERNAL, ALTER signatures SET STORAGE EXTERNAL;

INSERT INTO jobs.kind VALUES ('presign_mailing', 'delivery');
"""

FUNCTIONS = """
-- What one sender may send now under each limit: mails of a bucket that fills with p_rates a minute, holding a second's
-- worth, and slots of p_at_once. Senders share evenly; what one leaves, the others get with their next question.
CREATE FUNCTION ask_pace(p_holder uuid, p_scopes text[], p_names text[], p_wants integer[], p_rates integer[],
                         p_at_once integer[], p_seconds integer)
RETURNS TABLE (scope text, name text, granted integer, slots integer)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_ask record;
  v_now timestamptz := clock_timestamp();
  v_bucket record;
  v_active integer;
  v_rank integer;
  v_others integer;
  v_room double precision;
  v_tokens double precision;
  v_granted integer;
  v_slots integer;
BEGIN
  FOR v_ask IN
    SELECT * FROM unnest(p_scopes, p_names, p_wants, p_rates, p_at_once) AS a(scope, name, want, rate, at_once)
    ORDER BY 1, 2  -- one order of locks for all
  LOOP
    v_room := greatest(1, coalesce(v_ask.rate, 0) / 60.0);
    INSERT INTO pace_bucket VALUES (v_ask.scope, v_ask.name, v_room, v_now) ON CONFLICT DO NOTHING;
    SELECT * INTO v_bucket FROM pace_bucket b WHERE b.scope = v_ask.scope AND b.name = v_ask.name FOR UPDATE;
    v_now := clock_timestamp();
    DELETE FROM pace_hold h WHERE h.scope = v_ask.scope AND h.name = v_ask.name AND h.until <= v_now;
    INSERT INTO pace_hold AS h VALUES (v_ask.scope, v_ask.name, p_holder, 0, v_now + make_interval(secs => p_seconds))
    ON CONFLICT (scope, name, holder) DO UPDATE SET until = excluded.until;
    SELECT count(*), count(*) FILTER (WHERE h.holder < p_holder),
           coalesce(sum(h.slots) FILTER (WHERE h.holder <> p_holder), 0)
    INTO v_active, v_rank, v_others FROM pace_hold h WHERE h.scope = v_ask.scope AND h.name = v_ask.name;
    v_slots := NULL;
    IF v_ask.at_once IS NOT NULL THEN
      v_slots := greatest(0, least(v_ask.at_once / v_active + (v_rank < v_ask.at_once % v_active)::integer,
                                   v_ask.at_once - v_others));
      UPDATE pace_hold h SET slots = v_slots
      WHERE h.scope = v_ask.scope AND h.name = v_ask.name AND h.holder = p_holder;
    END IF;
    v_granted := v_ask.want;
    IF v_ask.rate IS NOT NULL THEN
      -- A clock that jumped gives nothing away: at most a second's worth, never less than nothing.
      v_tokens := least(v_room, v_bucket.tokens
        + greatest(0, extract(epoch FROM v_now - v_bucket.filled_at)) * v_ask.rate / 60.0);
      v_granted := least(v_ask.want, floor(v_tokens)::integer, greatest(1, ceil(v_room / v_active)::integer));
      UPDATE pace_bucket b SET tokens = v_tokens - v_granted, filled_at = v_now
      WHERE b.scope = v_ask.scope AND b.name = v_ask.name;
    END IF;
    scope := v_ask.scope; name := v_ask.name; granted := v_granted; slots := v_slots;
    RETURN NEXT;
  END LOOP;
END $$;

-- So many mails of today's cap of a sending domain, for one sender; what it does not use it gives back (negative).
CREATE FUNCTION ask_warm_up(p_domain text, p_day date, p_want integer, p_cap integer) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE v_used integer; v_granted integer;
BEGIN
  INSERT INTO warm_day VALUES (p_domain, p_day, 0) ON CONFLICT DO NOTHING;
  SELECT used INTO v_used FROM warm_day WHERE domain = p_domain AND day = p_day FOR UPDATE;
  v_granted := greatest(least(p_want, p_cap - v_used), least(p_want, 0));
  UPDATE warm_day SET used = greatest(0, used + v_granted) WHERE domain = p_domain AND day = p_day;
  RETURN v_granted;
END $$;
"""

STAFF = "app_role() IN ('broker', 'system')"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute("GRANT SELECT (reason) ON send TO courtier_web")
    protect("pace_rule", using=STAFF, web="SELECT, INSERT, UPDATE, DELETE")
    protect("warm_up", using=STAFF, web="SELECT, INSERT, UPDATE, DELETE")
    protect("warm_day", using=STAFF, web="SELECT")
    protect("relay_health", using=STAFF, web="SELECT")
    for table in ("pace_bucket", "pace_hold", "pace_queue", "presigning", "presigned"):
        protect(table, using="false")
    for signature in (
        "ask_pace(uuid, text[], text[], integer[], integer[], integer[], integer)",
        "ask_warm_up(text, date, integer, integer)",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.procrastinate_jobs WHERE task_name = 'presign_mailing'")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'presign_mailing'")
    op.execute("DROP FUNCTION ask_warm_up(text, date, integer, integer)")
    op.execute("DROP FUNCTION ask_pace(uuid, text[], text[], integer[], integer[], integer[], integer)")
    op.execute(
        "DROP TABLE presigned, presigning, relay_health, warm_day, warm_up, pace_queue, pace_hold, pace_bucket,"
        " pace_rule"
    )
    op.execute("ALTER TABLE send DROP reason")
