"""Segments that live: their history, their last count, the archive."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE segment
  ADD COLUMN archived_at timestamptz,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT app_now();

-- What a segment was called and what it said, from each moment on. Written by the trigger below and by nothing else.
CREATE TABLE segment_change (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  segment_id bigint NOT NULL,
  base_id bigint NOT NULL,
  org_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('created', 'renamed', 'rule', 'archived', 'restored')),
  name text NOT NULL,
  rule_text text NOT NULL,
  user_id bigint,
  at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (segment_id, base_id, org_id) REFERENCES segment (id, base_id, org_id) ON DELETE CASCADE
);
CREATE INDEX segment_change_segment ON segment_change (segment_id, id);

-- The owner's last exact count of a segment, so that a list shows sizes without asking the audience process.
CREATE TABLE segment_count (
  segment_id bigint PRIMARY KEY,
  base_id bigint NOT NULL,
  org_id bigint NOT NULL,
  people bigint NOT NULL CHECK (people >= 0),
  rentable bigint NOT NULL CHECK (rentable BETWEEN 0 AND people),
  counted_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (segment_id, base_id, org_id) REFERENCES segment (id, base_id, org_id) ON DELETE CASCADE
);

-- The segments whose rules name this one, however far; itself first. Archived ones name nobody any more.
CREATE FUNCTION segments_naming(p_segment bigint) RETURNS TABLE (id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE above (id, code, base_id) AS (
    SELECT s.id, s.code, s.base_id FROM segment s WHERE s.id = p_segment
    UNION
    SELECT o.id, o.code, o.base_id FROM above a JOIN segment o ON o.base_id = a.base_id AND o.archived_at IS NULL
      AND jsonb_path_exists(o.rule, 'strict $.** ? (@.op == "segment" && @.segment == $code)',
                            jsonb_build_object('code', a.code)))
  SELECT a.id FROM above a
$$;

-- The same for the actor's own segments alone.
CREATE FUNCTION own_segments_naming(p_segment bigint) RETURNS TABLE (id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id FROM segments_naming(p_segment) a JOIN segment s ON s.id = a.id
  WHERE s.org_id = app_org() OR app_role() = 'system'
$$;

-- A rule that was counted for a card or picked for a send stands as it was, and so do all rules that it names: orders
-- and figures shown rest on it. Nothing that others still stand on goes to the archive.
CREATE FUNCTION keep_needed_segment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.rule IS DISTINCT FROM OLD.rule AND EXISTS (
       SELECT 1 FROM segments_naming(OLD.id) a WHERE EXISTS (SELECT 1 FROM data_card c WHERE c.segment_id = a.id)
         OR EXISTS (SELECT 1 FROM participation_send p WHERE p.segment_id = a.id)) THEN
    RAISE EXCEPTION 'a rule that a card or a send rests on does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'segment_in_use';
  END IF;
  IF NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL AND (
       EXISTS (SELECT 1 FROM data_card c WHERE c.segment_id = OLD.id AND c.state <> 'retired')
    OR EXISTS (SELECT 1 FROM rental_order o WHERE o.segment_id = OLD.id
               AND o.state IN ('ordered', 'approved', 'paid', 'on_credit', 'scheduled', 'sending'))
    OR EXISTS (SELECT 1 FROM participation_send t WHERE t.segment_id = OLD.id
               AND t.state IN ('picked', 'scheduled', 'sending'))
    OR EXISTS (SELECT 1 FROM segments_naming(OLD.id) a WHERE a.id <> OLD.id)) THEN
    RAISE EXCEPTION 'a segment that others stand on is not archived'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'segment_needed';
  END IF;
  NEW.updated_at := app_now();
  RETURN NEW;
END $$;
CREATE TRIGGER keep_needed BEFORE UPDATE ON segment FOR EACH ROW EXECUTE FUNCTION keep_needed_segment();

CREATE FUNCTION write_segment_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_kinds text[] := ARRAY['created'];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_kinds := array_remove(ARRAY[
      CASE WHEN NEW.name <> OLD.name THEN 'renamed' END,
      CASE WHEN NEW.rule IS DISTINCT FROM OLD.rule THEN 'rule' END,
      CASE WHEN NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL THEN 'archived' END,
      CASE WHEN NEW.archived_at IS NULL AND OLD.archived_at IS NOT NULL THEN 'restored' END], NULL);
    IF NEW.rule IS DISTINCT FROM OLD.rule THEN
      DELETE FROM segment_count WHERE segment_id = NEW.id;      -- the figure was another rule's
    END IF;
  END IF;
  INSERT INTO segment_change (segment_id, base_id, org_id, kind, name, rule_text, user_id)
  SELECT NEW.id, NEW.base_id, NEW.org_id, kind, NEW.name, NEW.rule_text, app_user() FROM unnest(v_kinds) AS kind;
  RETURN NEW;
END $$;
CREATE TRIGGER write_change AFTER INSERT OR UPDATE ON segment FOR EACH ROW EXECUTE FUNCTION write_segment_change();

-- Nothing new starts on an archived segment.
CREATE FUNCTION refuse_archived_segment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM segment s WHERE s.id = NEW.segment_id AND s.archived_at IS NOT NULL) THEN
    RAISE EXCEPTION 'an archived segment is not offered' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'segment_archived';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER not_archived BEFORE INSERT ON data_card FOR EACH ROW EXECUTE FUNCTION refuse_archived_segment();
CREATE TRIGGER not_archived BEFORE INSERT ON participation_send
  FOR EACH ROW EXECUTE FUNCTION refuse_archived_segment();
"""
FUNCTIONS = ("keep_needed_segment()", "segments_naming(bigint)", "write_segment_change()", "refuse_archived_segment()")


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute("CREATE INDEX data_card_segment ON data_card (segment_id)")
    op.execute("CREATE INDEX participation_send_segment ON participation_send (segment_id)")
    op.execute("GRANT UPDATE (rule_text, rule, archived_at) ON segment TO courtier_web")
    protect("segment_change", using="org_id = app_org()", web="SELECT")
    protect("segment_count", using="org_id = app_org()", web="SELECT, INSERT, UPDATE")
    for signature in FUNCTIONS:
        definer(signature, to="courtier_worker")
    definer("own_segments_naming(bigint)", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP INDEX data_card_segment, participation_send_segment")
    op.execute("REVOKE UPDATE (rule_text, rule, archived_at) ON segment FROM courtier_web")
    op.execute("DROP TRIGGER not_archived ON participation_send")
    op.execute("DROP TRIGGER not_archived ON data_card")
    op.execute("DROP TRIGGER write_change ON segment")
    op.execute("DROP TRIGGER keep_needed ON segment")
    op.execute(f"DROP FUNCTION own_segments_naming(bigint), {', '.join(FUNCTIONS)}")
    op.execute("DROP TABLE segment_count, segment_change")
    op.execute("ALTER TABLE segment DROP COLUMN archived_at, DROP COLUMN updated_at")
