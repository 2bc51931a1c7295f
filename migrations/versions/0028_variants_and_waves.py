"""Mailings: subject tests, waves, thresholds, proofs, reports."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLES = """
-- Other subjects and preheaders of a message, and how they are tried. They stand in the creative's own row, so what
-- keeps a signed creative as it is keeps them as well.
ALTER TABLE creative
  ADD variants jsonb NOT NULL DEFAULT '[]'      -- [{"subject", "preheader", "html"}] of variants B, C, …
    CHECK (jsonb_typeof(variants) = 'array' AND jsonb_array_length(variants) <= 3),
  ADD test jsonb                                -- {"share_bp", "wait_minutes"}; NULL without variants
    CHECK ((test IS NULL) = (jsonb_array_length(variants) = 0));

-- How a mailing leaves, as its owner set it; no row: at once, all of it.
CREATE TABLE mailing_flow (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  shares smallint[] NOT NULL DEFAULT '{}' CHECK (cardinality(shares) <= 20),   -- per cent a wave, 100 together
  gap_minutes integer NOT NULL DEFAULT 60 CHECK (gap_minutes BETWEEN 1 AND 20160),
  start_by timestamptz,                         -- not begun by then, it is stopped for a person to decide
  set_by bigint, set_at timestamptz NOT NULL DEFAULT app_now()
);
-- How far it is: positions under `released` may leave (NULL: all). Position p of the test group gets variant
-- p mod variants, as seeds do; everybody else the winner.
CREATE TABLE mailing_progress (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  recipients integer NOT NULL,
  variants smallint NOT NULL,
  test_size integer NOT NULL,
  released integer,
  tested_at timestamptz,                        -- the test group was sent
  decide_at timestamptz,
  winner smallint, decided_at timestamptz, decision jsonb
);
CREATE TABLE mailing_wave (
  mailing_id bigint NOT NULL REFERENCES mailing,
  number smallint NOT NULL,
  upto integer NOT NULL,                        -- positions under it
  opens_at timestamptz,
  opened_at timestamptz,
  PRIMARY KEY (mailing_id, number)
);
-- What the watch over a mailing found. A stop is open until a person releases it in writing; the figures at that
-- moment are those it starts to count from again.
CREATE TABLE mailing_alarm (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailing_id bigint NOT NULL REFERENCES mailing,
  kind text NOT NULL CHECK (kind IN ('warning', 'stop')),
  reason text NOT NULL CHECK (reason IN ('bounces', 'complaints', 'start_window')),
  sentence text NOT NULL,
  sent integer NOT NULL, bounces integer NOT NULL, complaints integer NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  released_at timestamptz, released_by bigint, release_reason text,
  CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
CREATE INDEX mailing_alarm_mailing ON mailing_alarm (mailing_id);
CREATE INDEX inbound_mailing ON inbound (mailing_id) WHERE mailing_id IS NOT NULL;

CREATE FUNCTION mailing_is_released() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM mailing_alarm a
             WHERE a.mailing_id = NEW.id AND a.kind = 'stop' AND a.released_at IS NULL) THEN
    RAISE EXCEPTION 'a stopped mailing is released first'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mailing_held';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER mailing_is_released BEFORE UPDATE OF state ON mailing FOR EACH ROW
  WHEN (OLD.state = 'paused' AND NEW.state IN ('frozen', 'sending')) EXECUTE FUNCTION mailing_is_released();

