"""Affiliation: participation, clicks, conversions, validation."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, definer, protect

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TERMS = """
ALTER TABLE programme
  ADD COLUMN terms_version integer NOT NULL DEFAULT 1 CHECK (terms_version > 0),
  ADD COLUMN joining text NOT NULL DEFAULT 'open' CHECK (joining IN ('open', 'case_by_case')),
  ADD COLUMN join_rules jsonb NOT NULL DEFAULT '{}',            -- {least_contacts, sectors, refused_owners}
  ADD COLUMN day_cap_cents bigint CHECK (day_cap_cents > 0),    -- clicks, leads and sales of one day, of Paris
  ADD COLUMN attribution_days smallint NOT NULL DEFAULT 30 CHECK (attribution_days BETWEEN 1 AND 90),
  ADD COLUMN report_days smallint NOT NULL DEFAULT 7 CHECK (report_days BETWEEN 1 AND 60),
  -- Beside the model's own rate: what else is paid (mixed offers).
  ADD COLUMN click_cents bigint CHECK (click_cents > 0),
  ADD COLUMN lead_cents bigint CHECK (lead_cents > 0),
  ADD COLUMN sale_cents bigint CHECK (sale_cents > 0),
  ADD COLUMN sale_bp integer CHECK (sale_bp BETWEEN 1 AND 10000),
  ADD COLUMN only_owner_id bigint REFERENCES organisation,      -- a private offer: nobody else sees it
  ADD COLUMN postback_key smallint NOT NULL DEFAULT 1,          -- the front's key that postbacks' secrets come from
  ADD COLUMN postback_version integer NOT NULL DEFAULT 1 CHECK (postback_version > 0),
  ADD COLUMN former_postback_until timestamptz,
  ADD CONSTRAINT programme_one_sale_rate CHECK (num_nonnulls(sale_cents, sale_bp) <= 1);

ALTER TABLE participation DROP CONSTRAINT participation_state_check;
ALTER TABLE participation
  ADD CONSTRAINT participation_state_check CHECK (state IN ('requested', 'joined', 'refused', 'withdrawn')),
  ADD COLUMN terms_version integer NOT NULL DEFAULT 1,          -- the one that the owner accepted
  ADD COLUMN answer text NOT NULL DEFAULT '' CHECK (length(answer) <= 500),
  ADD COLUMN answered_at timestamptz,
  ADD COLUMN answered_by bigint,
  -- The owner's own rule: a send of this segment every so many days. Without it each send is picked by hand.
  ADD COLUMN rule_segment_id bigint REFERENCES segment,
  ADD COLUMN rule_volume integer CHECK (rule_volume > 0),
  ADD COLUMN rule_days smallint CHECK (rule_days BETWEEN 1 AND 365),
  ADD COLUMN rule_until date,
  ADD COLUMN rule_picked_on date,
  ADD COLUMN rule_problem text,
  ADD CONSTRAINT participation_rule CHECK (num_nonnulls(rule_segment_id, rule_volume, rule_days, rule_until) IN (0, 4));

ALTER TABLE participation_send ALTER COLUMN segment_id DROP NOT NULL;
ALTER TABLE participation_send
  ADD COLUMN newsletter boolean NOT NULL DEFAULT false,         -- the owner's own newsletter carries the offer
  ADD CONSTRAINT participation_send_segment CHECK (newsletter = (segment_id IS NULL));

INSERT INTO jobs.kind VALUES ('bill_clicks', 'billing'), ('accrue_conversions', 'billing'),
  ('look_for_fraud', 'feedback') ON CONFLICT DO NOTHING;
"""

CONVERSIONS = """
-- What clicks, leads and sales (and picked sends of mixed offers do not count here) have used of a programme: of all
-- its owners (owner 0), of one owner, of one day (day other than the epoch). Written under the programme's lock.
CREATE TABLE programme_use (
  programme_id bigint NOT NULL REFERENCES programme,
  owner_id bigint NOT NULL DEFAULT 0,
  day date NOT NULL DEFAULT 'epoch',
  micros bigint NOT NULL CHECK (micros >= 0),
  conversions bigint NOT NULL,
  PRIMARY KEY (programme_id, owner_id, day)
);

-- The life of a conversion is data; broker/affiliation/conversion_model.py holds the same rows and a test compares.
CREATE TABLE conversion_transition (from_state text, to_state text, PRIMARY KEY (from_state, to_state));
INSERT INTO conversion_transition VALUES ('pending', 'approved'), ('pending', 'declined'), ('approved', 'locked'),
  ('locked', 'paid');

CREATE TABLE conversion (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  programme_id bigint NOT NULL REFERENCES programme,
  advertiser_id bigint NOT NULL, owner_id bigint NOT NULL,
  participation_id bigint NOT NULL REFERENCES participation,
  mailing_id bigint NOT NULL REFERENCES mailing,
  position integer NOT NULL, link smallint NOT NULL,            -- the recipient's place and the link: for workers
  number integer NOT NULL,                                      -- within its mailing: its place in the accruals
  kind text NOT NULL CHECK (kind IN ('click', 'lead', 'sale')),
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 120),   -- the advertiser's own
  amount_cents bigint CHECK (amount_cents >= 0),                -- of a sale, without VAT
  price_micros bigint NOT NULL CHECK (price_micros >= 0),
  state text NOT NULL CHECK (state IN ('pending', 'approved', 'declined', 'refused', 'locked', 'paid')),
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  source text NOT NULL CHECK (source IN ('postback', 'api', 'file', 'console', 'click')),
  clicked_at timestamptz,
  happened_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT app_now(),
  due_at timestamptz NOT NULL,                                  -- approved by itself then
  extended boolean NOT NULL DEFAULT false,
  decided_at timestamptz, decided_by bigint,
  repeats integer NOT NULL DEFAULT 0,                           -- the same message again changed nothing
  UNIQUE (mailing_id, number),
  CHECK ((state IN ('declined', 'refused')) = (reason <> ''))
);
-- A reference counts once; what came later under it is kept as refused.
CREATE UNIQUE INDEX conversion_once ON conversion (programme_id, kind, reference) WHERE state <> 'refused';
CREATE INDEX conversion_reference ON conversion (programme_id, reference);
CREATE INDEX conversion_listed ON conversion (programme_id, state, id);
CREATE INDEX conversion_advertiser ON conversion (advertiser_id, id);
CREATE INDEX conversion_owner ON conversion (owner_id, id);
CREATE INDEX conversion_due ON conversion (due_at) WHERE state = 'pending';
CREATE INDEX conversion_unpaid ON conversion (mailing_id) WHERE state IN ('approved', 'locked');
CREATE INDEX conversion_click ON conversion (mailing_id, position) WHERE kind = 'click';

