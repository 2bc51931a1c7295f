"""Segments that name segments never run in a circle; the broker compares segments; reservations by base and day."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = """
-- A rule names other segments of its base by code. One that names itself, even through others, could never be counted
-- to an end. One writer a base at a time: two rules changed at once could close a circle that neither sees.
CREATE FUNCTION check_segment_circle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF jsonb_path_exists(NEW.rule, 'strict $.** ? (@.op == "segment")') THEN
    PERFORM pg_advisory_xact_lock(7203819, (NEW.base_id % 2147483647)::integer);
    IF EXISTS (
      WITH RECURSIVE named (code) AS (
        SELECT jsonb_path_query(NEW.rule, 'strict $.** ? (@.op == "segment").segment') #>> '{}'
        UNION
        SELECT jsonb_path_query(s.rule, 'strict $.** ? (@.op == "segment").segment') #>> '{}'
        FROM named n JOIN segment s ON s.code = n.code AND s.base_id = NEW.base_id)
      SELECT 1 FROM named WHERE code = NEW.code) THEN
      RAISE EXCEPTION 'a segment cannot name itself, not even through others'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'segment_circle';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER segment_circle AFTER INSERT OR UPDATE OF rule ON segment
  FOR EACH ROW EXECUTE FUNCTION check_segment_circle();
CREATE INDEX rental_order_base ON rental_order (base_id, send_on);
CREATE INDEX mailing_base ON mailing (base_id);
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    definer("check_segment_circle()", to="courtier_worker")
    # The broker compares segments of several owners: by guarded figures, and by what their rules say.
    op.execute("CREATE POLICY broker_reads ON segment FOR SELECT TO courtier_web USING (app_role() = 'broker')")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP INDEX rental_order_base, mailing_base")
    op.execute("DROP POLICY broker_reads ON segment")
    op.execute("DROP TRIGGER segment_circle ON segment")
    op.execute("DROP FUNCTION check_segment_circle()")
