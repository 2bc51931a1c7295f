"""Hits, one-click unsubscribe, returned mail, typed requests."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE hit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT app_now(),
  kept_at timestamptz NOT NULL DEFAULT app_now(),   -- when it came here from the front's journal
  dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  link smallint NOT NULL,
  ip inet, user_agent text,                 -- erased after 90 days; the verdict stays
  manner text NOT NULL DEFAULT 'get' CHECK (manner IN ('get', 'head', 'prefetch')),
  verdict text CHECK (verdict IN ('human', 'scanner')),
  verdict_reason text
);
CREATE INDEX hit_mailing ON hit (mailing_id, position);
CREATE INDEX hit_unclassified ON hit (mailing_id) WHERE verdict IS NULL;

CREATE TABLE front_journal (                -- how far a journal file of the front has been taken
  id uuid PRIMARY KEY,
  taken bigint NOT NULL DEFAULT 0,          -- bytes
  at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE opt_out (                      -- who left by which mail: the count of a campaign, without the person
  dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  scope text NOT NULL, at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (dispatch_id, mailing_id, position, scope)
);

CREATE TABLE inbound (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT app_now(),
  sealed bytea,                             -- the message, sealed before it was written; NULL once read
  kind text CHECK (kind IN ('bounce', 'complaint', 'autoreply', 'unsubscribe', 'other')),
  verdict text CHECK (verdict IN ('hard', 'soft', 'none')),
  status text, reason text,
  dispatch_id bigint, mailing_id bigint, position integer,
  read_at timestamptz
);

CREATE TABLE soft_bounce (                  -- mails a mailbox could not take; too many in a row: it is dead
  contact_key bytea NOT NULL,
  dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (contact_key, dispatch_id, mailing_id)
);

CREATE TABLE letter_answer (                -- who got an automatic mail lately, and gets none of the kind again
  contact_key bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('letter', 'access', 'erasure')),
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (contact_key, kind)
);

CREATE TABLE typed_request (                -- an address typed on a public page, sealed in the request handler
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('objection', 'access', 'erasure')),
  base_code text NOT NULL DEFAULT '',
  sealed bytea,                             -- NULL once done; a request to confirm keeps it until then, 7 days at most
  at timestamptz NOT NULL DEFAULT app_now(),
  done_at timestamptz,                      -- matched
  mailed_at timestamptz,                    -- the link to confirm
  confirmed_at timestamptz
);
INSERT INTO jobs.kind VALUES ('answer_request', 'feedback');
"""

