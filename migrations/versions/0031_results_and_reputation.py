"""Results to owners, sending domains, reputation, mailboxes read once, opens as a number, watched seeds."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = """
-- A message of a mailbox that was taken and may still lie there: a death between taking and removing repeats nothing.
CREATE TABLE mailbox_taken (
  box text NOT NULL, key text NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (box, key)
);

-- Pictures loaded, a number a campaign and day: no row, address or mark of anybody.
CREATE TABLE mailing_opens (
  mailing_id bigint NOT NULL REFERENCES mailing, day date NOT NULL, opens bigint NOT NULL,
  PRIMARY KEY (mailing_id, day)
);

-- What a mailing did to the owner's contacts, by the owner's own reference; forgotten after `results.keep_days`.
CREATE TABLE owner_result (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  base_id bigint NOT NULL REFERENCES base,
  mailing_id bigint REFERENCES mailing,         -- NULL: the person left by no mailing of this base
  contact_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('sent', 'bounced', 'clicked', 'left', 'complained')),
  detail text NOT NULL DEFAULT '',              -- hard or soft and why; the scope of leaving
  reference text NOT NULL,                      -- the owner's; empty where its files gave none
  at timestamptz NOT NULL
);
CREATE UNIQUE INDEX owner_result_once ON owner_result (base_id, contact_id, kind, coalesce(mailing_id, 0), detail);
CREATE INDEX owner_result_org ON owner_result (org_id, id);
CREATE INDEX owner_result_contact ON owner_result (contact_id);
CREATE INDEX suppression_at ON suppression (at);   -- who left since the last collection
CREATE TABLE result_place (                     -- up to when a base's results were collected
  base_id bigint PRIMARY KEY REFERENCES base, until timestamptz NOT NULL
);
CREATE FUNCTION forget_owner_results() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM owner_result WHERE contact_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER forget_results AFTER UPDATE OF sealed ON contact FOR EACH ROW
  WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL) EXECUTE FUNCTION forget_owner_results();
CREATE TRIGGER forget_results_too AFTER DELETE ON contact FOR EACH ROW EXECUTE FUNCTION forget_owner_results();

-- Whoever wants nothing more of one advertiser, told to that advertiser in the trade's convention.
CREATE TABLE objection_hash (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  md5 bytea NOT NULL CHECK (length(md5) = 16),
  at timestamptz NOT NULL,
  UNIQUE (org_id, sha256)
);

-- A subdomain that an owner delegates: mails of its bases are sent from it once all records are seen.
CREATE TABLE sending_domain (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  domain text NOT NULL CHECK (domain ~ '^[a-z0-9-]+([.][a-z0-9-]+){2,}$' AND length(domain) <= 200),
  return_domain text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'green', 'broken')),
  findings jsonb NOT NULL DEFAULT '[]',         -- [{record, name, kind, value, state, found}]
  checked_at timestamptz,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX sending_domain_once ON sending_domain (domain) WHERE retired_at IS NULL;
CREATE INDEX sending_domain_org ON sending_domain (org_id);
ALTER TABLE mailing ADD sending_domain text, ADD return_domain text;   -- NULL: the platform's own

-- The domain of a mailing is chosen once, with the mailing. Whoever delegates one waits until it is ready.
CREATE FUNCTION choose_sending_domain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  SELECT d.domain, d.return_domain INTO NEW.sending_domain, NEW.return_domain FROM sending_domain d
  WHERE d.org_id = NEW.owner_id AND d.retired_at IS NULL AND d.state = 'green' ORDER BY d.id LIMIT 1;
  IF NOT FOUND AND EXISTS (SELECT 1 FROM sending_domain d WHERE d.org_id = NEW.owner_id AND d.retired_at IS NULL) THEN
    RAISE EXCEPTION 'the sending domain is not ready' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'sending_domain_waits';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER choose_sending_domain BEFORE INSERT ON mailing FOR EACH ROW EXECUTE FUNCTION choose_sending_domain();

-- Counts by hour: no row of a person. `provider` is a mailbox provider's name, or a domain that many mails go to.
CREATE TABLE mail_tally (
  hour timestamptz NOT NULL,
  sending_domain text NOT NULL, relay text NOT NULL, provider text NOT NULL,
  accepted bigint NOT NULL DEFAULT 0, refused bigint NOT NULL DEFAULT 0, blocked bigint NOT NULL DEFAULT 0,
  deferred bigint NOT NULL DEFAULT 0, uncertain bigint NOT NULL DEFAULT 0,
  hard bigint NOT NULL DEFAULT 0, soft bigint NOT NULL DEFAULT 0, complaints bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (hour, sending_domain, relay, provider)
);
-- Mail is held by a threshold with its reason, and goes on when a person says so in writing.
CREATE TABLE reputation_pause (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('sending_domain', 'relay', 'provider')),
  name text NOT NULL,
  reason text NOT NULL CHECK (reason IN ('complaints', 'hard_bounces', 'blocked', 'records')),
  sent bigint NOT NULL, counted bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now(),
  released_at timestamptz, released_by bigint, release_reason text,
  CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
CREATE UNIQUE INDEX reputation_pause_open ON reputation_pause (kind, name) WHERE released_at IS NULL;