CREATE FUNCTION keep_conversion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_day date := CAST(OLD.received_at AT TIME ZONE 'Europe/Paris' AS date);
BEGIN
  IF (NEW.programme_id, NEW.mailing_id, NEW.position, NEW.number, NEW.kind, NEW.reference, NEW.amount_cents,
      NEW.price_micros, NEW.happened_at, NEW.received_at)
     IS DISTINCT FROM (OLD.programme_id, OLD.mailing_id, OLD.position, OLD.number, OLD.kind, OLD.reference,
      OLD.amount_cents, OLD.price_micros, OLD.happened_at, OLD.received_at) THEN
    RAISE EXCEPTION 'a conversion does not change' USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_fixed';
  END IF;
  IF NEW.state <> OLD.state AND NOT EXISTS (
      SELECT 1 FROM conversion_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state) THEN
    RAISE EXCEPTION 'a conversion cannot go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_transition';
  END IF;
  IF NEW.due_at <> OLD.due_at AND (OLD.extended OR OLD.state <> 'pending'
      OR NEW.due_at > OLD.received_at + interval '67 days') THEN
    RAISE EXCEPTION 'a decision is put off once, and at most to 67 days'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_extension';
  END IF;
  IF NEW.state = 'declined' AND OLD.state = 'pending' THEN
    PERFORM id FROM programme WHERE id = OLD.programme_id FOR NO KEY UPDATE;
    UPDATE programme_use SET micros = micros - OLD.price_micros, conversions = conversions - 1
    WHERE programme_id = OLD.programme_id
      AND (owner_id, day) IN ((0, 'epoch'), (OLD.owner_id, 'epoch'), (0, v_day));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_conversion BEFORE UPDATE ON conversion FOR EACH ROW EXECUTE FUNCTION keep_conversion();

