"""Sends: room for a whole batch's changes in each page."""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

# A batch is claimed by one statement, which changes every row of the pages it covers: with less than half of each page
# free, a quarter of all changes moved to another page and into all indexes.
PARTITION = """
CREATE OR REPLACE FUNCTION make_send_partition(p_month integer) RETURNS void
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
    EXECUTE format('ALTER TABLE %I SET (fillfactor = {fill})', v_name);   -- room for the state's changes (HOT)
  END IF;
END $$;
DO $$
DECLARE
  v_partition regclass;
BEGIN
  FOR v_partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'send'::regclass LOOP
    EXECUTE format('ALTER TABLE %s SET (fillfactor = {fill})', v_partition);   -- for rows still to come
  END LOOP;
END $$;
"""


def upgrade() -> None:
    """Pages of sends are filled to 45 per cent."""
    op.execute(PARTITION.replace("{fill}", "45"))


def downgrade() -> None:
    """To 70, as before."""
    op.execute(PARTITION.replace("{fill}", "70"))