-- The mailbox of a control address, looked into by workers: credentials are sealed for them.
CREATE TABLE seed_mailbox (
  seed_id bigint PRIMARY KEY REFERENCES seed_address ON DELETE CASCADE,
  org_id bigint NOT NULL REFERENCES organisation,
  host text NOT NULL CHECK (length(host) <= 253), port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  tls boolean NOT NULL,
  sealed bytea NOT NULL,
  problem text, looked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE TABLE seed_watch (
  mailing_id bigint NOT NULL REFERENCES mailing,
  position integer NOT NULL,
  seed_id bigint NOT NULL REFERENCES seed_address,
  org_id bigint NOT NULL REFERENCES organisation,   -- whose control address it is
  sent_at timestamptz NOT NULL,
  arrived_at timestamptz,
  folder text,                                  -- inbox, junk or the folder's name
  told_at timestamptz,                          -- when its being late was told
  PRIMARY KEY (mailing_id, position)
);
CREATE INDEX seed_watch_waiting ON seed_watch (sent_at) WHERE arrived_at IS NULL;
INSERT INTO jobs.kind VALUES ('collect_results', 'feedback'), ('check_sending_domain', 'feedback'),
  ('look_at_seeds', 'feedback');
"""

FUNCTIONS = """
-- Messages of a mailbox, sealed, once: false when they were taken before.
CREATE FUNCTION take_from_mailbox(p_box text, p_key text, p_sealed bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_one bytea;
BEGIN
  INSERT INTO mailbox_taken (box, key) VALUES (p_box, p_key) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  FOREACH v_one IN ARRAY p_sealed LOOP PERFORM store_inbound(v_one); END LOOP;
  RETURN true;
END $$;
CREATE FUNCTION removed_from_mailbox(p_box text, p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  DELETE FROM mailbox_taken WHERE box = p_box AND key = p_key
$$;

CREATE FUNCTION delegated_domains() RETURNS TABLE (domain text, return_domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT domain, return_domain FROM sending_domain WHERE checked_at IS NOT NULL AND state <> 'waiting'
$$;

CREATE FUNCTION record_opens(p_mailing bigint, p_dispatch bigint, p_opens bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO mailing_opens (mailing_id, day, opens)
  SELECT m.id, (app_now() AT TIME ZONE 'Europe/Paris')::date, p_opens FROM mailing m
  WHERE m.id = p_mailing AND m.dispatch_id = p_dispatch AND p_opens BETWEEN 1 AND 100000000
  ON CONFLICT (mailing_id, day) DO UPDATE SET opens = mailing_opens.opens + excluded.opens
$$;

-- What a person decided about a pause; the broker alone.
CREATE FUNCTION release_pause(p_code text, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE reputation_pause SET released_at = app_now(), release_reason = p_reason, released_by = app_user()
  WHERE code = p_code AND released_at IS NULL AND app_role() IN ('broker', 'system');
  RETURN FOUND;
END $$;
"""

DEFINERS = {
    "take_from_mailbox(text, text, bytea[])": "courtier_public",
    "removed_from_mailbox(text, text)": "courtier_public",
    "delegated_domains()": "courtier_public, courtier_worker",
    "record_opens(bigint, bigint, bigint)": "courtier_public, courtier_worker",
    "release_pause(text, text)": "courtier_web, courtier_worker",
}


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    own = "org_id = app_org()"
    protect("mailbox_taken", using="false")
    protect(
        "mailing_opens",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = mailing_id)",  # as the mailing's own policy shows it
        web="SELECT",
    )
    protect("owner_result", using=own, web="SELECT (id, org_id, base_id, mailing_id, kind, detail, reference, at)")
    protect("result_place", using="false")
    protect("objection_hash", using=own, web="SELECT")
    protect(
        "sending_domain",
        using=f"{own} OR app_role() = 'broker'",
        check=own,
        web="SELECT, INSERT (code, org_id, domain, return_domain), UPDATE (asked_at, retired_at)",
    )
    op.execute("GRANT SELECT (sending_domain, return_domain) ON mailing TO courtier_web")
    protect("mail_tally", using="app_role() = 'broker'", web="SELECT")
    protect("reputation_pause", using="app_role() = 'broker'", web="SELECT")
    protect(
        "seed_mailbox",
        using=own,
        check="org_id = app_org()"
        " AND EXISTS (SELECT 1 FROM seed_address a WHERE a.id = seed_id AND a.org_id = app_org())",
        web="SELECT (seed_id, org_id, host, port, tls, problem, looked_at, created_at),"
        " INSERT (seed_id, org_id, host, port, tls, sealed), DELETE",
    )
    protect("seed_watch", using=f"{own} OR app_role() = 'broker'", web="SELECT")
    for signature, roles in DEFINERS.items():
        definer(signature, to=roles)
    op.execute("REVOKE ALL ON FUNCTION forget_owner_results(), choose_sending_domain() FROM PUBLIC")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP INDEX suppression_at")
    op.execute("DROP TRIGGER choose_sending_domain ON mailing")
    op.execute("DROP TRIGGER forget_results ON contact")
    op.execute("DROP TRIGGER forget_results_too ON contact")
    for signature in DEFINERS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP FUNCTION choose_sending_domain(), forget_owner_results()")
    op.execute("ALTER TABLE mailing DROP sending_domain, DROP return_domain")
    op.execute(
        "DROP TABLE seed_watch, seed_mailbox, reputation_pause, mail_tally, sending_domain, objection_hash,"
        " result_place, owner_result, mailing_opens, mailbox_taken"
    )
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('collect_results', 'check_sending_domain', 'look_at_seeds')")