-- What one click, lead or sale is paid, in micros; null where the offer does not pay for it.
CREATE FUNCTION conversion_price(p programme, p_kind text, p_amount bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_kind
    WHEN 'click' THEN CASE WHEN p.model = 'cpc' THEN p.rate_cents ELSE p.click_cents END * 10000
    WHEN 'lead' THEN CASE WHEN p.model = 'cpl' THEN p.rate_cents ELSE p.lead_cents END * 10000
    ELSE coalesce(CASE WHEN p.model = 'cpa' THEN coalesce(p.rate_cents * 10000, p_amount * p.rate_bp) END,
                  p.sale_cents * 10000, p_amount * p.sale_bp)
  END
$$;

-- Why a conversion of this price cannot be paid within the caps; empty where it can. Asked under the programme's lock.
CREATE FUNCTION conversion_cap(p programme, p_owner bigint, p_day date, p_price bigint) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN p_price + coalesce((SELECT u.micros FROM programme_use u WHERE u.programme_id = p.id AND u.owner_id = 0
                             AND u.day = 'epoch'), 0)
         + (SELECT coalesce(sum(t.volume), 0) FROM participation_send t
            JOIN participation q ON q.id = t.participation_id
            WHERE q.programme_id = p.id AND t.state <> 'withdrawn' AND NOT t.newsletter) * p.price_micros
         > p.budget_cents::numeric * 10000 THEN 'budget_used'
    WHEN p.owner_cap_cents IS NOT NULL
         AND p_price + coalesce((SELECT u.micros FROM programme_use u WHERE u.programme_id = p.id
                                 AND u.owner_id = p_owner AND u.day = 'epoch'), 0)
         > p.owner_cap_cents::numeric * 10000 THEN 'owner_cap'
    WHEN p.day_cap_cents IS NOT NULL
         AND p_price + coalesce((SELECT u.micros FROM programme_use u WHERE u.programme_id = p.id AND u.owner_id = 0
                                 AND u.day = p_day), 0)
         > p.day_cap_cents::numeric * 10000 THEN 'day_cap'
    ELSE '' END
$$;

CREATE FUNCTION use_programme(p_programme bigint, p_owner bigint, p_day date, p_price bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO programme_use VALUES (p_programme, 0, 'epoch', p_price, 1), (p_programme, p_owner, 'epoch', p_price, 1),
    (p_programme, 0, p_day, p_price, 1)
  ON CONFLICT (programme_id, owner_id, day) DO UPDATE
    SET micros = programme_use.micros + excluded.micros, conversions = programme_use.conversions + 1
$$;

-- Keeps a lead or sale that an advertiser reports, once, and judges it: within the window after a click, within the
-- caps, of this programme. Parallel reports of one programme wait for each other here, so no cap is ever passed.
CREATE FUNCTION record_conversion(p_code text, p_programme bigint, p_kind text, p_dispatch bigint, p_mailing bigint,
  p_position integer, p_link integer, p_reference text, p_amount bigint, p_happened timestamptz, p_source text)
RETURNS TABLE (code text, state text, reason text, fresh boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_programme programme;
  v_former conversion;
  v_part record;
  v_clicked timestamptz;
  v_price bigint;
  v_reason text := '';
  v_now timestamptz := app_now();
  v_happened timestamptz := coalesce(p_happened, v_now);
  v_day date := CAST(v_now AT TIME ZONE 'Europe/Paris' AS date);
BEGIN
  SELECT * INTO v_programme FROM programme g WHERE g.id = p_programme
    AND (app_role() IN ('public', 'system', 'broker') OR g.advertiser_id = app_org()) FOR NO KEY UPDATE;
  IF v_programme.id IS NULL OR p_kind NOT IN ('lead', 'sale') THEN
    RAISE EXCEPTION 'no such programme' USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_programme';
  END IF;
  SELECT * INTO v_former FROM conversion c WHERE c.programme_id = p_programme AND c.kind = p_kind
    AND c.reference = p_reference AND c.mailing_id = p_mailing AND c.position = p_position
    AND c.amount_cents IS NOT DISTINCT FROM p_amount ORDER BY c.id LIMIT 1;
  IF v_former.id IS NOT NULL THEN
    UPDATE conversion c SET repeats = c.repeats + 1 WHERE c.id = v_former.id;
    RETURN QUERY SELECT v_former.code, v_former.state, v_former.reason, false;
    RETURN;
  END IF;
  SELECT p.id, p.programme_id, p.owner_id, m.closed_at IS NOT NULL AS closed INTO v_part
  FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN participation_send t ON t.id = d.participation_send_id
  JOIN participation p ON p.id = t.participation_id WHERE m.id = p_mailing AND m.dispatch_id = p_dispatch;
  IF v_part.id IS NULL OR v_part.programme_id <> p_programme THEN
    RAISE EXCEPTION 'the click is of another programme'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_click';
  END IF;
  -- The last click before it. A click id comes from a redirect alone, so a click that is not here yet is on its way
  -- from a front's journal: it is looked for again before anything is approved.
  SELECT max(h.at) INTO v_clicked FROM hit h WHERE h.mailing_id = p_mailing AND h.position = p_position
    AND h.at <= v_happened + interval '1 minute';
  v_price := conversion_price(v_programme, p_kind, p_amount);
  v_reason := CASE
    WHEN EXISTS (SELECT 1 FROM conversion c WHERE c.programme_id = p_programme AND c.kind = p_kind
                 AND c.reference = p_reference AND c.state <> 'refused') THEN 'reference_used'
    WHEN v_price IS NULL THEN 'not_paid'
    WHEN v_part.closed THEN 'mailing_settled'
    WHEN v_happened > v_now + interval '5 minutes' THEN 'in_future'
    WHEN v_clicked IS NULL AND EXISTS (SELECT 1 FROM hit h WHERE h.mailing_id = p_mailing AND h.position = p_position)
      THEN 'before_click'
    -- Whole days of 24 hours: a change of the clock makes no window longer or shorter.
    WHEN v_happened > v_clicked + make_interval(hours => 24 * v_programme.attribution_days) THEN 'outside_window'
    WHEN v_now > v_happened + make_interval(hours => 24 * v_programme.report_days) THEN 'late'
    WHEN CAST(coalesce(v_clicked, v_happened) AT TIME ZONE 'Europe/Paris' AS date) > v_programme.ends_on
      THEN 'programme_ended'
    ELSE conversion_cap(v_programme, v_part.owner_id, v_day, v_price) END;
  INSERT INTO conversion (code, programme_id, advertiser_id, owner_id, participation_id, mailing_id, position, link,
    number, kind, reference, amount_cents, price_micros, state, reason, source, clicked_at, happened_at, received_at,
    due_at)
  VALUES (p_code, p_programme, v_programme.advertiser_id, v_part.owner_id, v_part.id, p_mailing, p_position, p_link,
    (SELECT coalesce(max(c.number), -1) + 1 FROM conversion c WHERE c.mailing_id = p_mailing), p_kind, p_reference,
    p_amount, coalesce(v_price, 0), CASE WHEN v_reason = '' THEN 'pending' ELSE 'refused' END, v_reason, p_source,
    v_clicked, v_happened, v_now, v_now + make_interval(hours => 24 * v_programme.validation_days));
  IF v_reason = '' THEN
    PERFORM use_programme(p_programme, v_part.owner_id, v_day, v_price);
  END IF;
  RETURN QUERY SELECT p_code, CASE WHEN v_reason = '' THEN 'pending' ELSE 'refused' END, v_reason, true;
END $$;

-- The clicks of persons on a mailing whose programme pays clicks: one a recipient; in a newsletter, where recipients
-- are not known to us, one a device and day. Approved at once: our own judgement of hits is the evidence.
CREATE FUNCTION bill_clicks(p_mailing bigint, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_part record;
  v_programme programme;
  v_click record;
  v_price bigint;
  v_reason text;
  v_number integer;
  v_count integer := 0;
  v_now timestamptz := app_now();
  v_day date := CAST(v_now AT TIME ZONE 'Europe/Paris' AS date);
BEGIN
  SELECT p.id, p.programme_id, p.owner_id, t.newsletter, m.ended_at INTO v_part
  FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN participation_send t ON t.id = d.participation_send_id
  JOIN participation p ON p.id = t.participation_id WHERE m.id = p_mailing AND m.closed_at IS NULL;
  IF v_part.id IS NULL THEN RETURN 0; END IF;
  SELECT * INTO v_programme FROM programme g WHERE g.id = v_part.programme_id FOR NO KEY UPDATE;
  v_price := conversion_price(v_programme, 'click', NULL);
  IF v_price IS NULL THEN RETURN 0; END IF;
  SELECT coalesce(max(c.number), -1) INTO v_number FROM conversion c WHERE c.mailing_id = p_mailing;
  FOR v_click IN
    SELECT * FROM (
      SELECT DISTINCT ON (h.position) h.position, h.link, h.at, h.ip, h.user_agent,
             CAST(h.at AT TIME ZONE 'Europe/Paris' AS date) AS day
      FROM hit h WHERE h.mailing_id = p_mailing AND h.verdict = 'human'
        AND NOT EXISTS (SELECT 1 FROM conversion c WHERE c.mailing_id = p_mailing AND c.kind = 'click'
                        AND c.position = h.position)
      ORDER BY h.position, h.at
    ) first_clicks ORDER BY at, position LIMIT p_most
  LOOP
    v_number := v_number + 1;
    v_reason := CASE
      WHEN v_click.day > v_programme.ends_on THEN 'programme_ended'
      WHEN v_click.at > v_part.ended_at + make_interval(hours => 24 * v_programme.attribution_days)
        THEN 'outside_window'
      WHEN v_part.newsletter AND EXISTS (
          SELECT 1 FROM conversion c JOIN hit o ON o.mailing_id = c.mailing_id AND o.position = c.position
          WHERE c.mailing_id = p_mailing AND c.kind = 'click' AND c.state <> 'refused'
            AND o.ip IS NOT DISTINCT FROM v_click.ip AND o.user_agent IS NOT DISTINCT FROM v_click.user_agent
            AND CAST(o.at AT TIME ZONE 'Europe/Paris' AS date) = v_click.day) THEN 'repeated_click'
      ELSE conversion_cap(v_programme, v_part.owner_id, v_day, v_price) END;
    INSERT INTO conversion (code, programme_id, advertiser_id, owner_id, participation_id, mailing_id, position, link,
      number, kind, reference, price_micros, state, reason, source, clicked_at, happened_at, received_at, due_at,
      decided_at)
    VALUES ('conv_' || substr(md5(random()::text || clock_timestamp()), 1, 20), v_programme.id,
      v_programme.advertiser_id, v_part.owner_id, v_part.id, p_mailing, v_click.position, v_click.link, v_number,
      'click', p_mailing || ':' || v_click.position, v_price,
      CASE WHEN v_reason = '' THEN 'approved' ELSE 'refused' END, v_reason, 'click', v_click.at,
      v_click.at, v_now, v_now, v_now);
    IF v_reason = '' THEN
      PERFORM use_programme(v_programme.id, v_part.owner_id, v_day, v_price);
    END IF;
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END $$;

-- Whether clicks, leads or sales of a mailing may still come or wait for a decision: until then it is not settled.
CREATE FUNCTION conversions_open(p_mailing bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id
    JOIN participation_send t ON t.id = d.participation_send_id
    JOIN participation p ON p.id = t.participation_id JOIN programme g ON g.id = p.programme_id
    WHERE m.id = p_mailing AND (m.started_at IS NOT NULL OR t.newsletter)
      AND (g.model <> 'cpm' OR num_nonnulls(g.click_cents, g.lead_cents, g.sale_cents, g.sale_bp) > 0)
      AND (app_now() < coalesce(m.ended_at, m.started_at)
             + make_interval(hours => 24 * (g.attribution_days + CASE WHEN g.model = 'cpc' AND num_nonnulls(
               g.lead_cents, g.sale_cents, g.sale_bp) = 0 THEN 0 ELSE g.report_days END))
           OR EXISTS (SELECT 1 FROM conversion c WHERE c.mailing_id = m.id AND c.state = 'pending')
           OR EXISTS (SELECT 1 FROM hit h WHERE h.mailing_id = m.id AND h.verdict IS NULL)))
$$;

-- What the public door needs to check a postback's signature.
CREATE FUNCTION postback_programme(p_code text)
RETURNS TABLE (id bigint, postback_key smallint, postback_version integer, former_postback boolean, currency text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT g.id, g.postback_key, g.postback_version, coalesce(g.former_postback_until > app_now(), false), 'EUR'
  FROM programme g WHERE g.code = p_code
$$;

-- Reports that were not let in (a wrong signature, a damaged click id): counted, never kept.
CREATE TABLE postback_refusal (
  programme_id bigint NOT NULL REFERENCES programme,
  advertiser_id bigint NOT NULL,
  day date NOT NULL,
  reason text NOT NULL CHECK (length(reason) <= 40),
  count bigint NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (programme_id, day, reason)
);
CREATE FUNCTION note_postback_refusal(p_programme bigint, p_reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO postback_refusal
  SELECT g.id, g.advertiser_id, CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date), left(p_reason, 40), 1, app_now()
  FROM programme g WHERE g.id = p_programme
  ON CONFLICT (programme_id, day, reason) DO UPDATE SET count = postback_refusal.count + 1, last_at = excluded.last_at
$$;

-- Signs of fraud with their evidence: numbers and times, never an address or an agent.
CREATE TABLE conversion_sign (
  conversion_id bigint NOT NULL REFERENCES conversion,
  advertiser_id bigint NOT NULL,
  sign text NOT NULL CHECK (sign IN ('burst', 'same_device', 'too_fast', 'scanner_click')),
  evidence jsonb NOT NULL,
  found_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (conversion_id, sign)
);

-- An owner's offer to one advertiser; accepted, it becomes a programme that nobody else sees.
CREATE TABLE private_offer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  owner_id bigint NOT NULL REFERENCES organisation,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  owner_name text NOT NULL, advertiser_name text NOT NULL,      -- as each knew the other by then
  base_id bigint NOT NULL REFERENCES base,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
  message text NOT NULL DEFAULT '' CHECK (length(message) <= 2000),
  sector text NOT NULL,
  terms jsonb NOT NULL,                       -- {model, cpm_cents, rate_cents, rate_bp}: what the owner asks
  starts_on date NOT NULL, ends_on date NOT NULL CHECK (ends_on >= starts_on),
  state text NOT NULL DEFAULT 'sent' CHECK (state IN ('sent', 'accepted', 'refused', 'withdrawn')),
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  programme_id bigint REFERENCES programme,
  made_by bigint, made_at timestamptz NOT NULL DEFAULT app_now(),
  answered_by bigint, answered_at timestamptz,
  CHECK ((state = 'accepted') = (programme_id IS NOT NULL))
);
CREATE INDEX private_offer_owner ON private_offer (owner_id, id);
CREATE INDEX private_offer_advertiser ON private_offer (advertiser_id, id);
CREATE FUNCTION keep_private_offer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NOT (
      EXISTS (SELECT 1 FROM organisation o WHERE o.id = NEW.advertiser_id AND o.kind = 'advertiser')
      AND EXISTS (SELECT 1 FROM base b WHERE b.id = NEW.base_id AND b.org_id = NEW.owner_id)) THEN
    RAISE EXCEPTION 'an owner offers its own base to an advertiser'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'private_offer_parties';
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.state <> 'sent' AND NEW.state <> OLD.state
      OR (NEW.owner_id, NEW.advertiser_id, NEW.base_id, NEW.terms, NEW.title)
         IS DISTINCT FROM (OLD.owner_id, OLD.advertiser_id, OLD.base_id, OLD.terms, OLD.title)
      OR OLD.programme_id IS NOT NULL AND NEW.programme_id IS DISTINCT FROM OLD.programme_id
      OR app_role() = 'advertiser' AND NEW.state = 'withdrawn'
      OR app_role() = 'owner' AND NEW.state IN ('accepted', 'refused')) THEN
    RAISE EXCEPTION 'an answered offer does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'private_offer_answered';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_private_offer BEFORE INSERT OR UPDATE ON private_offer
  FOR EACH ROW EXECUTE FUNCTION keep_private_offer();
-- The title of an owner's own rule that refuses an advertiser or sector on its base; null when none does.
CREATE FUNCTION refused_by_owner(p_base bigint, p_advertiser bigint, p_sector text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.title FROM approval_rule r, organisation o
  WHERE o.id = p_advertiser AND r.owner_id = app_org() AND r.effect = 'refuse' AND r.active
    AND (r.base_id IS NULL OR r.base_id = p_base)
    AND (o.code = ANY (r.advertisers) OR EXISTS (SELECT 1 FROM unnest(r.sectors) s WHERE lower(s) = lower(p_sector)))
  ORDER BY r.id LIMIT 1
$$;
-- The advertiser that an owner names by its code: id and name, nothing else.
CREATE FUNCTION advertiser_named(p_code text) RETURNS TABLE (id bigint, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.id, o.name FROM organisation o WHERE o.code = p_code AND o.kind = 'advertiser'
$$;
"""

CHECKS = """
CREATE OR REPLACE FUNCTION check_participation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_programme programme;
BEGIN
  SELECT * INTO v_programme FROM programme p WHERE p.id = NEW.programme_id AND p.advertiser_id = NEW.advertiser_id;
  IF v_programme.id IS NULL
     OR NOT EXISTS (SELECT 1 FROM base b WHERE b.id = NEW.base_id AND b.org_id = NEW.owner_id)
     OR NEW.rule_segment_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM segment s WHERE s.id = NEW.rule_segment_id AND s.base_id = NEW.base_id) THEN
    RAISE EXCEPTION 'a participation joins a base of the owner to a programme of the advertiser'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.programme_id, NEW.owner_id, NEW.base_id)
                          IS DISTINCT FROM (OLD.programme_id, OLD.owner_id, OLD.base_id) THEN
    RAISE EXCEPTION 'a participation stays of its parties'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  -- Who waits for the advertiser's yes cannot give it itself; the advertiser neither asks nor leaves for an owner.
  IF app_role() = 'owner' AND (
       TG_OP = 'INSERT' AND NEW.state = 'joined' AND v_programme.joining <> 'open' AND NOT EXISTS (
         SELECT 1 FROM private_offer f WHERE f.programme_id = NEW.programme_id AND f.owner_id = NEW.owner_id)
       OR TG_OP = 'UPDATE' AND OLD.state IN ('requested', 'refused') AND NEW.state = 'joined') THEN
    RAISE EXCEPTION 'the advertiser answers this request'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_answer';
  END IF;
  IF app_role() = 'advertiser' AND TG_OP = 'UPDATE' AND (
       NEW.state <> OLD.state AND NOT (NEW.state IN ('joined', 'refused') AND OLD.state IN ('requested', 'joined',
         'refused'))
       OR (NEW.rule_segment_id, NEW.rule_volume, NEW.rule_days, NEW.rule_until, NEW.terms_version)
          IS DISTINCT FROM
          (OLD.rule_segment_id, OLD.rule_volume, OLD.rule_days, OLD.rule_until, OLD.terms_version)) THEN
    RAISE EXCEPTION 'an advertiser answers a request, no more'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_answer';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION check_participation_send() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_programme programme;
  v_used numeric;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM participation p LEFT JOIN segment s ON s.base_id = p.base_id AND s.id = NEW.segment_id
                 WHERE p.id = NEW.participation_id AND p.owner_id = NEW.owner_id
                 AND p.advertiser_id = NEW.advertiser_id AND (NEW.newsletter OR s.id IS NOT NULL)) THEN
    RAISE EXCEPTION 'a send takes a segment of the base that joined'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.participation_id, NEW.segment_id, NEW.volume, NEW.send_on, NEW.newsletter)
      IS DISTINCT FROM (OLD.participation_id, OLD.segment_id, OLD.volume, OLD.send_on, OLD.newsletter) THEN
    RAISE EXCEPTION 'a picked send does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.state = 'withdrawn' AND NEW.state <> 'withdrawn' THEN
    RAISE EXCEPTION 'a withdrawn send stays withdrawn'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'INSERT' THEN
    SELECT g.* INTO v_programme FROM programme g JOIN participation p ON p.programme_id = g.id
    WHERE p.id = NEW.participation_id FOR NO KEY UPDATE OF g;
    SELECT coalesce(sum(t.volume), 0) INTO v_used FROM participation_send t
    JOIN participation p ON p.id = t.participation_id
    WHERE p.programme_id = v_programme.id AND t.state <> 'withdrawn';
    IF v_used + NEW.volume > v_programme.most_names THEN
      RAISE EXCEPTION 'the programme takes no more names'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'programme_names';
    END IF;
    IF NEW.newsletter THEN RETURN NEW; END IF;
    SELECT coalesce(sum(t.volume), 0) * v_programme.price_micros INTO v_used FROM participation_send t
    JOIN participation p ON p.id = t.participation_id
    WHERE p.programme_id = v_programme.id AND t.state <> 'withdrawn' AND NOT t.newsletter;
    v_used := v_used + coalesce((SELECT u.micros FROM programme_use u WHERE u.programme_id = v_programme.id
                                 AND u.owner_id = 0 AND u.day = 'epoch'), 0);
    IF NEW.volume * v_programme.price_micros + v_used > v_programme.budget_cents::numeric * 10000
       AND v_programme.price_micros > 0 THEN
      RAISE EXCEPTION 'the budget of the programme does not cover this send'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'programme_budget';
    END IF;
    SELECT coalesce(sum(t.volume), 0) * v_programme.price_micros INTO v_used FROM participation_send t
    JOIN participation p ON p.id = t.participation_id
    WHERE p.programme_id = v_programme.id AND p.owner_id = NEW.owner_id AND t.state <> 'withdrawn' AND NOT t.newsletter;
    IF NEW.volume * v_programme.price_micros + v_used > v_programme.owner_cap_cents::numeric * 10000 THEN
      RAISE EXCEPTION 'the programme pays one owner no more'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'programme_owner_cap';
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION copy_open_programme() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM open_programme WHERE programme_id = NEW.id;
  IF NEW.state = 'open' AND NEW.only_owner_id IS NULL THEN
    INSERT INTO open_programme SELECT id, sector, model, channel, price_micros, rate_cents, rate_bp, wishes, ends_on,
      words FROM programme WHERE id = NEW.id;
  END IF;
  RETURN NEW;
END $$;

-- A newsletter of the owner's that carries the offer: no recipients of ours, but links, clicks and what they bring.
CREATE FUNCTION open_newsletter(p_send bigint, p_code text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_send record;
  v_dispatch bigint;
  v_mailing bigint;
BEGIN
  SELECT s.*, p.base_id, g.creative_id, g.commission_bp, c.content_hash INTO v_send
  FROM participation_send s JOIN participation p ON p.id = s.participation_id
  JOIN programme g ON g.id = p.programme_id JOIN creative c ON c.id = g.creative_id AND c.state = 'signed'
  WHERE s.id = p_send AND s.newsletter AND s.state = 'picked' AND s.owner_id = app_org() FOR UPDATE OF s;
  IF v_send.id IS NULL THEN
    RAISE EXCEPTION 'nothing to open' USING ERRCODE = 'check_violation', CONSTRAINT = 'not_schedulable';
  END IF;
  v_dispatch := next_dispatch(to_char(v_send.send_on, 'YYYYMM')::integer);
  INSERT INTO dispatch (id, participation_send_id, owner_id, advertiser_id)
  VALUES (v_dispatch, p_send, v_send.owner_id, v_send.advertiser_id);
  INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash, state,
                       price_micros, commission_bp, draw_seed, starts_at, ended_at)
  VALUES (p_code, 'affiliate', v_dispatch, v_send.owner_id, v_send.advertiser_id, v_send.base_id, v_send.creative_id,
          v_send.content_hash, 'sent', 0, v_send.commission_bp, 0, app_now(), app_now())
  RETURNING id INTO v_mailing;
  UPDATE participation_send SET state = 'sent' WHERE id = p_send;
  RETURN v_mailing;
END $$;

-- What leads and sales brought in a sector, over all owners: told where five owners and three advertisers had some.
CREATE FUNCTION sector_conversions(p_sector text, p_kind text) RETURNS TABLE (accepted bigint, conversions bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sum(s.accepted)::bigint / 1000 * 1000, sum(s.conversions)::bigint / 10 * 10 FROM (
    SELECT m.owner_id, m.advertiser_id,
      (SELECT count(*) FROM send x WHERE x.dispatch_id = m.dispatch_id AND x.mailing_id = m.id
         AND x.state = 'accepted' AND NOT x.seed) AS accepted,
      (SELECT count(*) FROM conversion c WHERE c.mailing_id = m.id AND c.kind = p_kind
         AND c.state IN ('pending', 'approved', 'locked', 'paid')) AS conversions
    FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN participation_send t ON t.id = d.participation_send_id
    JOIN participation p ON p.id = t.participation_id JOIN programme g ON g.id = p.programme_id
    WHERE g.sector = p_sector AND m.ended_at > app_now() - interval '1 year'
      AND conversion_price(g, p_kind, 100) IS NOT NULL) s
  HAVING count(DISTINCT s.owner_id) >= 5 AND count(DISTINCT s.advertiser_id) >= 3
$$;

ALTER TABLE accrual DROP CONSTRAINT accrual_kind_check, DROP CONSTRAINT accrual_check1;
ALTER TABLE accrual
  ADD CONSTRAINT accrual_kind_check CHECK (kind IN ('send', 'bounce', 'click', 'lead', 'sale')),
  ADD CONSTRAINT accrual_check1 CHECK ((kind <> 'bounce') = (gross_micros > 0));
"""

FORMER = """
CREATE OR REPLACE FUNCTION check_participation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM programme p WHERE p.id = NEW.programme_id AND p.advertiser_id = NEW.advertiser_id)
     OR NOT EXISTS (SELECT 1 FROM base b WHERE b.id = NEW.base_id AND b.org_id = NEW.owner_id) THEN
    RAISE EXCEPTION 'a participation joins a base of the owner to a programme of the advertiser'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION check_participation_send() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_programme programme;
  v_reserved numeric;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM participation p JOIN segment s ON s.base_id = p.base_id AND s.id = NEW.segment_id
                 WHERE p.id = NEW.participation_id AND p.owner_id = NEW.owner_id
                 AND p.advertiser_id = NEW.advertiser_id) THEN
    RAISE EXCEPTION 'a send takes a segment of the base that joined'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_parties';
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.participation_id, NEW.segment_id, NEW.volume, NEW.send_on)
                          IS DISTINCT FROM (OLD.participation_id, OLD.segment_id, OLD.volume, OLD.send_on) THEN
    RAISE EXCEPTION 'a picked send does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.state = 'withdrawn' AND NEW.state <> 'withdrawn' THEN
    RAISE EXCEPTION 'a withdrawn send stays withdrawn'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'participation_terms';
  END IF;
  IF TG_OP = 'INSERT' THEN
    SELECT g.* INTO v_programme FROM programme g JOIN participation p ON p.programme_id = g.id
    WHERE p.id = NEW.participation_id FOR UPDATE OF g;
    SELECT coalesce(sum(t.volume), 0) INTO v_reserved FROM participation_send t
    JOIN participation p ON p.id = t.participation_id
    WHERE p.programme_id = v_programme.id AND t.state <> 'withdrawn';
    IF (v_reserved + NEW.volume) * v_programme.price_micros > v_programme.budget_cents::numeric * 10000 THEN
      RAISE EXCEPTION 'the budget of the programme does not cover this send'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'programme_budget';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION copy_open_programme() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM open_programme WHERE programme_id = NEW.id;
  IF NEW.state = 'open' THEN
    INSERT INTO open_programme SELECT id, sector, model, channel, price_micros, rate_cents, rate_bp, wishes, ends_on,
      words FROM programme WHERE id = NEW.id;
  END IF;
  RETURN NEW;
