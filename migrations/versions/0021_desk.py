"""What the guard compares sets by; advertisers' suppression files; more on cards; offers of every model."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

GUARD = """
-- What is kept of a set that was shown, so that later ones can be compared with it although the set is gone
-- (docs/disclosure.md): sums of secret noise keys, of all members, of the few marked ones, and by bucket.
ALTER TABLE guard_answer ADD COLUMN cell_key bigint, ADD COLUMN kin bigint, ADD COLUMN sketch bytea;
CREATE INDEX guard_answer_kin ON guard_answer (base_id, kin, id);
"""

LISTS = """
-- An advertiser's own customers and opt-outs, taken out of all its counts and sends. The file comes sealed, a worker
-- keys what it holds and destroys it; only keyed fingerprints stay.
CREATE TABLE suppression_list (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  name text NOT NULL,
  file_name text NOT NULL,
  sealed_path text,                         -- until it is keyed
  size_bytes bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'in_use', 'failed', 'removed')),
  kind text CHECK (kind IN ('address', 'md5', 'sha256')),
  entries bigint NOT NULL DEFAULT 0,        -- different ones
  unread bigint NOT NULL DEFAULT 0,         -- lines that were neither an address nor a hash
  few_match boolean,                        -- blurred: see docs/disclosure.md
  problem text,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  keyed_at timestamptz
);
CREATE INDEX suppression_list_org ON suppression_list (org_id, id);
CREATE TABLE suppression_list_entry (
  list_id bigint NOT NULL REFERENCES suppression_list ON DELETE CASCADE,
  entry_key bytea NOT NULL CHECK (length(entry_key) = 16),  -- keyed as contact_key, md5_key or sha256_key of a contact
  pepper_version smallint NOT NULL,
  PRIMARY KEY (list_id, entry_key)
);
INSERT INTO jobs.kind VALUES ('key_suppression_list', 'import');
"""

CARDS = """
ALTER TABLE data_card
  ADD COLUMN languages text[] NOT NULL DEFAULT '{fr}',
  ADD COLUMN approval text NOT NULL DEFAULT 'each_piece' CHECK (approval IN ('each_piece', 'each_advertiser')),
  ADD COLUMN approval_days smallint NOT NULL DEFAULT 2 CHECK (approval_days BETWEEN 0 AND 30),
  ADD COLUMN approval_note text NOT NULL DEFAULT '',
  ADD COLUMN refused_sectors text[] NOT NULL DEFAULT '{}',
  ADD COLUMN refused_advertisers text[] NOT NULL DEFAULT '{}',   -- codes; told to nobody but those they name
  ADD COLUMN tables jsonb NOT NULL DEFAULT '{}',                 -- guarded two-way tables
  ADD COLUMN refreshed_on date,                                  -- the day of the snapshot that its figures are of
  ADD COLUMN clicks_bp integer;                                  -- past results, where several advertisers had some
ALTER TABLE published_card
  ADD COLUMN contact_kind text NOT NULL DEFAULT 'b2c',
  ADD COLUMN languages text[] NOT NULL DEFAULT '{fr}',
  ADD COLUMN approval text NOT NULL DEFAULT 'each_piece',
  ADD COLUMN approval_days smallint NOT NULL DEFAULT 2,
  ADD COLUMN approval_note text NOT NULL DEFAULT '',
  ADD COLUMN refused_sectors text[] NOT NULL DEFAULT '{}',
  ADD COLUMN tables jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN refreshed_on date,
  ADD COLUMN clicks_bp integer;
CREATE INDEX published_card_sector ON published_card (sector, card_id DESC);
CREATE INDEX published_card_size ON published_card (size_shown DESC, card_id DESC);
CREATE INDEX published_card_price ON published_card (base_price_micros, card_id DESC);

CREATE OR REPLACE FUNCTION copy_published_card() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM published_card WHERE card_id = NEW.id;
  IF NEW.state = 'published' THEN
    INSERT INTO published_card (card_id, code, title, description, sector, size_shown, base_price_micros,
      minimum_order, selects, profile, published_at, contact_kind, languages, approval, approval_days, approval_note,
      refused_sectors, tables, refreshed_on, clicks_bp)
    SELECT NEW.id, NEW.code, NEW.title, NEW.description, NEW.sector, NEW.size_shown, NEW.base_price_micros,
      NEW.minimum_order, NEW.selects, NEW.profile, NEW.published_at, b.contact_kind, NEW.languages, NEW.approval,
      NEW.approval_days, NEW.approval_note, NEW.refused_sectors, NEW.tables, NEW.refreshed_on, NEW.clicks_bp
    FROM base b WHERE b.id = NEW.base_id;
  END IF;
  RETURN NEW;
