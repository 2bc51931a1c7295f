"""Accrual in sets: lines of sends are kept as runs, and settled mailings as sums."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

# A line of the sub-ledger is one send (or its bounce, or one click, lead or sale). Lines that were written together and
# differ in their position only are one row: a run. What each of its lines says follows from the row alone, and a check
# holds the row's sums to it; no line can stand in two rows.
RUNS = """
-- The lines of a run as numbers that no other mailing or kind has: what the exclusion compares. A mailing's id is below
-- 2^28, a position below 2^31.
CREATE FUNCTION line_keys(p_mailing bigint, p_kind text, p_positions int4multirange) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  v_first bigint := (p_mailing * 8 + CASE p_kind WHEN 'send' THEN 0 WHEN 'bounce' THEN 1 WHEN 'click' THEN 2
                       WHEN 'lead' THEN 3 WHEN 'sale' THEN 4 ELSE 5 END) << 32;
BEGIN
  IF p_positions = int4multirange(range_merge(p_positions)) AND NOT isempty(p_positions) THEN   -- one range, mostly
    RETURN int8multirange(int8range(v_first + lower(p_positions), v_first + upper(p_positions)));
  END IF;
  RETURN (SELECT coalesce(range_agg(int8range(v_first + lower(r), v_first + upper(r))), '{}')
          FROM unnest(p_positions) r);
END $$;