-- SHA-256 of what the sender compiled from the signed creative, a row a variant and a compilation that differs.
CREATE TABLE mailing_render (
  mailing_id bigint NOT NULL REFERENCES mailing,
  variant smallint NOT NULL,
  digest bytea NOT NULL,
  first_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (mailing_id, variant, digest)
);
-- What a worker finds when it opens a mailing's list: by mail domain and trait, and what those who left were worth.
CREATE TABLE mailing_study (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  body jsonb NOT NULL,                          -- for the owner
  guarded jsonb NOT NULL,                       -- for the advertiser: small cells, and those that tell them, left out
  studied_at timestamptz NOT NULL DEFAULT app_now()
);
-- The report that is owed to an advertiser within a month of the send; written once.
CREATE TABLE legal_report (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  mailing_id bigint NOT NULL UNIQUE REFERENCES mailing,
  owner_id bigint NOT NULL, advertiser_id bigint NOT NULL,
  body jsonb NOT NULL,
  due_on date NOT NULL,
  made_at timestamptz NOT NULL DEFAULT app_now(),
  read_at timestamptz                           -- when the advertiser first opened it
);
CREATE INDEX legal_report_advertiser ON legal_report (advertiser_id);
-- Proofs of a creative asked for, to the control addresses of the one who asks.
CREATE TABLE proof_request (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  creative_id bigint NOT NULL REFERENCES creative ON DELETE CASCADE,
  org_id bigint NOT NULL REFERENCES organisation,
  asked_by bigint, asked_at timestamptz NOT NULL DEFAULT app_now(),
  content_hash bytea NOT NULL,
  mails integer NOT NULL,
  taken_at timestamptz,                         -- from then on the mails may have left: none is sent again
  done_at timestamptz,
  accepted integer NOT NULL DEFAULT 0, refused integer NOT NULL DEFAULT 0
);
CREATE INDEX proof_request_creative ON proof_request (creative_id);
CREATE INDEX proof_request_org ON proof_request (org_id, asked_at);
INSERT INTO jobs.kind VALUES
  ('send_proofs', 'mailing'), ('study_mailing', 'mailing'), ('write_legal_report', 'mailing');
"""

# The tables are the workers'. The front asks these functions, each of which says for whom it answers.
FUNCTIONS = """
CREATE FUNCTION party_to_mailing(p_mailing bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM mailing m WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system'
    OR m.owner_id = app_org() OR m.advertiser_id = app_org()))
$$;