END $$;

-- Why the asking advertiser is not taken by a card: '' where it is.
CREATE FUNCTION card_refusal(p_code text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN o.code = ANY (c.refused_advertisers) THEN 'advertiser'
              WHEN o.sector = ANY (c.refused_sectors) THEN 'sector' ELSE '' END
  FROM data_card c, organisation o WHERE c.code = p_code AND o.id = app_org()
$$;
"""

OFFERS = """
ALTER TABLE programme DROP CONSTRAINT programme_model_check, DROP CONSTRAINT programme_price_micros_check;
ALTER TABLE programme
  ADD CONSTRAINT programme_model_check CHECK (model IN ('cpm', 'cpc', 'cpl', 'cpa')),
  ADD COLUMN channel text NOT NULL DEFAULT 'email' CHECK (channel IN ('email', 'newsletter', 'sms', 'social')),
  ADD COLUMN rate_cents bigint CHECK (rate_cents > 0),          -- a click, lead or sale
  ADD COLUMN rate_bp integer CHECK (rate_bp BETWEEN 1 AND 10000),   -- or a share of each sale
  ADD COLUMN most_names bigint CHECK (most_names > 0),          -- over all owners
  ADD COLUMN owner_cap_cents bigint CHECK (owner_cap_cents > 0),    -- for one owner
  ADD COLUMN validation_days smallint NOT NULL DEFAULT 30 CHECK (validation_days BETWEEN 0 AND 67),
  ADD COLUMN wishes jsonb NOT NULL DEFAULT '{}',                -- {genders, ages, regions, sectors}: whom it is for
  ADD COLUMN terms text NOT NULL DEFAULT '',
  ADD CONSTRAINT programme_rate CHECK (CASE model WHEN 'cpm' THEN price_micros > 0 AND rate_cents IS NULL
    AND rate_bp IS NULL WHEN 'cpa' THEN price_micros = 0 AND num_nonnulls(rate_cents, rate_bp) = 1
    ELSE price_micros = 0 AND rate_cents IS NOT NULL AND rate_bp IS NULL END);

-- Open offers as owners browse them: public columns only, so that no policy stands between a search and its index.
CREATE TABLE open_programme (
  programme_id bigint PRIMARY KEY REFERENCES programme ON DELETE CASCADE,
  sector text NOT NULL, model text NOT NULL, channel text NOT NULL,
  price_micros bigint NOT NULL, rate_cents bigint, rate_bp integer,
  wishes jsonb NOT NULL,
  ends_on date NOT NULL,
  words tsvector NOT NULL
);
CREATE INDEX open_programme_words ON open_programme USING gin (words);
CREATE INDEX open_programme_sector ON open_programme (sector, programme_id DESC);
INSERT INTO open_programme SELECT id, sector, model, channel, price_micros, rate_cents, rate_bp, wishes, ends_on, words
FROM programme WHERE state = 'open';
CREATE FUNCTION copy_open_programme() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM open_programme WHERE programme_id = NEW.id;
  IF NEW.state = 'open' THEN
    INSERT INTO open_programme SELECT id, sector, model, channel, price_micros, rate_cents, rate_bp, wishes, ends_on,
      words FROM programme WHERE id = NEW.id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER copy_open AFTER INSERT OR UPDATE ON programme FOR EACH ROW EXECUTE FUNCTION copy_open_programme();

-- What mails of a sector brought, over all owners: told only where five owners and three advertisers had some.
CREATE FUNCTION sector_clicks(p_sector text) RETURNS TABLE (accepted bigint, clicks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sum(s.accepted)::bigint / 1000 * 1000, sum(s.clicks)::bigint / 10 * 10 FROM (
    SELECT m.id, m.owner_id, m.advertiser_id,
      (SELECT count(*) FROM send x WHERE x.dispatch_id = m.dispatch_id AND x.mailing_id = m.id
         AND x.state = 'accepted' AND NOT x.seed) AS accepted,
      (SELECT count(DISTINCT h.position) FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human') AS clicks
    FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN participation_send t ON t.id = d.participation_send_id
    JOIN participation p ON p.id = t.participation_id JOIN programme g ON g.id = p.programme_id
    WHERE g.sector = p_sector AND m.ended_at > app_now() - interval '1 year') s
  HAVING count(DISTINCT s.owner_id) >= 5 AND count(DISTINCT s.advertiser_id) >= 3
$$;
"""

FORMER_COPY = """
CREATE OR REPLACE FUNCTION copy_published_card() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM published_card WHERE card_id = NEW.id;
  IF NEW.state = 'published' THEN
    INSERT INTO published_card VALUES (NEW.id, NEW.code, NEW.title, NEW.description, NEW.sector, NEW.size_shown,
      NEW.base_price_micros, NEW.minimum_order, NEW.selects, NEW.profile, NEW.published_at);
  END IF;
  RETURN NEW;
END $$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(GUARD)
    op.execute(LISTS)
    protect(
        "suppression_list",
        using="org_id = app_org()",
        check="org_id = app_org() AND app_role() = 'advertiser' AND state IN ('waiting', 'removed')",
        web="SELECT (id, code, org_id, name, file_name, size_bytes, state, kind, entries, unread, few_match, problem,"
        " created_at, keyed_at), INSERT (code, org_id, name, file_name, sealed_path, size_bytes), UPDATE (state)",
    )
    protect("suppression_list_entry", using="false")
    op.execute(CARDS)
    definer("card_refusal(text)", to="courtier_web, courtier_worker")
    op.execute(OFFERS)
    protect("open_programme", using="true", web="SELECT")
    definer("copy_open_programme()", to="courtier_worker")
    definer("sector_clicks(text)", to="courtier_web, courtier_worker")
    op.execute(
        "GRANT SELECT (channel, rate_cents, rate_bp, most_names, owner_cap_cents, validation_days, wishes, terms)"
        " ON programme TO courtier_web"
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute("DROP TRIGGER copy_open ON programme")
    op.execute("DROP FUNCTION copy_open_programme(), sector_clicks(text), card_refusal(text)")
    op.execute("DROP TABLE open_programme, suppression_list_entry, suppression_list")
    # Offers that the older schema cannot hold are closed with it: their mails were never priced.
    op.execute("DELETE FROM programme g WHERE model <> 'cpm' AND NOT EXISTS"
               " (SELECT 1 FROM participation p WHERE p.programme_id = g.id)")  # fmt: skip
    op.execute(
        "ALTER TABLE programme DROP CONSTRAINT programme_rate, DROP CONSTRAINT programme_model_check,"
        " DROP COLUMN channel, DROP COLUMN rate_cents, DROP COLUMN rate_bp, DROP COLUMN most_names,"
        " DROP COLUMN owner_cap_cents, DROP COLUMN validation_days, DROP COLUMN wishes, DROP COLUMN terms,"
        " ADD CONSTRAINT programme_model_check CHECK (model IN ('cpm')),"
        " ADD CONSTRAINT programme_price_micros_check CHECK (price_micros > 0)"
    )
    op.execute(FORMER_COPY)
    cards = "contact_kind", "languages", "approval", "approval_days", "approval_note", "refused_sectors", "tables", \
        "refreshed_on", "clicks_bp"  # fmt: skip
    op.execute("DROP INDEX published_card_sector, published_card_size, published_card_price")
    op.execute(f"ALTER TABLE published_card {', '.join(f'DROP COLUMN {name}' for name in cards)}")
    op.execute(
        f"ALTER TABLE data_card DROP COLUMN refused_advertisers, {', '.join(f'DROP COLUMN {n}' for n in cards[1:])}"
    )
    op.execute("DROP INDEX guard_answer_kin")
    op.execute("ALTER TABLE guard_answer DROP COLUMN cell_key, DROP COLUMN kin, DROP COLUMN sketch")
    op.execute("DELETE FROM jobs.kind WHERE kind = 'key_suppression_list'")
    op.execute("RESET ROLE")
