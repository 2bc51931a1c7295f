"""A base's calendar: days that its owner keeps for itself, hours in which nothing leaves; when orders moved on."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = """
-- Days on which only the owner's own mailings leave.
CREATE TABLE calendar_day (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  base_id bigint NOT NULL REFERENCES base,
  kind text NOT NULL CHECK (kind IN ('own_campaign', 'blackout')),
  title text NOT NULL,                                  -- for the owner alone
  starts_on date NOT NULL,
  ends_on date NOT NULL CHECK (ends_on >= starts_on),   -- the last day, kept too
  feed boolean NOT NULL DEFAULT false,                  -- from the subscribed calendar: replaced at each reading
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX calendar_day_base ON calendar_day (base_id, starts_on);

CREATE TABLE calendar_rule (
  base_id bigint PRIMARY KEY REFERENCES base,
  first_hour smallint NOT NULL DEFAULT 0 CHECK (first_hour BETWEEN 0 AND 23),   -- of Paris: nothing starts before
  last_hour smallint NOT NULL DEFAULT 24 CHECK (last_hour BETWEEN 1 AND 24 AND last_hour > first_hour),
  closed_weekdays smallint[] NOT NULL DEFAULT '{}',     -- 1 Monday … 7 Sunday
  on_holidays boolean NOT NULL DEFAULT true,            -- whether partners' mailings leave on French public holidays
  feed_url text,
  feed_read_at timestamptz, feed_problem text,
  set_at timestamptz NOT NULL DEFAULT app_now()
);

-- Who may plan a send on a base: its owner, the platform, and any advertiser where the base is offered.
CREATE FUNCTION may_plan_on(p_base_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT app_staff() OR app_role() = 'system'
    OR EXISTS (SELECT 1 FROM base b WHERE b.id = p_base_id AND b.org_id = app_org())
    OR (app_role() = 'advertiser' AND (
      EXISTS (SELECT 1 FROM data_card c WHERE c.base_id = p_base_id AND c.state = 'published')
      OR EXISTS (SELECT 1 FROM rental_order o WHERE o.base_id = p_base_id AND o.advertiser_id = app_org())))
$$;

-- What whoever plans a send must know, and no more: which days are kept, not why.
CREATE FUNCTION kept_days(p_base_id bigint, p_from date, p_until date) RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT d::date FROM calendar_day c
  CROSS JOIN LATERAL generate_series(greatest(c.starts_on, p_from), least(c.ends_on, p_until), interval '1 day') d
  WHERE c.base_id = p_base_id AND c.starts_on <= p_until AND c.ends_on >= p_from AND p_until - p_from <= 800
    AND may_plan_on(p_base_id)
$$;
CREATE FUNCTION calendar_rule_of(p_base_id bigint)
RETURNS TABLE (first_hour smallint, last_hour smallint, closed_weekdays smallint[], on_holidays boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT first_hour, last_hour, closed_weekdays, on_holidays FROM calendar_rule
  WHERE base_id = p_base_id AND may_plan_on(p_base_id)
$$;
INSERT INTO jobs.kind VALUES ('read_calendar', 'import');

-- When an order came to each of its states: the retroplanning's steps complete themselves by it.
CREATE TABLE order_event (
  order_id bigint NOT NULL REFERENCES rental_order,
  state text NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (order_id, state)
);
CREATE FUNCTION note_order_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO order_event (order_id, state) VALUES (NEW.id, NEW.state) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OF state ON rental_order FOR EACH ROW EXECUTE FUNCTION note_order_event();
INSERT INTO order_event (order_id, state, at) SELECT id, 'quote', created_at FROM rental_order;
INSERT INTO order_event (order_id, state, at) SELECT id, state, updated_at FROM rental_order WHERE state <> 'quote';
"""

OWN = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    for table in ("calendar_day", "calendar_rule"):
        protect(table, using=OWN.format(table=table), web="SELECT, INSERT, UPDATE, DELETE")
    protect(
        "order_event",
        using="EXISTS (SELECT 1 FROM rental_order o WHERE o.id = order_event.order_id)",
        check="false",
        web="SELECT",
    )
    definer("note_order_event()", to="courtier_web, courtier_worker")
    definer("may_plan_on(bigint)", to="courtier_web, courtier_worker")
    definer("kept_days(bigint, date, date)", to="courtier_web, courtier_worker")
    definer("calendar_rule_of(bigint)", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind = 'read_calendar'")
    op.execute("DROP TRIGGER noted ON rental_order")
    op.execute("DROP FUNCTION note_order_event()")
    op.execute("DROP TABLE order_event")
    op.execute("DROP FUNCTION kept_days(bigint, date, date), calendar_rule_of(bigint), may_plan_on(bigint)")
    op.execute("DROP TABLE calendar_rule, calendar_day")