-- Sends and commission of a run. A send's commission is the difference of two cumulative floors of its position, so
-- that of a range is the difference at its ends (docs/money.md, owner and broker).
CREATE FUNCTION run_sums(p_positions int4multirange, p_price bigint, p_bp integer,
                         OUT sends bigint, OUT commission bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF p_positions = int4multirange(range_merge(p_positions)) AND NOT isempty(p_positions) THEN
    sends := upper(p_positions) - lower(p_positions);
    commission := p_price * p_bp * upper(p_positions) / 10000 - p_price * p_bp * lower(p_positions) / 10000;
  ELSE
    SELECT coalesce(sum(upper(r) - lower(r)), 0),
      coalesce(sum(p_price * p_bp * upper(r) / 10000 - p_price * p_bp * lower(r) / 10000), 0)
    INTO sends, commission FROM unnest(p_positions) r;
  END IF;
END $$;

-- Whether a row's sums are those of its lines. Without a rate the row is one line that says its own split (conversions)
-- or none (charges by the net-name clause).
CREATE FUNCTION run_holds(p_kind text, p_positions int4multirange, p_price bigint, p_bp integer, p_sends bigint,
                          p_gross bigint, p_commission bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  v_sums record := public.run_sums(p_positions, coalesce(p_price, 0), coalesce(p_bp, 0));
  v_sign integer := CASE p_kind WHEN 'bounce' THEN -1 ELSE 1 END;
BEGIN
  IF v_sums.sends <> p_sends OR p_kind <> 'charge' AND (p_sends = 0 OR p_price IS NULL OR p_price <= 0) THEN
    RETURN false;
  END IF;
  IF p_bp IS NULL THEN
    RETURN p_kind = 'charge' AND p_sends = 0 OR p_sends = 1 AND p_gross = v_sign * p_price;
  END IF;
  RETURN p_gross = v_sign * p_sends * p_price AND p_commission = v_sign * v_sums.commission;
END $$;

ALTER TABLE accrual_sum ADD COLUMN positions int4multirange NOT NULL DEFAULT '{}', ADD COLUMN price_micros bigint,
  ADD COLUMN commission_bp integer;
"""

# Lines whose split follows the mailing's rate become runs; any other stays a row of its own.
FILL = """
ALTER TABLE accrual_sum DISABLE TRIGGER append_only;
DELETE FROM accrual_sum WHERE kind <> 'charge';
ALTER TABLE accrual_sum ENABLE TRIGGER append_only;
WITH line AS (
  SELECT a.*, abs(a.gross_micros) AS price, CASE WHEN a.kind IN ('send', 'bounce')
    AND abs(a.commission_micros) = (run_sums(int4multirange(int4range(a.position, a.position + 1)),
                                             abs(a.gross_micros), m.commission_bp)).commission
    THEN m.commission_bp END AS bp
  FROM accrual a JOIN mailing m ON m.id = a.mailing_id)
INSERT INTO accrual_sum (mailing_id, kind, sends, gross_micros, owner_micros, commission_micros, at, positions,
                         price_micros, commission_bp)
SELECT mailing_id, kind, count(*), sum(gross_micros), sum(owner_micros), sum(commission_micros), at,
  range_agg(int4range(position, position + 1)), price, bp
FROM line GROUP BY mailing_id, kind, at, price, bp, CASE WHEN bp IS NULL THEN position END;
"""

GUARD = """
ALTER TABLE accrual_sum ALTER COLUMN positions DROP DEFAULT,
  ADD CONSTRAINT accrual_sum_kind CHECK (kind IN ('send', 'bounce', 'click', 'lead', 'sale', 'charge')),
  ADD CONSTRAINT accrual_sum_balanced CHECK (gross_micros = owner_micros + commission_micros),
  ADD CONSTRAINT accrual_sum_lines CHECK (
    run_holds(kind, positions, price_micros, commission_bp, sends, gross_micros, commission_micros)),
  ADD CONSTRAINT accrual_sum_once EXCLUDE USING gist (line_keys(mailing_id, kind, positions) WITH &&);
DROP TABLE accrual;
DROP FUNCTION sum_accruals();

-- One row a line, as it is read by people and checks. The parties and the role are those of its mailing, which are
-- frozen with it.
CREATE VIEW accrual WITH (security_invoker = true) AS
SELECT m.dispatch_id, a.mailing_id, p.position, a.kind, x.gross_micros,
  x.gross_micros - y.commission_micros AS owner_micros, y.commission_micros,
  a.at, m.owner_id, m.advertiser_id, m.contract_role, 'EUR'::text AS currency
FROM accrual_sum a JOIN mailing m ON m.id = a.mailing_id
CROSS JOIN LATERAL unnest(a.positions) r
CROSS JOIN LATERAL generate_series(lower(r), upper(r) - 1) p (position)
CROSS JOIN LATERAL (SELECT CASE a.kind WHEN 'bounce' THEN -a.price_micros ELSE a.price_micros END AS gross_micros) x
CROSS JOIN LATERAL (SELECT CASE WHEN a.commission_bp IS NULL THEN a.commission_micros
  ELSE CASE a.kind WHEN 'bounce' THEN -1 ELSE 1 END
    * (a.price_micros * a.commission_bp * (p.position + 1) / 10000
       - a.price_micros * a.commission_bp * p.position / 10000) END AS commission_micros) y;

-- A line for each accepted, priced send among the positions that has none, unless the mailing is closed; how many.
-- Mostly all of them are accepted at one price: then they are only counted. Called for each window of a mailing on its
-- way, so its statements are planned once a session: a plan by the span of the positions is never the wrong one.
CREATE FUNCTION add_send_lines(p_mailing bigint, p_dispatch bigint, p_positions int4multirange) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET search_path = public, pg_temp AS $$
DECLARE
  v_keys int8multirange := line_keys(p_mailing, 'send', p_positions);
  v_wanted int4multirange;
  v_sums record;
  v_bp integer;
  v_found bigint;
  v_price bigint;
  v_highest bigint;
  v_added bigint := 0;
BEGIN
  SELECT p_positions - coalesce(range_agg(a.positions), '{}') INTO v_wanted FROM accrual_sum a
  WHERE line_keys(a.mailing_id, a.kind, a.positions) && v_keys;
  SELECT commission_bp INTO v_bp FROM mailing WHERE id = p_mailing AND closed_at IS NULL;
  IF v_bp IS NULL OR isempty(v_wanted) THEN
    RETURN 0;
  END IF;
  IF v_wanted = int4multirange(range_merge(v_wanted)) THEN
    SELECT count(*), min(price_micros), max(price_micros) INTO v_found, v_price, v_highest FROM send
    WHERE dispatch_id = p_dispatch AND mailing_id = p_mailing
      AND position BETWEEN lower(v_wanted) AND upper(v_wanted) - 1
      AND state = 'accepted' AND NOT seed AND price_micros > 0;
  ELSE
    SELECT count(*), min(price_micros), max(price_micros) INTO v_found, v_price, v_highest FROM send
    WHERE dispatch_id = p_dispatch AND mailing_id = p_mailing
      AND position BETWEEN lower(v_wanted) AND upper(v_wanted) - 1 AND position <@ v_wanted
      AND state = 'accepted' AND NOT seed AND price_micros > 0;
  END IF;
  v_sums := run_sums(v_wanted, v_price, v_bp);
  IF v_price = v_highest AND v_found = v_sums.sends THEN
    INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, commission_bp, sends, gross_micros,
      owner_micros, commission_micros, at)
    VALUES (p_mailing, 'send', v_wanted, v_price, v_bp, v_found, v_found * v_price,
      v_found * v_price - v_sums.commission, v_sums.commission, app_now());
    RETURN v_found;
  END IF;
  FOR v_price, v_wanted IN
    SELECT price_micros, range_agg(int4range(position, position + 1)) FROM send
    WHERE dispatch_id = p_dispatch AND mailing_id = p_mailing
      AND position BETWEEN lower(v_wanted) AND upper(v_wanted) - 1 AND position <@ v_wanted
      AND state = 'accepted' AND NOT seed AND price_micros > 0 GROUP BY price_micros ORDER BY price_micros
  LOOP
    v_sums := run_sums(v_wanted, v_price, v_bp);
    INSERT INTO accrual_sum (mailing_id, kind, positions, price_micros, commission_bp, sends, gross_micros,
      owner_micros, commission_micros, at)
    VALUES (p_mailing, 'send', v_wanted, v_price, v_bp, v_sums.sends, v_sums.sends * v_price,
      v_sums.sends * v_price - v_sums.commission, v_sums.commission, app_now());
    v_added := v_added + v_sums.sends;
  END LOOP;
  RETURN v_added;
END $$;

-- The positions of a mailing that are billed: accrued and not taken back. Runs with the asker's rights.
CREATE FUNCTION billed_positions(p_mailing bigint) RETURNS int4multirange
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce(range_agg(positions) FILTER (WHERE kind = 'send'), '{}')
       - coalesce(range_agg(positions) FILTER (WHERE kind = 'bounce'), '{}')
  FROM accrual_sum WHERE mailing_id = p_mailing AND kind IN ('send', 'bounce')
$$;

CREATE OR REPLACE FUNCTION share_of_send(p_mailing bigint, p_position integer)
RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.price_micros - c.micros, c.micros FROM mailing m
  JOIN accrual_sum a ON a.mailing_id = m.id AND a.kind = 'send' AND line_keys(a.mailing_id, a.kind, a.positions)
    && line_keys(p_mailing, 'send', int4multirange(int4range(p_position, p_position + 1)))
  CROSS JOIN LATERAL (SELECT coalesce(a.price_micros * a.commission_bp * (p_position + 1) / 10000
    - a.price_micros * a.commission_bp * p_position / 10000, a.commission_micros) AS micros) c
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;
"""

# After it is settled a mailing's sends change in one thing only: late bounces, which an index finds. So what they came
# to is counted once, when it is settled.
SETTLED = """
CREATE TABLE settled_sends (
  mailing_id bigint PRIMARY KEY REFERENCES mailing,
  sends bigint NOT NULL,                    -- accepted, refused or uncertain; no seeds
  bounced bigint NOT NULL,                  -- until the mailing was closed
  uncertain bigint NOT NULL,
  billable bigint NOT NULL,
  micros bigint NOT NULL,                   -- of the billable ones
  CHECK (billable + uncertain <= sends)
);
CREATE TABLE settled_accrual (
  mailing_id bigint NOT NULL REFERENCES settled_sends, kind text NOT NULL, day date NOT NULL,   -- day of France
  events bigint NOT NULL, gross_micros bigint NOT NULL, owner_micros bigint NOT NULL, commission_micros bigint NOT NULL,
  PRIMARY KEY (mailing_id, kind, day),
  CHECK (gross_micros = owner_micros + commission_micros)
);
CREATE INDEX settled_accrual_day ON settled_accrual (day);
CREATE INDEX send_bounced ON send (dispatch_id, mailing_id, bounced_at) WHERE bounced_at IS NOT NULL;

-- What accrues after a mailing's sums were made is added to them by the database itself.
CREATE FUNCTION add_to_settled() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM settled_sends WHERE mailing_id = NEW.mailing_id) THEN
    INSERT INTO settled_accrual AS s VALUES (NEW.mailing_id, NEW.kind, (NEW.at AT TIME ZONE 'Europe/Paris')::date,
      NEW.sends, NEW.gross_micros, NEW.owner_micros, NEW.commission_micros)
    ON CONFLICT (mailing_id, kind, day) DO UPDATE SET events = s.events + excluded.events,
      gross_micros = s.gross_micros + excluded.gross_micros, owner_micros = s.owner_micros + excluded.owner_micros,
      commission_micros = s.commission_micros + excluded.commission_micros;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER add_to_settled AFTER INSERT ON accrual_sum FOR EACH ROW EXECUTE FUNCTION add_to_settled();

