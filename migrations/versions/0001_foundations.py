"""Roles, the shared clock, the job engine."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

from migrations.protect import definer, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROLES = """
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'courtier_owner') THEN CREATE ROLE courtier_owner NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'courtier_web') THEN CREATE ROLE courtier_web LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'courtier_public') THEN CREATE ROLE courtier_public LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'courtier_worker') THEN
    CREATE ROLE courtier_worker LOGIN BYPASSRLS;
  END IF;
END $$;
"""

# Whoever can make a temporary table can shadow names and hang triggers on it. Imports need them, the front does not.
TEMPORARY_TABLES = """
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO courtier_worker', current_database());
END $$;
"""

# The list of job kinds is data, so that the front can ask for nothing else. `queue` lets workers be specialised.
JOB_KINDS = """
CREATE TABLE jobs.kind (kind text PRIMARY KEY, queue text NOT NULL);
INSERT INTO jobs.kind VALUES
  ('import_base', 'import'), ('import_purchases', 'import'), ('build_snapshot', 'import'),
  ('freeze_mailing', 'mailing'), ('send_mailing', 'delivery'),
  ('read_inbound', 'feedback'), ('classify_hits', 'feedback'), ('match_request', 'feedback'),
  ('settle_mailing', 'billing'), ('book_payment', 'billing');

CREATE FUNCTION jobs.enqueue(p_kind text, p_id bigint, p_after integer DEFAULT 0) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = jobs, pg_temp AS $$
DECLARE
  v_queue text;
  v_job bigint;
BEGIN
  SELECT queue INTO v_queue FROM jobs.kind WHERE kind = p_kind;
  IF v_queue IS NULL THEN
    RAISE EXCEPTION 'unknown job kind %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Rows are the truth and a job only a nudge, so each kind and row needs at most one that waits: a second ask is one.
  INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, priority, queueing_lock, args, scheduled_at)
  VALUES (v_queue, p_kind, 0, CASE WHEN p_after = 0 THEN p_kind || ':' || p_id END, jsonb_build_object('row_id', p_id),
          CASE WHEN p_after > 0 THEN now() + make_interval(secs => p_after) END)
  ON CONFLICT DO NOTHING RETURNING id INTO v_job;
  RETURN v_job;
END $$;
"""

CLOCK = """
CREATE FUNCTION app_org() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('app.org', true), '')::bigint $$;
CREATE FUNCTION app_role() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('app.role', true), ''), 'public') $$;
CREATE FUNCTION app_user() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('app.user', true), '')::bigint $$;
CREATE FUNCTION app_staff() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT app_role() IN ('broker', 'accountant') $$;
GRANT EXECUTE ON FUNCTION app_org(), app_role(), app_user(), app_staff()
  TO courtier_web, courtier_public, courtier_worker;

CREATE TABLE shared_clock (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  demo boolean NOT NULL DEFAULT false,
  ahead interval NOT NULL DEFAULT interval '0',
  CHECK (demo OR ahead = interval '0')
);
INSERT INTO shared_clock DEFAULT VALUES;

CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT now() + (SELECT ahead FROM shared_clock) $$;

CREATE FUNCTION advance_demo_clock(p_by interval) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF p_by < interval '0' THEN RAISE EXCEPTION 'the clock only moves forward'; END IF;
  UPDATE shared_clock SET ahead = ahead + p_by WHERE demo;
  IF NOT FOUND THEN RAISE EXCEPTION 'the clock of this database is not flagged as a demo'; END IF;
  RETURN app_now();
END $$;
"""


def upgrade() -> None:
    op.execute(ROLES)
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE, CREATE ON SCHEMA public TO courtier_owner")
    op.execute("GRANT USAGE ON SCHEMA public TO courtier_web, courtier_public, courtier_worker")
    op.execute("CREATE SCHEMA jobs AUTHORIZATION courtier_owner")
    op.execute("GRANT USAGE ON SCHEMA jobs TO courtier_web, courtier_worker")
    op.execute(TEMPORARY_TABLES)
    op.execute("SET LOCAL ROLE courtier_owner")
    # A new function is nobody's until it is granted: a trigger function that runs as the owner could else be hung on
    # a table of the caller's own.
    op.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    op.execute(CLOCK)
    protect("shared_clock", using="false")
    definer("app_now()", to="courtier_web, courtier_public, courtier_worker")
    definer("advance_demo_clock(interval)", to="courtier_worker")
    op.execute("SET LOCAL search_path = jobs, public")
    # Without parameters psycopg reads no placeholders into the script's percent signs.
    op.get_bind().connection.driver_connection.execute(SchemaManager.get_schema())
    op.execute(JOB_KINDS)
    op.execute("SET LOCAL search_path = public")
    # Public pages ask for jobs only through their own functions, which run as the owner.
    definer("jobs.enqueue(text, bigint, integer)", to="courtier_web, courtier_worker")
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA jobs FROM PUBLIC")
    op.execute("GRANT ALL ON ALL TABLES IN SCHEMA jobs TO courtier_worker")
    op.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA jobs TO courtier_worker")
    op.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jobs TO courtier_worker")
    op.execute("GRANT EXECUTE ON FUNCTION jobs.enqueue(text, bigint, integer) TO courtier_web")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
    op.execute("DROP TABLE shared_clock")
    op.execute("DROP FUNCTION app_now(), advance_demo_clock(interval), app_org(), app_role(), app_user(), app_staff()")
    op.execute("ALTER DEFAULT PRIVILEGES FOR ROLE courtier_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC")
    # Roles belong to the whole server and may serve another database: they stay.