# The public pages log in as courtier_public, which reaches no table: these functions are all it can do.
FUNCTIONS = """
-- Keeps the hit and answers with the frozen link, in one statement: no address, no hit; no hit kept, no redirect.
CREATE FUNCTION record_hit(p_dispatch bigint, p_mailing bigint, p_position integer, p_link integer, p_ip text,
                           p_agent text, p_manner text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_url text;
BEGIN
  SELECT l.url INTO v_url FROM mailing m
  JOIN creative_link l ON l.creative_id = m.creative_id AND l.number = p_link
  WHERE m.id = p_mailing AND m.dispatch_id = p_dispatch;
  IF v_url IS NOT NULL THEN
    INSERT INTO hit (dispatch_id, mailing_id, position, link, ip, user_agent, manner)
    VALUES (p_dispatch, p_mailing, p_position, p_link, nullif(p_ip, '')::inet, left(p_agent, 400), p_manner);
  END IF;
  RETURN v_url;
END $$;

-- What the unsubscribe page shows: names of organisations, never of the person.
CREATE FUNCTION leaving_page(p_mailing bigint)
RETURNS TABLE (owner_name text, base_name text, base_code text, advertiser_name text, language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.name, b.name, b.code, a.name, c.language
  FROM mailing m JOIN base b ON b.id = m.base_id JOIN organisation o ON o.id = m.owner_id
  JOIN organisation a ON a.id = m.advertiser_id JOIN creative c ON c.id = m.creative_id
  WHERE m.id = p_mailing
$$;

CREATE FUNCTION leave(p_dispatch bigint, p_mailing bigint, p_position integer, p_scope text, p_reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_mailing mailing;
  v_key bytea;
BEGIN
  SELECT * INTO v_mailing FROM mailing WHERE id = p_mailing AND dispatch_id = p_dispatch;
  SELECT contact_key INTO v_key FROM send
  WHERE dispatch_id = p_dispatch AND mailing_id = p_mailing AND position = p_position;
  IF v_key IS NULL OR p_scope NOT IN ('everywhere', 'base', 'advertiser') THEN RETURN; END IF;
  INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason, evidence)
  SELECT v_key, coalesce((SELECT c.pepper_version FROM contact c WHERE c.contact_key = v_key LIMIT 1), 1), p_scope,
         CASE WHEN p_scope = 'base' THEN v_mailing.base_id ELSE 0 END,
         CASE WHEN p_scope = 'advertiser' THEN v_mailing.advertiser_id ELSE 0 END,
         p_reason, 'send ' || p_dispatch || '/' || p_mailing || '/' || p_position
  ON CONFLICT DO NOTHING;
  INSERT INTO opt_out (dispatch_id, mailing_id, position, scope)
  VALUES (p_dispatch, p_mailing, p_position, p_scope) ON CONFLICT DO NOTHING;
END $$;

-- The links of a mailing's signed creative, which never change: the front keeps them.
CREATE FUNCTION frozen_links(p_dispatch bigint, p_mailing bigint) RETURNS TABLE (number smallint, url text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT l.number, l.url FROM mailing m JOIN creative_link l ON l.creative_id = m.creative_id
  WHERE m.id = p_mailing AND m.dispatch_id = p_dispatch
$$;

-- Takes bytes [p_from, p_to) of a front's journal, once: how far it has been taken moves with the rows. Answers with
-- that place; where it is beyond p_from, the lines were taken before and nothing is done. A line that is not whole is
-- passed over. Times become ages first, so that a front's clock may be wrong.
CREATE FUNCTION record_hits(p_journal uuid, p_from bigint, p_to bigint, p_now bigint, p_lines text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_taken bigint;
  v_line text;
  v_leave text[];
BEGIN
  INSERT INTO front_journal (id) VALUES (p_journal) ON CONFLICT DO NOTHING;
  SELECT taken INTO v_taken FROM front_journal WHERE id = p_journal FOR UPDATE;
  IF p_from < v_taken OR p_to <= p_from THEN RETURN v_taken; END IF;
  WITH line AS MATERIALIZED (
    SELECT CASE WHEN t ~ ('^h\\t[0-9]{1,17}\\t[0-9]{1,13}\\t[0-9]{1,10}\\t[0-9]{1,9}\\t[0-9]{1,4}\\t'
                            '(get|head|prefetch)\\t')
                THEN string_to_array(t, E'\\t') END AS f
    FROM string_to_table(p_lines, E'\\n') AS t
  ), given AS MATERIALIZED (
    SELECT greatest(p_now - f[2]::bigint, 0) / 1000000.0 AS age,
           f[3]::bigint AS dispatch_id, f[4]::bigint AS mailing_id, f[5]::integer AS position,
           f[6]::smallint AS link, f[7] AS manner,
           CASE WHEN pg_input_is_valid(f[8], 'inet') THEN f[8]::inet END AS ip, left(f[9], 400) AS agent
    FROM line WHERE f IS NOT NULL
  )
  INSERT INTO hit (at, dispatch_id, mailing_id, position, link, ip, user_agent, manner)
  SELECT app_now() - make_interval(secs => age), g.dispatch_id, g.mailing_id, g.position, g.link, g.ip, g.agent,
         g.manner
  FROM given g JOIN mailing m ON m.id = g.mailing_id AND m.dispatch_id = g.dispatch_id
  JOIN creative_link l ON l.creative_id = m.creative_id AND l.number = g.link;
  FOR v_line IN SELECT t FROM string_to_table(p_lines, E'\\n') AS t
    WHERE t ~ '^l\\t[0-9]{1,17}\\t[0-9]{1,13}\\t[0-9]{1,10}\\t[0-9]{1,9}\\t(base|advertiser|everywhere)$'
  LOOP
    v_leave := string_to_array(v_line, E'\\t');
    PERFORM leave(v_leave[3]::bigint, v_leave[4]::bigint, v_leave[5]::integer, v_leave[6], 'opt_out');
  END LOOP;
  UPDATE front_journal SET taken = p_to, at = now() WHERE id = p_journal;
  RETURN p_to;
END $$;

CREATE FUNCTION store_inbound(p_sealed bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  INSERT INTO inbound (sealed) VALUES (p_sealed) RETURNING id INTO v_id;
  PERFORM jobs.enqueue('read_inbound', v_id);
  RETURN v_id;
END $$;

CREATE FUNCTION store_typed_request(p_kind text, p_base text, p_sealed bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  INSERT INTO typed_request (kind, base_code, sealed) VALUES (p_kind, p_base, p_sealed) RETURNING id INTO v_id;
  PERFORM jobs.enqueue('match_request', v_id);
END $$;

-- The click on the mailed link, by POST. Again is the same; false when it is over or was never mailed.
CREATE FUNCTION confirm_typed_request(p_id bigint, p_kind text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
BEGIN
  UPDATE typed_request SET confirmed_at = app_now()
  WHERE id = p_id AND kind = p_kind AND confirmed_at IS NULL AND sealed IS NOT NULL
    AND mailed_at > app_now() - interval '7 days';
  IF FOUND THEN PERFORM jobs.enqueue('answer_request', p_id); END IF;
  RETURN EXISTS (SELECT 1 FROM typed_request WHERE id = p_id AND kind = p_kind AND confirmed_at IS NOT NULL);
END $$;

CREATE FUNCTION public_partner_list(p_base text)
RETURNS TABLE (owner_name text, version integer, published_at timestamptz, partner text, sector text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.name, l.version, l.published_at, p.name, p.sector
  FROM base b JOIN organisation o ON o.id = b.org_id JOIN partner_list l ON l.base_id = b.id
  LEFT JOIN partner p ON p.base_id = l.base_id AND p.version = l.version
  WHERE b.code = p_base ORDER BY l.version DESC, p.name
$$;
"""

SIGNATURES = (
    "record_hit(bigint, bigint, integer, integer, text, text, text)",
    "frozen_links(bigint, bigint)",
    "record_hits(uuid, bigint, bigint, bigint, text)",
    "leaving_page(bigint)",
    "leave(bigint, bigint, integer, text, text)",
    "store_inbound(bytea)",
    "store_typed_request(text, text, bytea)",
    "confirm_typed_request(bigint, text)",
    "public_partner_list(text)",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    # hit: counts of an own campaign; ip and agent are evidence for workers only.
    protect(
        "hit",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = hit.mailing_id)",
        web="SELECT (id, at, mailing_id, link, verdict, verdict_reason)",
    )
    protect(
        "opt_out",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = opt_out.mailing_id)",
        web="SELECT (mailing_id, scope, at)",
    )
    protect("front_journal", using="false")
    protect("inbound", using="false")
    protect("soft_bounce", using="false")
    protect("letter_answer", using="false")
    protect("typed_request", using="false")
    for signature in SIGNATURES:
        definer(signature, to="courtier_public, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {', '.join(SIGNATURES)}")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'answer_request'")
    op.execute("DROP TABLE typed_request, letter_answer, soft_bounce, inbound, opt_out, front_journal, hit")