INSERT INTO settled_sends SELECT m.id, s.sends, s.bounced, s.uncertain, s.billable, s.micros
FROM mailing m CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state IN ('accepted', 'refused', 'uncertain')) AS sends,
    count(*) FILTER (WHERE bounced_at <= m.closed_at) AS bounced,
    count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
    count(*) FILTER (WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)) AS billable,
    coalesce(sum(price_micros) FILTER (
      WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)), 0)::bigint AS micros
  FROM send WHERE send.dispatch_id = m.dispatch_id AND send.mailing_id = m.id AND NOT seed) s
WHERE m.closed_at IS NOT NULL AND m.kind <> 'own';
INSERT INTO settled_accrual SELECT a.mailing_id, a.kind, (a.at AT TIME ZONE 'Europe/Paris')::date, sum(a.sends),
  sum(a.gross_micros), sum(a.owner_micros), sum(a.commission_micros)
FROM accrual_sum a JOIN settled_sends s ON s.mailing_id = a.mailing_id GROUP BY 1, 2, 3;

-- Both ends are midnights of France. Settled mailings are read from their sums, the few others from their runs.
CREATE OR REPLACE FUNCTION accrued_between(p_start timestamptz, p_end timestamptz)
RETURNS TABLE (mailing_id bigint, kind text, day date, events bigint, gross_micros bigint, owner_micros bigint,
               commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.mailing_id, a.kind, a.day, a.events, a.gross_micros, a.owner_micros, a.commission_micros
  FROM settled_accrual a JOIN mailing m ON m.id = a.mailing_id
  WHERE a.day >= (p_start AT TIME ZONE 'Europe/Paris')::date AND a.day < (p_end AT TIME ZONE 'Europe/Paris')::date
    AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
  UNION ALL
  SELECT a.mailing_id, a.kind, CAST(a.at AT TIME ZONE 'Europe/Paris' AS date), sum(a.sends)::bigint,
    sum(a.gross_micros)::bigint, sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint
  FROM mailing m JOIN accrual_sum a ON a.mailing_id = m.id
  WHERE NOT EXISTS (SELECT 1 FROM settled_sends s WHERE s.mailing_id = m.id)
    AND a.at >= p_start AND a.at < p_end AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
  GROUP BY 1, 2, 3
$$;
"""

CLOSE = """
ALTER TABLE ledger_close ADD COLUMN checks_done smallint NOT NULL DEFAULT 0;

-- Mailings closed in a span of time whose sums differ: each of the three where it was written, one pass over their
-- sends, one over their accruals. Micros and numbers of sends and their accruals are equal to the last one, and so are
-- the sums that a settlement kept for the reports (net names and conversions are billed without a send); cents were
-- rounded from an order's total. The pass over the sends is a plain one between two dispatches, without a join: several
-- processes share it, and no other month's sends are read. Bounces after the closing, which changed no money, have an
-- index. As its owner, for staff only: the policies would be asked for each of millions of sends.
CREATE FUNCTION unequal_mailings(p_start timestamptz, p_end timestamptz) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_low bigint;
  v_high bigint;
BEGIN
  IF NOT (app_staff() OR app_role() = 'system') THEN
    RETURN;
  END IF;
  SELECT min(dispatch_id), max(dispatch_id) INTO v_low, v_high FROM mailing
  WHERE closed_at >= p_start AND closed_at < p_end;
  RETURN QUERY
  SELECT m.code FROM mailing m
  LEFT JOIN settled_sends z ON z.mailing_id = m.id
  LEFT JOIN (
    SELECT mailing_id, count(*) FILTER (WHERE price_micros > 0) AS priced, count(*) AS sends,
      sum(price_micros)::bigint AS micros
    FROM send WHERE dispatch_id BETWEEN v_low AND v_high
      AND state = 'accepted' AND NOT seed AND bounced_at IS NULL
    GROUP BY mailing_id) k ON k.mailing_id = m.id
  CROSS JOIN LATERAL (
    SELECT coalesce(k.priced, 0) + count(*) FILTER (WHERE price_micros > 0) AS priced,
      coalesce(k.sends, 0) + count(*) AS sends, coalesce(k.micros, 0) + coalesce(sum(price_micros), 0)::bigint AS micros
    FROM send WHERE send.dispatch_id = m.dispatch_id AND send.mailing_id = m.id AND state = 'accepted' AND NOT seed
      AND bounced_at IS NOT NULL AND bounced_at > m.closed_at) s
  LEFT JOIN (
    SELECT a.mailing_id, sum(a.gross_micros)::bigint AS micros, sum(a.sends)::bigint AS events,
      sum(a.gross_micros) FILTER (WHERE a.kind IN ('send', 'bounce'))::bigint AS sent,
      sum(CASE a.kind WHEN 'send' THEN a.sends WHEN 'bounce' THEN -a.sends END)::bigint AS lines
    FROM accrual_sum a JOIN mailing b ON b.id = a.mailing_id
    WHERE b.closed_at >= p_start AND b.closed_at < p_end GROUP BY a.mailing_id) a ON a.mailing_id = m.id
  LEFT JOIN (
    SELECT t.mailing_id, sum(t.gross_micros)::bigint AS micros, sum(t.events)::bigint AS events
    FROM settled_accrual t JOIN mailing b ON b.id = t.mailing_id
    WHERE b.closed_at >= p_start AND b.closed_at < p_end GROUP BY t.mailing_id) t ON t.mailing_id = m.id
  CROSS JOIN LATERAL (SELECT invoice_cents AS cents, ledger_cents AS ledger FROM money_of_mailing(m.id)) i
  WHERE m.kind <> 'own' AND m.closed_at >= p_start AND m.closed_at < p_end
    AND (s.micros <> coalesce(a.sent, 0) OR s.priced <> coalesce(a.lines, 0)
         OR coalesce(i.cents, 0) <> coalesce(i.ledger, 0)
         OR abs(coalesce(a.micros, 0) - coalesce(i.cents, 0) * 10000) > 10000
         OR z.mailing_id IS NOT NULL AND (z.billable, z.micros, coalesce(t.micros, 0), coalesce(t.events, 0)) <>
           (s.sends, s.micros, coalesce(a.micros, 0), coalesce(a.events, 0)))
  ORDER BY m.id;
END $$;
"""

# As steps 0010, 0032 and 0033 left them.
LINES_BEFORE = """
CREATE TABLE accrual (
  dispatch_id bigint NOT NULL, mailing_id bigint NOT NULL, position integer NOT NULL,
  kind text NOT NULL,
  gross_micros bigint NOT NULL, owner_micros bigint NOT NULL, commission_micros bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  CONSTRAINT accrual_kind_check CHECK (kind IN ('send', 'bounce', 'click', 'lead', 'sale')),
  CONSTRAINT accrual_check CHECK (gross_micros = owner_micros + commission_micros),
  CONSTRAINT accrual_check1 CHECK ((kind <> 'bounce') = (gross_micros > 0))
);
INSERT INTO accrual SELECT dispatch_id, mailing_id, position, kind, gross_micros, owner_micros, commission_micros, at
FROM accrual_lines;
ALTER TABLE accrual ADD PRIMARY KEY (mailing_id, position, kind);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accrual FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION sum_accruals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accrual_sum SELECT mailing_id, kind, count(*), sum(gross_micros), sum(owner_micros),
    sum(commission_micros), at FROM new_accruals GROUP BY mailing_id, kind, at;
  RETURN NULL;
END $$;
CREATE TRIGGER sum_accruals AFTER INSERT ON accrual REFERENCING NEW TABLE AS new_accruals
  FOR EACH STATEMENT EXECUTE FUNCTION sum_accruals();
CREATE OR REPLACE FUNCTION share_of_send(p_mailing bigint, p_position integer)
RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.owner_micros, a.commission_micros FROM mailing m
  JOIN accrual a ON a.dispatch_id = m.dispatch_id AND a.mailing_id = m.id AND a.position = p_position
    AND a.kind = 'send'
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;
CREATE OR REPLACE FUNCTION accrued_between(p_start timestamptz, p_end timestamptz)
RETURNS TABLE (mailing_id bigint, kind text, day date, events bigint, gross_micros bigint, owner_micros bigint,
               commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.mailing_id, a.kind, CAST(a.at AT TIME ZONE 'Europe/Paris' AS date), sum(a.sends)::bigint,
    sum(a.gross_micros)::bigint, sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint
  FROM accrual_sum a JOIN mailing m ON m.id = a.mailing_id
  WHERE a.at >= p_start AND a.at < p_end AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
  GROUP BY 1, 2, 3
$$;
"""

MAILING = "EXISTS (SELECT 1 FROM mailing m WHERE m.id = {}.mailing_id)"
LINE_FUNCTIONS = (
    "line_keys(bigint, text, int4multirange)",
    "run_sums(int4multirange, bigint, integer)",
    "run_holds(text, int4multirange, bigint, integer, bigint, bigint, bigint)",
)


def upgrade() -> None:
    """Lines become runs, settled mailings get their sums."""
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (RUNS, FILL, GUARD, SETTLED, CLOSE):
        op.execute(part)
    # It reads only; as it stood it kept the pass over a month's sends beside it to a single process.
    op.execute("ALTER FUNCTION money_of_mailing(bigint) PARALLEL RESTRICTED")
    op.execute("GRANT SELECT ON accrual TO courtier_worker")
    op.execute("GRANT SELECT (positions, price_micros) ON accrual_sum TO courtier_web")
    protect("settled_sends", using=MAILING.format("settled_sends"), web="SELECT")
    protect(
        "settled_accrual",  # the split is for staff and owner: by accrued_between
        using=MAILING.format("settled_accrual"),
        web="SELECT (mailing_id, kind, day, events, gross_micros)",
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON settled_sends FROM courtier_worker")
    op.execute("REVOKE DELETE, TRUNCATE ON settled_accrual FROM courtier_worker")
    for function in (*LINE_FUNCTIONS, "billed_positions(bigint)"):
        definer(function, to="courtier_web, courtier_worker")
    definer("add_send_lines(bigint, bigint, int4multirange)", to="courtier_worker")
    definer("unequal_mailings(timestamptz, timestamptz)", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Each line is a row again."""
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute("DROP FUNCTION unequal_mailings(timestamptz, timestamptz)")
    op.execute("ALTER TABLE ledger_close DROP COLUMN checks_done")
    op.execute("ALTER FUNCTION money_of_mailing(bigint) PARALLEL UNSAFE")
    op.execute("DROP INDEX send_bounced")
    op.execute("DROP TRIGGER add_to_settled ON accrual_sum")
    op.execute(
        "DROP FUNCTION billed_positions(bigint), add_to_settled(), add_send_lines(bigint, bigint, int4multirange)"
    )
    op.execute("ALTER VIEW accrual RENAME TO accrual_lines")
    op.execute(LINES_BEFORE)
    op.execute("DROP VIEW accrual_lines")
    op.execute("DROP TABLE settled_accrual, settled_sends")
    op.execute(
        "ALTER TABLE accrual_sum DROP CONSTRAINT accrual_sum_once, DROP CONSTRAINT accrual_sum_lines,"
        " DROP CONSTRAINT accrual_sum_balanced, DROP CONSTRAINT accrual_sum_kind, DROP COLUMN positions,"
        " DROP COLUMN price_micros, DROP COLUMN commission_bp"
    )
    op.execute(f"DROP FUNCTION {', '.join(LINE_FUNCTIONS)}")
    protect(
        "accrual",
        using=MAILING.format("accrual"),
        web="SELECT (dispatch_id, mailing_id, position, kind, gross_micros, at)",
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON accrual FROM courtier_worker")
    op.execute("RESET ROLE")
