"""Orders: options, net names, licences, make-good, re-mails, credit."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TERMS = (
    "list_price_micros", "discount_bp", "reuse_bp", "reuse_price_micros", "uses", "use_until", "net_names",
    "net_floor_bp", "run_micros", "shortfall", "tolerance_bp", "remedy", "remail_of", "remail_who", "option_days",
)  # fmt: skip

TABLES = """
ALTER TABLE rental_order
  ADD COLUMN list_price_micros bigint,            -- card and selects; null: an order of before, equal to its price
  ADD COLUMN discount_bp integer NOT NULL DEFAULT 0 CHECK (discount_bp BETWEEN 0 AND 9999),   -- the agency's
  ADD COLUMN reuse_bp integer NOT NULL DEFAULT 10000 CHECK (reuse_bp BETWEEN 1 AND 10000),    -- a re-use, of a use
  ADD COLUMN reuse_price_micros bigint NOT NULL DEFAULT 0 CHECK (reuse_price_micros >= 0),    -- a send of a later use
  ADD COLUMN uses integer NOT NULL DEFAULT 1 CHECK (uses BETWEEN 1 AND 52),
  ADD COLUMN use_until date,                      -- the last day of a licence's uses
  ADD COLUMN net_names boolean NOT NULL DEFAULT false,
  ADD COLUMN net_floor_bp integer NOT NULL DEFAULT 8500 CHECK (net_floor_bp BETWEEN 0 AND 10000),
  ADD COLUMN run_micros bigint NOT NULL DEFAULT 0 CHECK (run_micros >= 0),    -- a name that was run and not kept
  ADD COLUMN shortfall text NOT NULL DEFAULT 'up_to' CHECK (shortfall IN ('up_to', 'guaranteed')),
  ADD COLUMN tolerance_bp integer NOT NULL DEFAULT 0 CHECK (tolerance_bp BETWEEN 0 AND 10000),
  ADD COLUMN remedy text CHECK (remedy IN ('make_good', 'credit')),
  ADD COLUMN remail_of bigint REFERENCES mailing,
  ADD COLUMN remail_who text CHECK (remail_who IN ('clickers', 'non_clickers')),
  ADD COLUMN option_days integer NOT NULL DEFAULT 5 CHECK (option_days BETWEEN 1 AND 365),
  ADD CONSTRAINT order_licence CHECK (uses = 1 OR (use_until IS NOT NULL AND reuse_price_micros > 0)),
  ADD CONSTRAINT order_remedy CHECK ((shortfall = 'guaranteed') = (remedy IS NOT NULL)),
  ADD CONSTRAINT order_remail CHECK ((remail_of IS NULL) = (remail_who IS NULL));

-- These terms are written once too.
CREATE FUNCTION keep_order_terms() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF (NEW.list_price_micros, NEW.discount_bp, NEW.reuse_bp, NEW.reuse_price_micros, NEW.uses, NEW.use_until,
      NEW.net_names, NEW.net_floor_bp, NEW.run_micros, NEW.shortfall, NEW.tolerance_bp, NEW.remedy, NEW.remail_of,
      NEW.remail_who, NEW.option_days)
     IS DISTINCT FROM
     (OLD.list_price_micros, OLD.discount_bp, OLD.reuse_bp, OLD.reuse_price_micros, OLD.uses, OLD.use_until,
      OLD.net_names, OLD.net_floor_bp, OLD.run_micros, OLD.shortfall, OLD.tolerance_bp, OLD.remedy, OLD.remail_of,
      OLD.remail_who, OLD.option_days) THEN
    RAISE EXCEPTION 'the parties and terms of an order do not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_terms';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER order_terms BEFORE UPDATE ON rental_order FOR EACH ROW EXECUTE FUNCTION keep_order_terms();

-- A re-mail names a mailing that its own advertiser had sent to the same base.
CREATE FUNCTION check_order_remail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.remail_of IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM mailing m WHERE m.id = NEW.remail_of AND m.kind = 'rental' AND m.state = 'sent'
        AND m.advertiser_id = NEW.advertiser_id AND m.base_id = NEW.base_id) THEN
    RAISE EXCEPTION 'a re-mail follows a sent mailing of its advertiser'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_remail_of';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER order_remail BEFORE INSERT ON rental_order FOR EACH ROW EXECUTE FUNCTION check_order_remail();

