"""What keeps an instance: its journal's outbox, the hold after a restore, retention, figures for monitoring."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = """
-- One row. The id marks this instance's journal files; `restored_at` is the shared time of the last restore.
CREATE TABLE instance (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  restored_at timestamptz
);
INSERT INTO instance DEFAULT VALUES;

-- Entries on their way to the journal outside the database. A worker appends them to its file, makes that durable and
-- only then deletes them here: an entry may be written twice, never lost.
CREATE TABLE journal_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry jsonb NOT NULL);

-- Who is to be erased because nothing was heard for too long: told to the owner 30 days before. Workers only.
CREATE TABLE retention_warning (
  contact_id bigint PRIMARY KEY REFERENCES contact ON DELETE CASCADE,
  base_id bigint NOT NULL REFERENCES base,
  relation text NOT NULL CHECK (relation IN ('customer', 'prospect')),
  warned_on date NOT NULL,
  erase_on date NOT NULL CHECK (erase_on >= warned_on + 30)
);
CREATE INDEX retention_warning_day ON retention_warning (base_id, erase_on);
-- The same for the owner's page: how many, by relation and day, and what became of them. No person.
CREATE TABLE retention_notice (
  base_id bigint NOT NULL REFERENCES base,
  relation text NOT NULL CHECK (relation IN ('customer', 'prospect')),
  erase_on date NOT NULL,
  contacts bigint NOT NULL,                 -- waiting to be erased on that day, as of last night
  erased bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (base_id, relation, erase_on)
);
CREATE INDEX contact_erased ON contact (base_id) WHERE sealed IS NULL;
INSERT INTO jobs.kind VALUES ('compact_base', 'import');
"""

# What a restore must not lose, written in the transaction that makes it true. Triggers, so that no door forgets it.
JOURNAL = """
CREATE FUNCTION journal_suppression() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO journal_outbox (entry) VALUES (jsonb_build_object('kind', 'suppression', 'row', to_jsonb(NEW)));
  RETURN NULL;
END $$;
CREATE TRIGGER journalled AFTER INSERT ON suppression FOR EACH ROW EXECUTE FUNCTION journal_suppression();

CREATE FUNCTION journal_opt_out() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO journal_outbox (entry) VALUES (jsonb_build_object('kind', 'opt_out', 'row', to_jsonb(NEW)));
  RETURN NULL;
END $$;
CREATE TRIGGER journalled AFTER INSERT ON opt_out FOR EACH ROW EXECUTE FUNCTION journal_opt_out();

CREATE FUNCTION journal_erasure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO journal_outbox (entry) VALUES (jsonb_build_object(
    'kind', 'erasure', 'base_id', OLD.base_id, 'contact_key', OLD.contact_key));
  RETURN NULL;
END $$;
CREATE TRIGGER journalled AFTER UPDATE OF sealed ON contact FOR EACH ROW
  WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL) EXECUTE FUNCTION journal_erasure();

-- Outcomes themselves are journalled by the worker that makes them (broker/operate/journal/): no trigger stands in
-- the hot path. Bounces come seldom.
CREATE FUNCTION journal_bounce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO journal_outbox (entry) VALUES (jsonb_build_object(
    'kind', 'bounce', 'dispatch_id', NEW.dispatch_id, 'mailing_id', NEW.mailing_id, 'position', NEW.position,
    'status', coalesce(NEW.bounce_status, '')));
  RETURN NULL;
END $$;
CREATE TRIGGER journalled AFTER UPDATE OF bounced_at ON send FOR EACH ROW
  WHEN (OLD.bounced_at IS NULL AND NEW.bounced_at IS NOT NULL) EXECUTE FUNCTION journal_bounce();

CREATE FUNCTION journal_mailing_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO journal_outbox (entry) VALUES (jsonb_build_object('kind', 'cancelled', 'mailing_id', NEW.id));
  RETURN NULL;
END $$;
CREATE TRIGGER journalled AFTER UPDATE OF state ON mailing FOR EACH ROW
  WHEN (OLD.state <> 'cancelled' AND NEW.state = 'cancelled') EXECUTE FUNCTION journal_mailing_end();