CREATE FUNCTION flow_of_mailing(p_mailing bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT jsonb_build_object(
    'flow', (SELECT to_jsonb(f) FROM mailing_flow f WHERE f.mailing_id = p_mailing),
    'progress', (SELECT to_jsonb(p) FROM mailing_progress p WHERE p.mailing_id = p_mailing),
    'waves', (SELECT jsonb_agg(to_jsonb(w) ORDER BY w.number) FROM mailing_wave w WHERE w.mailing_id = p_mailing),
    'alarms', (SELECT jsonb_agg(to_jsonb(a) || jsonb_build_object('released_by', CASE WHEN app_staff()
                 OR app_role() = 'system' OR u.org_id = app_org() THEN u.name END) ORDER BY a.id)   -- anonymous sides
               FROM mailing_alarm a LEFT JOIN app_user u ON u.id = a.released_by WHERE a.mailing_id = p_mailing))
  WHERE party_to_mailing(p_mailing)
$$;

CREATE FUNCTION set_mailing_flow(p_mailing bigint, p_shares smallint[], p_gap integer, p_start_by timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM mailing m WHERE m.id = p_mailing AND m.started_at IS NULL
    AND m.state IN ('freezing', 'frozen', 'paused')
    AND (app_role() IN ('broker', 'system') OR m.owner_id = app_org()) FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO mailing_flow AS f (mailing_id, shares, gap_minutes, start_by, set_by)
  VALUES (p_mailing, p_shares, p_gap, p_start_by, nullif(current_setting('app.user', true), '')::bigint)
  ON CONFLICT (mailing_id) DO UPDATE SET shares = excluded.shares, gap_minutes = excluded.gap_minutes,
    start_by = excluded.start_by, set_by = excluded.set_by, set_at = app_now();
  RETURN true;
END $$;

CREATE FUNCTION release_mailing(p_mailing bigint, p_reason text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_count integer;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM mailing m WHERE m.id = p_mailing
                 AND (app_role() IN ('broker', 'system') OR m.owner_id = app_org())) THEN RETURN 0; END IF;
  UPDATE mailing_flow SET start_by = NULL WHERE mailing_id = p_mailing AND EXISTS (
    SELECT 1 FROM mailing_alarm a WHERE a.mailing_id = p_mailing AND a.kind = 'stop' AND a.released_at IS NULL
      AND a.reason = 'start_window');
  UPDATE mailing_alarm a SET released_at = app_now(), release_reason = p_reason,
    released_by = nullif(current_setting('app.user', true), '')::bigint
  WHERE a.mailing_id = p_mailing AND a.kind = 'stop' AND a.released_at IS NULL;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END $$;

-- The figures of a report beyond the states of sends, as of now: clicks of people, what came back, who left, the money.
CREATE FUNCTION figures_of_mailing(p_mailing bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  WITH m AS (SELECT * FROM mailing WHERE id = p_mailing AND party_to_mailing(p_mailing)),
  click AS MATERIALIZED (SELECT h.position, h.link, h.at FROM hit h JOIN m ON m.id = h.mailing_id
    WHERE h.verdict = 'human'),
  returned AS MATERIALIZED (SELECT i.kind, i.verdict, coalesce(i.reason, 'unknown') AS reason, i.position
    FROM inbound i JOIN m ON m.id = i.mailing_id WHERE i.kind IN ('bounce', 'complaint'))
  SELECT jsonb_build_object(
    'clickers', (SELECT count(DISTINCT position) FROM click),
    'links', (SELECT jsonb_agg(jsonb_build_object('number', l.number, 'url', l.url, 'clicks', coalesce(c.clicks, 0),
                'clickers', coalesce(c.clickers, 0)) ORDER BY coalesce(c.clickers, 0) DESC, l.number)
              FROM m JOIN creative_link l ON l.creative_id = m.creative_id AND NOT l.hidden
              LEFT JOIN (SELECT link, count(*) AS clicks, count(DISTINCT position) AS clickers FROM click
                         GROUP BY link) c ON c.link = l.number),
    'hours', (SELECT jsonb_agg(jsonb_build_object('at', hour, 'clicks', n) ORDER BY hour)
              FROM (SELECT date_trunc('hour', at) AS hour, count(*) AS n FROM click GROUP BY 1) h),
    'complaints', (SELECT count(DISTINCT position) FROM returned WHERE kind = 'complaint'),
    'returned', (SELECT jsonb_agg(jsonb_build_object('reason', reason, 'verdict', verdict, 'mails', n) ORDER BY n DESC)
              FROM (SELECT reason, verdict, count(DISTINCT position) AS n FROM returned WHERE kind = 'bounce'
                    GROUP BY 1, 2) r),
    'refused', (SELECT jsonb_agg(jsonb_build_object('status', status, 'mails', n) ORDER BY n DESC)
              FROM (SELECT coalesce(substring(s.reply FROM '[245]\\.[0-9]{1,3}\\.[0-9]{1,3}'), left(s.reply, 3))
                        AS status, count(*) AS n
                    FROM send s JOIN m ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
                    WHERE s.state = 'refused' AND NOT s.seed GROUP BY 1 ORDER BY 2 DESC LIMIT 20) r),
    'opt_outs', (SELECT jsonb_object_agg(scope, n) FROM (SELECT o.scope, count(*) AS n FROM opt_out o
              JOIN m ON m.id = o.mailing_id GROUP BY 1) o),
    'gross_micros', (SELECT coalesce(sum(a.gross_micros), 0) FROM accrual a JOIN m ON m.id = a.mailing_id),
    'variants', (SELECT jsonb_agg(jsonb_build_object('variant', v.variant, 'tested', v.tested, 'sent', v.sent,
                  'accepted', v.accepted, 'clickers', v.clickers) ORDER BY v.variant, v.tested DESC)
      FROM (SELECT x.variant, x.tested, count(*) FILTER (WHERE s.state IN ('accepted', 'refused', 'uncertain')) AS sent,
              count(*) FILTER (WHERE s.state = 'accepted' AND s.bounced_at IS NULL) AS accepted,
              count(*) FILTER (WHERE s.state = 'accepted' AND s.bounced_at IS NULL AND EXISTS (
                SELECT 1 FROM click c WHERE c.position = s.position)) AS clickers
            FROM m JOIN mailing_progress p ON p.mailing_id = m.id AND p.variants > 1
            JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed
            CROSS JOIN LATERAL (SELECT s.position < p.test_size AS tested,
              CASE WHEN s.position < p.test_size THEN s.position % p.variants ELSE p.winner END AS variant) x
            WHERE x.variant IS NOT NULL GROUP BY 1, 2) v))
  FROM m
$$;

CREATE FUNCTION study_of_mailing(p_mailing bigint) RETURNS TABLE (studied_at timestamptz, body jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.studied_at, CASE WHEN app_role() IN ('system', 'broker') OR m.owner_id = app_org() THEN s.body
                       ELSE s.guarded END
  FROM mailing_study s JOIN mailing m ON m.id = s.mailing_id WHERE m.id = p_mailing AND party_to_mailing(p_mailing)
$$;

-- Sums of ended mailings of one base, those before a given one; exact figures of others' mailings are for its owner.
CREATE FUNCTION past_mailings(p_mailing bigint, p_most integer)
RETURNS TABLE (code text, kind text, ended_at timestamptz, same_card boolean, sent bigint, accepted bigint,
               bounced bigint, clickers bigint, opt_outs bigint, complaints bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH this AS (SELECT m.*, o.card_id FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id
                LEFT JOIN rental_order o ON o.id = d.order_id
                WHERE m.id = p_mailing AND party_to_mailing(p_mailing)),
  past AS MATERIALIZED (
    SELECT m.id, m.code, m.kind, m.ended_at, m.dispatch_id, o.card_id IS NOT DISTINCT FROM this.card_id
      AND o.card_id IS NOT NULL AS same_card
    FROM this JOIN mailing m ON m.base_id = this.base_id AND m.id <> this.id AND m.state = 'sent'
      AND m.created_at <= this.created_at
    JOIN dispatch d ON d.id = m.dispatch_id LEFT JOIN rental_order o ON o.id = d.order_id
    WHERE m.kind = this.kind AND (app_role() IN ('system', 'broker') OR m.owner_id = app_org()
                                  OR m.advertiser_id = app_org())
    ORDER BY m.id DESC LIMIT p_most)
  SELECT p.code, p.kind, p.ended_at, p.same_card, s.sent, s.accepted, s.bounced,
    (SELECT count(DISTINCT h.position) FROM hit h WHERE h.mailing_id = p.id AND h.verdict = 'human'),
    (SELECT count(DISTINCT x.position) FROM opt_out x WHERE x.mailing_id = p.id),
    (SELECT count(DISTINCT i.position) FROM inbound i WHERE i.mailing_id = p.id AND i.kind = 'complaint')
  FROM past p CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state IN ('accepted', 'refused', 'uncertain')) AS sent,
           count(*) FILTER (WHERE state = 'accepted') AS accepted,
           count(*) FILTER (WHERE bounced_at IS NOT NULL OR state = 'refused') AS bounced
    FROM send s WHERE s.dispatch_id = p.dispatch_id AND s.mailing_id = p.id AND NOT s.seed) s
  ORDER BY p.ended_at DESC
$$;

CREATE FUNCTION legal_reports_shown() RETURNS SETOF legal_report LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT * FROM legal_report r WHERE app_staff() OR app_role() = 'system' OR r.owner_id = app_org()
    OR r.advertiser_id = app_org() ORDER BY r.id DESC
$$;
CREATE FUNCTION note_legal_report_read(p_code text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  UPDATE legal_report SET read_at = app_now() WHERE code = p_code AND advertiser_id = app_org() AND read_at IS NULL
$$;

-- Asks for proofs, no more than so many mails a day for one organisation. Only the author of a creative, or the owner
-- that is asked to approve it, reads it as the policy lets them; the addresses are always the asker's own.
CREATE FUNCTION ask_proof(p_creative bigint, p_code text, p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE
  v_mails integer;
  v_spent integer;
  v_id bigint;
BEGIN
  PERFORM 1 FROM organisation WHERE id = app_org() FOR UPDATE;   -- one after the other: the sum below is whole
  SELECT (1 + jsonb_array_length(c.variants)) * (SELECT count(*) FROM seed_address a
    WHERE a.org_id = app_org() AND a.sealed IS NOT NULL AND a.ended_at IS NULL)
  INTO v_mails FROM creative c WHERE c.id = p_creative AND (c.org_id = app_org()
    OR EXISTS (SELECT 1 FROM rental_order o WHERE o.creative_id = c.id AND o.owner_id = app_org()
               AND o.state <> 'quote')
    OR EXISTS (SELECT 1 FROM programme p JOIN participation t ON t.programme_id = p.id
               WHERE p.creative_id = c.id AND t.owner_id = app_org()));
  IF v_mails IS NULL THEN RETURN NULL; END IF;
  IF v_mails = 0 THEN
    RAISE EXCEPTION 'no control address' USING ERRCODE = 'check_violation', CONSTRAINT = 'no_seed_address';
  END IF;
  SELECT coalesce(sum(mails), 0) INTO v_spent FROM proof_request
  WHERE org_id = app_org() AND asked_at > app_now() - interval '1 day';
  IF v_spent + v_mails > p_most THEN
    RAISE EXCEPTION 'too many proofs' USING ERRCODE = 'check_violation', CONSTRAINT = 'too_many_proofs';
  END IF;
  INSERT INTO proof_request (code, creative_id, org_id, asked_by, content_hash, mails)
  SELECT p_code, c.id, app_org(), nullif(current_setting('app.user', true), '')::bigint, c.content_hash, v_mails
  FROM creative c WHERE c.id = p_creative RETURNING id INTO v_id;
  PERFORM jobs.enqueue('send_proofs', v_id);
  RETURN v_id;
END $$;
CREATE FUNCTION proofs_of_creative(p_creative bigint)
RETURNS TABLE (code text, asked_at timestamptz, mails integer, done_at timestamptz, accepted integer, refused integer,
               content_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.code, p.asked_at, p.mails, p.done_at, p.accepted, p.refused, p.content_hash FROM proof_request p
  WHERE p.creative_id = p_creative AND (p.org_id = app_org() OR app_role() = 'system') ORDER BY p.id DESC LIMIT 20
$$;
"""

SIGNATURES = (
    "mailing_is_released()",
    "party_to_mailing(bigint)",
    "flow_of_mailing(bigint)",
    "set_mailing_flow(bigint, smallint[], integer, timestamptz)",
    "release_mailing(bigint, text)",
    "figures_of_mailing(bigint)",
    "study_of_mailing(bigint)",
    "past_mailings(bigint, integer)",
    "legal_reports_shown()",
    "note_legal_report_read(text)",
    "ask_proof(bigint, text, integer)",
    "proofs_of_creative(bigint)",
)
KEPT = (
    "mailing_flow", "mailing_progress", "mailing_wave", "mailing_alarm", "mailing_render", "mailing_study",
    "legal_report", "proof_request",
)  # fmt: skip


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    for table in KEPT:
        protect(table, using="false")
    for signature in SIGNATURES:
        definer(signature, to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TRIGGER mailing_is_released ON mailing")
    # Before the table whose rows one of them returns.
    op.execute(f"DROP FUNCTION {', '.join(reversed(SIGNATURES))}")
    op.execute(f"DROP TABLE {', '.join(KEPT)}")
    op.execute("DROP INDEX inbound_mailing")
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('send_proofs', 'study_mailing', 'write_legal_report')")
    op.execute("ALTER TABLE creative DROP variants, DROP test")