-- Contacts kept for an order on its day. Whoever held them first keeps them, as long as the hold did not lapse between.
CREATE TABLE order_hold (
  order_id bigint PRIMARY KEY REFERENCES rental_order,
  held_since timestamptz NOT NULL,
  held_until timestamptz NOT NULL           -- of an option; infinity from the approval on
);
CREATE FUNCTION hold_for_order(p_order bigint, p_until timestamptz) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  INSERT INTO order_hold AS h VALUES (p_order, app_now(), p_until) ON CONFLICT (order_id) DO UPDATE
  SET held_since = CASE WHEN h.held_until > app_now() THEN h.held_since ELSE app_now() END,
      held_until = excluded.held_until
$$;
CREATE FUNCTION follow_order_hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = OLD.state THEN
    RETURN NULL;
  ELSIF NEW.state = 'ordered' THEN
    PERFORM hold_for_order(NEW.id, app_now() + make_interval(days => NEW.option_days));
  ELSIF NEW.state = 'approved' THEN
    PERFORM hold_for_order(NEW.id, 'infinity');
  ELSIF NEW.state IN ('refused', 'cancelled', 'expired') THEN
    UPDATE order_hold SET held_until = least(held_until, app_now()) WHERE order_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER order_hold AFTER UPDATE OF state ON rental_order FOR EACH ROW EXECUTE FUNCTION follow_order_hold();
INSERT INTO order_hold
  SELECT o.id, coalesce((SELECT e.at FROM order_event e WHERE e.order_id = o.id AND e.state = 'ordered'), o.created_at),
         CASE o.state WHEN 'ordered' THEN o.updated_at + interval '5 days' ELSE 'infinity' END
  FROM rental_order o WHERE o.state NOT IN ('quote', 'refused', 'cancelled', 'expired');