END $$;
ALTER TABLE accrual DROP CONSTRAINT accrual_kind_check, DROP CONSTRAINT accrual_check1;
ALTER TABLE accrual
  ADD CONSTRAINT accrual_kind_check CHECK (kind IN ('send', 'bounce')),
  ADD CONSTRAINT accrual_check1 CHECK ((kind = 'send') = (gross_micros > 0));
"""

PARTY = "owner_id = app_org() OR advertiser_id = app_org() OR app_staff()"
OPEN = "state = 'open' AND app_role() = 'owner'"
JOINED = "EXISTS (SELECT 1 FROM participation j WHERE j.programme_id = programme.id AND j.owner_id = app_org())"
NEW_TERMS = (
    "terms_version, joining, join_rules, day_cap_cents, attribution_days, report_days, click_cents, lead_cents,"
    " sale_cents, sale_bp, only_owner_id, postback_key, postback_version, former_postback_until"
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TERMS)
    op.execute(CONVERSIONS)
    op.execute(CHECKS)
    op.execute(
        f"ALTER POLICY tenant ON programme USING (advertiser_id = app_org() OR app_staff() OR ({OPEN}"
        f" AND (only_owner_id IS NULL OR only_owner_id = app_org())) OR {JOINED})"
    )
    op.execute(f"GRANT SELECT ({NEW_TERMS}) ON programme TO courtier_web")
    op.execute(
        "GRANT UPDATE (terms, terms_version, joining, join_rules, budget_cents, day_cap_cents, owner_cap_cents,"
        " postback_key, postback_version, former_postback_until, ends_on) ON programme TO courtier_web"
    )
    op.execute("ALTER POLICY tenant ON participation WITH CHECK (owner_id = app_org() OR advertiser_id = app_org())")
    # A participation is begun by its owner, or comes with a private offer that its advertiser accepted.
    op.execute(
        "CREATE POLICY begins ON participation AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK"
        " (owner_id = app_org() OR EXISTS (SELECT 1 FROM private_offer f WHERE f.programme_id ="
        " participation.programme_id AND f.owner_id = participation.owner_id AND f.base_id = participation.base_id))"
    )
    op.execute(
        "GRANT UPDATE (terms_version, answer, answered_at, answered_by, rule_segment_id, rule_volume, rule_days,"
        " rule_until, rule_problem) ON participation TO courtier_web"
    )
    protect("programme_use", using="EXISTS (SELECT 1 FROM programme p WHERE p.id = programme_use.programme_id"
            " AND (p.advertiser_id = app_org() OR app_staff())) OR owner_id = app_org()", web="SELECT")  # fmt: skip
    protect("conversion_transition", using="true", web="SELECT")
    shown = columns_but("conversion", "position", "link")  # nothing that links a conversion to a person
    protect(
        "conversion",
        using=PARTY,
        check="advertiser_id = app_org() OR app_staff()",
        web=f"SELECT ({shown}), UPDATE (state, reason, decided_at, decided_by, due_at, extended)",
    )
    op.execute(
        "CREATE POLICY deciding ON conversion AS RESTRICTIVE FOR UPDATE TO courtier_web"
        " USING ((advertiser_id = app_org() OR app_role() = 'broker') AND state = 'pending')"
        " WITH CHECK (state IN ('pending', 'approved', 'declined'))"
    )
    protect("postback_refusal", using="advertiser_id = app_org() OR app_staff()", web="SELECT")
    protect("conversion_sign", using="advertiser_id = app_org() OR app_staff()", web="SELECT")
    protect(
        "private_offer",
        using=PARTY,
        check="owner_id = app_org() OR advertiser_id = app_org()",
        web="SELECT, INSERT, UPDATE (state, reason, programme_id, answered_by, answered_at)",
    )
    op.execute(
        "CREATE POLICY made_by_owner ON private_offer AS RESTRICTIVE FOR INSERT TO courtier_web"
        " WITH CHECK (owner_id = app_org() AND state = 'sent')"
    )
    for function in ("conversion_price(programme, text, bigint)", "conversion_cap(programme, bigint, date, bigint)",
                     "use_programme(bigint, bigint, date, bigint)"):  # fmt: skip
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION conversion_price(programme, text, bigint) TO courtier_worker")
    definer(
        "record_conversion(text, bigint, text, bigint, bigint, integer, integer, text, bigint, timestamptz, text)",
        to="courtier_public, courtier_web, courtier_worker",
    )
    definer("bill_clicks(bigint, integer)", to="courtier_worker")
    definer("conversions_open(bigint)", to="courtier_worker")
    definer("postback_programme(text)", to="courtier_public, courtier_worker")
    definer("note_postback_refusal(bigint, text)", to="courtier_public, courtier_worker")
    definer("refused_by_owner(bigint, bigint, text)", to="courtier_web, courtier_worker")
    definer("advertiser_named(text)", to="courtier_web, courtier_worker")
    definer("open_newsletter(bigint, text)", to="courtier_web, courtier_worker")
    definer("sector_conversions(text, text)", to="courtier_web, courtier_worker")
    definer("keep_conversion()", to="courtier_worker")
    definer("keep_private_offer()", to="courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute("DELETE FROM accrual_sum WHERE kind IN ('click', 'lead', 'sale')")
    op.execute(FORMER)
    op.execute("DROP POLICY begins ON participation")
    op.execute("ALTER POLICY tenant ON participation WITH CHECK (owner_id = app_org())")
    op.execute(
        f"ALTER POLICY tenant ON programme USING (advertiser_id = app_org() OR app_staff() OR ({OPEN}) OR {JOINED})"
    )
    op.execute("DROP TABLE conversion_sign, postback_refusal, private_offer, conversion, conversion_transition,"
               " programme_use CASCADE")  # fmt: skip
    op.execute(
        "DROP FUNCTION record_conversion(text, bigint, text, bigint, bigint, integer, integer, text, bigint,"
        " timestamptz, text), bill_clicks(bigint, integer), conversions_open(bigint), postback_programme(text),"
        " note_postback_refusal(bigint, text), advertiser_named(text), refused_by_owner(bigint, bigint, text),"
        " open_newsletter(bigint, text),"
        " sector_conversions(text, text), keep_conversion(), keep_private_offer(),"
        " conversion_price(programme, text, bigint), conversion_cap(programme, bigint, date, bigint),"
        " use_programme(bigint, bigint, date, bigint)"
    )
    op.execute("REVOKE UPDATE ON programme FROM courtier_web")
    op.execute("GRANT UPDATE (state, title, description) ON programme TO courtier_web")
    op.execute("REVOKE UPDATE ON participation FROM courtier_web")
    op.execute("GRANT UPDATE (state) ON participation TO courtier_web")
    op.execute("DELETE FROM participation_send WHERE newsletter AND NOT EXISTS (SELECT 1 FROM dispatch d"
               " WHERE d.participation_send_id = participation_send.id)")  # fmt: skip
    op.execute(
        "ALTER TABLE participation_send DROP CONSTRAINT participation_send_segment, DROP COLUMN newsletter,"
        " ALTER COLUMN segment_id SET NOT NULL"
    )
    op.execute(
        "ALTER TABLE participation DROP CONSTRAINT participation_rule, DROP CONSTRAINT participation_state_check,"
        " DROP COLUMN terms_version, DROP COLUMN answer, DROP COLUMN answered_at, DROP COLUMN answered_by,"
        " DROP COLUMN rule_segment_id, DROP COLUMN rule_volume, DROP COLUMN rule_days, DROP COLUMN rule_until,"
        " DROP COLUMN rule_picked_on, DROP COLUMN rule_problem"
    )
    op.execute("UPDATE participation SET state = 'withdrawn' WHERE state IN ('requested', 'refused')")
    op.execute(
        "ALTER TABLE participation ADD CONSTRAINT participation_state_check CHECK (state IN ('joined', 'withdrawn'))"
    )
    op.execute(
        "ALTER TABLE programme DROP CONSTRAINT programme_one_sale_rate, "
        + ", ".join(f"DROP COLUMN {name.strip()}" for name in NEW_TERMS.split(","))
    )
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('bill_clicks', 'accrue_conversions',"
               " 'look_for_fraud')")  # fmt: skip
    op.execute("RESET ROLE")