"""

# After a restore nobody knows what became of an order between the backup and the loss: its mailing may have been sent.
HOLD = """
CREATE FUNCTION hold_after_restore() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_restored timestamptz := (SELECT restored_at FROM instance);
BEGIN
  IF v_restored IS NOT NULL AND NEW.state = 'freezing' AND NEW.starts_at <= app_now() AND EXISTS (
      SELECT 1 FROM dispatch d LEFT JOIN rental_order o ON o.id = d.order_id
      LEFT JOIN participation_send s ON s.id = d.participation_send_id
      WHERE d.id = NEW.dispatch_id AND coalesce(o.created_at, s.created_at) <= v_restored) THEN
    NEW.starts_at := '2999-01-01';          -- until a person starts it: courtier mailing start
    NEW.problem := 'Planned before the restore: look whether it was sent already, then start it by hand.';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER held_after_restore BEFORE INSERT ON mailing FOR EACH ROW EXECUTE FUNCTION hold_after_restore();
"""

# Figures for monitoring: counts by state, of nobody in particular. Sends are counted for mailings under way or ended
# within a day, so that the question stays quick however many were ever sent.
FIGURES = """
CREATE FUNCTION instance_figures() RETURNS TABLE (figure text, label text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
  SELECT 'jobs', status::text, count(*)::float8 FROM jobs.procrastinate_jobs GROUP BY status
  UNION ALL SELECT 'queue', k.queue, count(j.id)::float8
    FROM (SELECT DISTINCT queue FROM jobs.kind) k
    LEFT JOIN jobs.procrastinate_jobs j ON j.queue_name = k.queue AND j.status = 'todo'
      AND coalesce(j.scheduled_at, now()) <= now() GROUP BY k.queue
  UNION ALL SELECT 'oldest_waiting', '', coalesce(extract(epoch FROM now() - min(greatest(j.scheduled_at, e.at))), 0)
    FROM jobs.procrastinate_jobs j
    CROSS JOIN LATERAL (SELECT min(at) AS at FROM jobs.procrastinate_events
                        WHERE job_id = j.id AND type = 'deferred') e
    WHERE j.status = 'todo' AND coalesce(j.scheduled_at, now()) <= now()
  UNION ALL SELECT 'imports', state, count(*)::float8 FROM import_run
    WHERE state IN ('waiting', 'reading', 'building') GROUP BY state
  UNION ALL SELECT 'mailings', state, count(*)::float8 FROM mailing GROUP BY state
  UNION ALL SELECT 'sends', s.state, count(*)::float8 FROM mailing m
    JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
    WHERE m.state IN ('frozen', 'sending', 'paused') OR m.ended_at > app_now() - interval '1 day' GROUP BY s.state
  UNION ALL SELECT 'inbound_waiting', '', count(*)::float8 FROM inbound WHERE read_at IS NULL
  UNION ALL SELECT 'requests_waiting', '', count(*)::float8 FROM typed_request WHERE done_at IS NULL
  UNION ALL SELECT 'journal_waiting', '', count(*)::float8 FROM journal_outbox
$$;
"""

JOURNALLED = ("suppression", "opt_out", "contact", "send", "mailing")


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(JOURNAL)
    op.execute(HOLD)
    op.execute(FIGURES)
    protect("instance", using="false")
    protect("journal_outbox", using="false")
    protect("retention_warning", using="false")
    protect(
        "retention_notice",
        using="EXISTS (SELECT 1 FROM base b WHERE b.id = retention_notice.base_id AND b.org_id = app_org())"
        " OR app_staff()",
        web="SELECT",
    )
    definer("instance_figures()", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP FUNCTION instance_figures()")
    op.execute("DROP TRIGGER held_after_restore ON mailing")
    for table in JOURNALLED:
        op.execute(f"DROP TRIGGER journalled ON {table}")
    op.execute(
        "DROP FUNCTION hold_after_restore(), journal_suppression(), journal_opt_out(), journal_erasure(),"
        " journal_bounce(), journal_mailing_end()"
    )
    op.execute("DELETE FROM jobs.kind WHERE kind = 'compact_base'")
    op.execute("DROP INDEX contact_erased")
    op.execute("DROP TABLE retention_notice, retention_warning, journal_outbox, instance")