-- An advertiser takes an option on its own quote, once: held for its days, then free again.
CREATE FUNCTION take_option(p_order bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_days integer;
BEGIN
  SELECT option_days INTO v_days FROM rental_order
  WHERE id = p_order AND state = 'quote' AND send_on IS NOT NULL
    AND (advertiser_id = app_org() OR app_role() = 'system')
    AND NOT EXISTS (SELECT 1 FROM order_hold h WHERE h.order_id = p_order);
  IF v_days IS NULL THEN
    RETURN false;
  END IF;
  PERFORM hold_for_order(p_order, app_now() + make_interval(days => v_days));
  RETURN true;
END $$;

-- What an order is used for beyond its first mailing: a further use of a licence, or names that are made good for
-- nothing. `send_on` is null until a day is chosen, `dispatch_id` until a worker has planned the mailing.
CREATE TABLE order_use (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES rental_order,
  kind text NOT NULL CHECK (kind IN ('use', 'make_good')),
  volume integer NOT NULL CHECK (volume > 0),
  price_micros bigint NOT NULL CHECK (price_micros >= 0 AND (kind = 'use') = (price_micros > 0)),
  use_until date NOT NULL,
  send_on date, chosen_at timestamptz,
  dispatch_id bigint UNIQUE REFERENCES dispatch,
  given_up boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX order_use_of ON order_use (order_id);
CREATE FUNCTION make_order_uses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO order_use (order_id, kind, volume, price_micros, use_until)
  SELECT NEW.id, 'use', NEW.volume, NEW.reuse_price_micros, NEW.use_until FROM generate_series(2, NEW.uses);
  RETURN NULL;
END $$;
CREATE TRIGGER order_uses AFTER INSERT ON rental_order FOR EACH ROW WHEN (NEW.uses > 1)
  EXECUTE FUNCTION make_order_uses();

-- The advertiser chooses the day of what is left, or gives it up: one at a time, once the mailing before has been sent.
CREATE FUNCTION choose_use_day(p_use bigint, p_day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_order rental_order;
BEGIN
  SELECT o.* INTO v_order FROM rental_order o JOIN order_use u ON u.order_id = o.id
  WHERE u.id = p_use AND o.state = 'sent' AND (o.advertiser_id = app_org() OR app_role() = 'system') FOR UPDATE OF o;
  IF v_order.id IS NULL OR EXISTS (SELECT 1 FROM order_use u WHERE u.order_id = v_order.id AND u.send_on IS NOT NULL
                                   AND u.dispatch_id IS NULL AND NOT u.given_up) THEN
    RETURN false;
  END IF;
  UPDATE order_use SET send_on = p_day, chosen_at = app_now(), given_up = p_day IS NULL
  WHERE id = p_use AND send_on IS NULL AND dispatch_id IS NULL AND NOT given_up
    AND (p_day IS NULL OR p_day <= use_until);
  RETURN FOUND;
END $$;
-- The mailing of a use whose day is chosen: all prices and parties from the rows, once.
CREATE FUNCTION schedule_use(p_use bigint, p_code text, p_seed bigint, p_starts timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_use order_use;
  v_order rental_order;
  v_hash bytea;
  v_dispatch bigint;
  v_mailing bigint;
BEGIN
  SELECT o.* INTO v_order FROM rental_order o JOIN order_use u ON u.order_id = o.id WHERE u.id = p_use FOR UPDATE OF o;
  SELECT * INTO v_use FROM order_use WHERE id = p_use FOR UPDATE;
  IF v_order.state IS DISTINCT FROM 'sent' OR v_use.dispatch_id IS NOT NULL OR v_use.send_on IS NULL
     OR v_use.given_up THEN
    RAISE EXCEPTION 'nothing to schedule' USING ERRCODE = 'check_violation', CONSTRAINT = 'not_schedulable';
  END IF;
  SELECT content_hash INTO v_hash FROM creative WHERE id = v_order.creative_id AND state = 'signed';
  v_dispatch := next_dispatch(to_char(p_starts AT TIME ZONE 'Europe/Paris', 'YYYYMM')::integer);
  INSERT INTO dispatch (id, order_id, owner_id, advertiser_id)
  VALUES (v_dispatch, v_order.id, v_order.owner_id, v_order.advertiser_id);
  INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,
                       price_micros, commission_bp, contract_role, draw_seed, starts_at)
  VALUES (p_code, 'rental', v_dispatch, v_order.owner_id, v_order.advertiser_id, v_order.base_id, v_order.creative_id,
          v_hash, v_use.price_micros, v_order.commission_bp, v_order.contract_role, p_seed, p_starts)
  RETURNING id INTO v_mailing;
  UPDATE order_use SET dispatch_id = v_dispatch WHERE id = p_use;
  UPDATE rental_order SET state = 'scheduled' WHERE id = v_order.id;
  RETURN v_mailing;
END $$;
INSERT INTO order_transition VALUES ('sent', 'scheduled', '{}'), ('scheduled', 'sent', '{}');
INSERT INTO jobs.kind VALUES ('schedule_order', 'mailing'), ('schedule_use', 'mailing');

-- Net names: how many names were run, how many of them mailed. Round figures that tell no size (docs/disclosure.md).
CREATE TABLE net_name_count (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  supplied integer NOT NULL CHECK (supplied > 0),
  mailed integer NOT NULL CHECK (mailed BETWEEN 1 AND supplied)
);
-- What a mailing costs besides its sends, by the net-name clause: written when it is settled.
CREATE TABLE order_charge (
  mailing_id bigint NOT NULL REFERENCES mailing,
  kind text NOT NULL CHECK (kind IN ('net_floor', 'run')),
  quantity integer NOT NULL CHECK (quantity > 0),
  unit_micros bigint NOT NULL CHECK (unit_micros > 0),
  gross_micros bigint NOT NULL, owner_micros bigint NOT NULL, commission_micros bigint NOT NULL,
  PRIMARY KEY (mailing_id, kind),
  CHECK (gross_micros = quantity * unit_micros AND gross_micros = owner_micros + commission_micros)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON order_charge FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON net_name_count FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- How far an advertiser may order before it pays: set by the broker.
CREATE TABLE credit_term (
  advertiser_id bigint PRIMARY KEY REFERENCES organisation,
  limit_cents bigint NOT NULL CHECK (limit_cents >= 0),
  set_by bigint,
  set_at timestamptz NOT NULL DEFAULT app_now()
);
-- Orders on credit as far as they are not invoiced, and invoices as far as they are not paid; VAT included.
CREATE FUNCTION credit_used(p_advertiser bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN app_staff() OR app_role() = 'system' OR app_org() = p_advertiser THEN (
    coalesce((SELECT sum(greatest(0, o.net_cents + o.vat_cents - coalesce((
        SELECT sum(i.total_cents) FROM invoice i WHERE i.order_id = o.id AND i.kind = 'invoice'), 0)))
      FROM rental_order o JOIN order_event e ON e.order_id = o.id AND e.state = 'on_credit'
      WHERE o.advertiser_id = p_advertiser AND o.state IN ('on_credit', 'scheduled', 'sending', 'sent')), 0)
    + coalesce((SELECT sum(greatest(0, i.total_cents - i.deposit_cents - coalesce((
        SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)))
      FROM invoice i WHERE i.buyer_id = p_advertiser AND i.kind = 'invoice'), 0))::bigint END
$$;
-- Whether an advertiser has paid a first order in advance: one that went ahead.
CREATE FUNCTION has_prepaid(p_advertiser bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT (app_staff() OR app_role() = 'system' OR app_org() = p_advertiser) AND EXISTS (
    SELECT 1 FROM payment p JOIN rental_order o ON o.id = p.order_id
    WHERE p.advertiser_id = p_advertiser AND p.state = 'captured' AND o.state <> 'cancelled')
$$;
-- An approved order goes on credit. The row of the terms is locked: of two orders at once the second counts the first.
CREATE FUNCTION take_credit(p_order bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, jobs, pg_temp AS $$
DECLARE
  v_order rental_order;
  v_limit bigint;
  v_used bigint;
BEGIN
  SELECT * INTO v_order FROM rental_order WHERE id = p_order AND state = 'approved'
    AND (advertiser_id = app_org() OR app_role() = 'system') FOR UPDATE;
  IF v_order.id IS NULL THEN
    RAISE EXCEPTION 'only an approved order goes on credit'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'not_payable';
  END IF;
  SELECT limit_cents INTO v_limit FROM credit_term WHERE advertiser_id = v_order.advertiser_id FOR UPDATE;
  IF coalesce(v_limit, 0) = 0 THEN
    RAISE EXCEPTION 'no credit terms' USING ERRCODE = 'check_violation', CONSTRAINT = 'no_credit_terms';
  END IF;
  IF NOT has_prepaid(v_order.advertiser_id) THEN
    RAISE EXCEPTION 'the first order is prepaid' USING ERRCODE = 'check_violation', CONSTRAINT = 'first_order_prepaid';
  END IF;
  v_used := credit_used(v_order.advertiser_id);
  IF v_used + v_order.net_cents + v_order.vat_cents > v_limit THEN
    RAISE EXCEPTION 'over the credit limit' USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_limit';
  END IF;
  UPDATE rental_order SET state = 'on_credit' WHERE id = v_order.id;
  PERFORM jobs.enqueue('schedule_order', v_order.id);
END $$;

-- What past mailings of a card, else of its sector, else of all cards say of clicks: (mails accepted, people who
-- clicked) of each mailing, and nothing where too few advertisers or owners stand behind it (docs/disclosure.md).
CREATE FUNCTION click_history(p_card text) RETURNS TABLE (scope text, accepted bigint, clicks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH card AS (SELECT id, sector FROM data_card WHERE code = p_card),
  past AS (
    SELECT m.id, m.dispatch_id, k.id AS card_id, k.sector, m.advertiser_id, m.owner_id,
      row_number() OVER (PARTITION BY k.id ORDER BY m.ended_at DESC) AS of_card,
      row_number() OVER (PARTITION BY k.sector ORDER BY m.ended_at DESC) AS of_sector,
      row_number() OVER (ORDER BY m.ended_at DESC) AS of_all
    FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN rental_order o ON o.id = d.order_id
    JOIN data_card k ON k.id = o.card_id
    WHERE m.ended_at > app_now() - interval '2 years' AND m.ended_at < app_now() - interval '1 day'
      AND m.state = 'sent' AND o.remail_of IS NULL),
  counted AS MATERIALIZED (   -- only those few are counted
    SELECT p.*, s.accepted, h.clicks, p.card_id = c.id AND p.of_card <= 20 AS in_card,
      p.sector = c.sector AND p.of_sector <= 40 AS in_sector, p.of_all <= 40 AS in_all
    FROM past p CROSS JOIN card c
    CROSS JOIN LATERAL (SELECT count(*) AS accepted FROM send x WHERE x.dispatch_id = p.dispatch_id
      AND x.mailing_id = p.id AND x.state = 'accepted' AND NOT x.seed AND x.bounced_at IS NULL) s
    CROSS JOIN LATERAL (SELECT count(DISTINCT h.position) AS clicks FROM hit h WHERE h.mailing_id = p.id
      AND h.verdict = 'human') h
    WHERE (p.card_id = c.id AND p.of_card <= 20) OR (p.sector = c.sector AND p.of_sector <= 40) OR p.of_all <= 40),
  scopes AS (
    SELECT 'card' AS scope, p.* FROM counted p WHERE p.in_card AND p.accepted >= 1000
    UNION ALL SELECT 'sector', p.* FROM counted p WHERE p.in_sector AND p.accepted >= 1000
    UNION ALL SELECT 'all', p.* FROM counted p WHERE p.in_all AND p.accepted >= 1000)
  SELECT s.scope, s.accepted, s.clicks FROM scopes s
  WHERE s.scope IN (SELECT g.scope FROM scopes g GROUP BY g.scope
    HAVING count(*) >= 3 AND count(DISTINCT g.advertiser_id) >= CASE g.scope WHEN 'card' THEN 2 ELSE 3 END
      AND count(DISTINCT g.owner_id) >= CASE g.scope WHEN 'card' THEN 1 ELSE 5 END)
$$;
-- Whom a sent mailing of the asker's reached, and how many of them clicked: people, not clicks.
CREATE FUNCTION reached_by(p_mailing bigint) RETURNS TABLE (reached bigint, clickers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM hit h WHERE h.mailing_id = s.mailing_id
    AND h.position = s.position AND h.verdict = 'human'))
  FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
  WHERE m.id = p_mailing AND NOT s.seed AND s.state = 'accepted' AND s.bounced_at IS NULL
    AND (m.advertiser_id = app_org() OR app_role() = 'system')
$$;
"""

SEES_MAILING = "EXISTS (SELECT 1 FROM mailing m WHERE m.id = {table}.mailing_id)"
SEES_ORDER = "EXISTS (SELECT 1 FROM rental_order o WHERE o.id = {table}.order_id)"
BOTH = "courtier_web, courtier_worker"


DESKS = """
-- Orders of several cards that were quoted together: whoever is in more than one of their bases goes to one by lot.
CREATE TABLE order_desk (
  order_id bigint PRIMARY KEY REFERENCES rental_order,
  desk text NOT NULL CHECK (length(desk) BETWEEN 8 AND 40)
);
CREATE INDEX order_desk_desk ON order_desk (desk);
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(DESKS)
    protect(
        "order_desk",
        using=SEES_ORDER.format(table="order_desk"),
        check="EXISTS (SELECT 1 FROM rental_order o WHERE o.id = order_desk.order_id"
        " AND o.advertiser_id = app_org() AND o.state = 'quote')",
        web="SELECT, INSERT",
    )
    op.execute(f"GRANT SELECT ({', '.join(TERMS)}) ON rental_order TO courtier_web")
    protect("order_hold", using=SEES_ORDER.format(table="order_hold"), check="false", web="SELECT")
    protect("order_use", using=SEES_ORDER.format(table="order_use"), check="false", web="SELECT")
    protect("net_name_count", using=SEES_MAILING.format(table="net_name_count"), check="false", web="SELECT")
    # How a price is split is the owner's and the broker's to know (0010).
    protect(
        "order_charge",
        using=SEES_MAILING.format(table="order_charge"),
        check="false",
        web="SELECT (mailing_id, kind, quantity, unit_micros, gross_micros)",
    )
    for table in ("net_name_count", "order_charge"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM courtier_worker")
    protect(
        "credit_term",
        using="advertiser_id = app_org() OR app_staff()",
        check="app_role() = 'broker'",
        web="SELECT, INSERT, UPDATE",
    )
    for function in ("keep_order_terms()", "check_order_remail()", "follow_order_hold()", "make_order_uses()"):
        definer(function, to=BOTH)
    definer("hold_for_order(bigint, timestamptz)", to="courtier_worker")
    definer("take_option(bigint)", to=BOTH)
    definer("choose_use_day(bigint, date)", to=BOTH)
    definer("schedule_use(bigint, text, bigint, timestamptz)", to="courtier_worker")
    definer("credit_used(bigint)", to=BOTH)
    definer("has_prepaid(bigint)", to=BOTH)
    definer("take_credit(bigint)", to=BOTH)
    definer("click_history(text)", to=BOTH)
    definer("reached_by(bigint)", to=BOTH)
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('schedule_order', 'schedule_use')")
    op.execute(
        "DELETE FROM order_transition WHERE (from_state, to_state) IN (('sent', 'scheduled'), ('scheduled', 'sent'))"
    )
    op.execute(
        "DROP TRIGGER order_terms ON rental_order; DROP TRIGGER order_remail ON rental_order;"
        " DROP TRIGGER order_hold ON rental_order; DROP TRIGGER order_uses ON rental_order"
    )
    op.execute(
        "DROP FUNCTION keep_order_terms(), check_order_remail(), follow_order_hold(), make_order_uses(),"
        " take_option(bigint), hold_for_order(bigint, timestamptz), choose_use_day(bigint, date),"
        " schedule_use(bigint, text, bigint, timestamptz), take_credit(bigint), credit_used(bigint),"
        " has_prepaid(bigint), click_history(text), reached_by(bigint)"
    )
    op.execute("DROP TABLE order_desk, credit_term, order_charge, net_name_count, order_use, order_hold")
    op.execute("ALTER TABLE rental_order " + ", ".join(f"DROP COLUMN {name}" for name in TERMS))
