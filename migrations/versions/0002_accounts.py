"""Organisations, users, sessions, API keys, audit."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE organisation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('owner', 'advertiser', 'broker')),
  name text NOT NULL,
  siren text, vat_number text, street text, postcode text, city text,
  country text NOT NULL DEFAULT 'FR',
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  sector text,
  vat_due text NOT NULL DEFAULT 'receipt' CHECK (vat_due IN ('receipt', 'invoice')),
  created_at timestamptz NOT NULL DEFAULT app_now()
);

CREATE TABLE app_user (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'advertiser', 'broker', 'accountant')),
  password_hash text NOT NULL,
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (id, org_id)
);
CREATE INDEX app_user_org ON app_user (org_id);

CREATE TABLE web_session (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),    -- SHA-256 of the cookie
  user_id bigint NOT NULL REFERENCES app_user,
  csrf_token text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX web_session_user ON web_session (user_id);

CREATE TABLE api_key (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  user_id bigint NOT NULL,
  prefix text NOT NULL UNIQUE,
  secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),     -- SHA-256 of the secret
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  FOREIGN KEY (user_id, org_id) REFERENCES app_user (id, org_id)   -- a key acts as a user of its own organisation
);

CREATE TABLE audit_entry (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bigint UNIQUE,                         -- the place in the chain: unbroken, given at the commit, as are the hashes
  at timestamptz NOT NULL,
  org_id bigint,
  user_id bigint,
  actor_role text NOT NULL,
  action text NOT NULL,
  object_kind text NOT NULL,
  object_id text NOT NULL,
  detail jsonb NOT NULL,
  previous_hash bytea,
  hash bytea,
  CHECK (num_nulls(id, previous_hash, hash) IN (0, 3))
);
CREATE INDEX audit_entry_org ON audit_entry (org_id, id);
"""

# Whoever is not logged in yet has no organisation: these four look-ups are all that crosses the policies.
FUNCTIONS = """
CREATE FUNCTION find_login(p_email text)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, password_hash text, language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT id, org_id, role, name, password_hash, language FROM app_user WHERE email = lower(p_email) AND active
$$;

CREATE FUNCTION open_session(p_user bigint, p_token_hash bytea, p_csrf text, p_seconds integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO web_session (token_hash, user_id, csrf_token, expires_at)
  VALUES (p_token_hash, p_user, p_csrf, now() + make_interval(secs => p_seconds))
$$;

CREATE FUNCTION find_session(p_token_hash bytea)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, org_name text, language text, csrf_token text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.org_id, u.role, u.name, o.name, u.language, s.csrf_token
  FROM web_session s JOIN app_user u ON u.id = s.user_id JOIN organisation o ON o.id = u.org_id
  WHERE s.token_hash = p_token_hash AND s.expires_at > now() AND u.active
$$;

CREATE FUNCTION close_session(p_token_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  DELETE FROM web_session WHERE token_hash = p_token_hash
$$;

CREATE FUNCTION find_api_key(p_prefix text)
RETURNS TABLE (key_id bigint, secret_hash bytea, user_id bigint, org_id bigint, role text, name text, language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT k.id, k.secret_hash, u.id, u.org_id, u.role, u.name, u.language
  FROM api_key k JOIN app_user u ON u.id = k.user_id
  WHERE k.prefix = p_prefix AND k.revoked_at IS NULL AND u.active
$$;

-- For the list of keys; a busy key is marked once a minute.
CREATE FUNCTION mark_api_key_used(p_key bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE api_key SET last_used_at = now()
  WHERE id = p_key AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
$$;

-- Entries are written by this function alone; they are dated by the shared clock like every row.
CREATE FUNCTION append_audit(p_action text, p_kind text, p_object text, p_detail jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO audit_entry (at, org_id, user_id, actor_role, action, object_kind, object_id, detail)
  VALUES (app_now(), app_org(), app_user(), app_role(), p_action, p_kind, p_object, p_detail)
$$;

-- Each entry's hash covers the one before it. The chain is locked, so it is joined at the commit (a deferred trigger):
-- a long transaction that recorded early would hold everybody else up, and two that recorded at different moments
-- could wait for each other.
CREATE FUNCTION join_audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_last audit_entry;
  v_id bigint;
  v_previous bytea;
BEGIN
  PERFORM pg_advisory_xact_lock(7203801);
  SELECT * INTO v_last FROM audit_entry WHERE id IS NOT NULL ORDER BY id DESC LIMIT 1;
  v_id := coalesce(v_last.id, 0) + 1;
  v_previous := coalesce(v_last.hash, ''::bytea);
  UPDATE audit_entry SET id = v_id, previous_hash = v_previous,
    hash = audit_hash(v_previous, v_id, at, org_id, user_id, actor_role, action, object_kind, object_id, detail)
  WHERE seq = NEW.seq AND id IS NULL;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER joins_chain AFTER INSERT ON audit_entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION join_audit_chain();

CREATE FUNCTION audit_hash(p_previous bytea, p_id bigint, p_at timestamptz, p_org bigint, p_user bigint, p_role text,
                           p_action text, p_kind text, p_object text, p_detail jsonb) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(p_previous || convert_to(jsonb_build_array(
    p_id, extract(epoch FROM p_at)::text, p_org, p_user, p_role, p_action, p_kind, p_object, p_detail)::text, 'UTF8'))
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON audit_entry FOR EACH ROW WHEN (OLD.id IS NOT NULL)
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    # Kind and VAT option decide rights and entries: they are set by the broker's command, not by the organisation.
    protect(
        "organisation",
        using="id = app_org() OR app_staff()",
        check="id = app_org() OR app_role() = 'broker'",
        web="SELECT, UPDATE (name, siren, vat_number, street, postcode, city, country, language, sector)",
    )
    # Password hashes are read through find_login alone.
    protect(
        "app_user",
        using="org_id = app_org() OR app_staff()",
        web="SELECT (id, org_id, email, name, role, language, active, created_at)",
    )
    protect("web_session", using="false")
    protect(
        "api_key",
        using="org_id = app_org()",
        web="SELECT (id, org_id, user_id, prefix, name, created_at, last_used_at, revoked_at),"
        " INSERT (org_id, user_id, prefix, secret_hash, name), UPDATE (revoked_at)",
    )
    op.execute(
        "CREATE POLICY own_key ON api_key AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK (user_id = app_user())"
    )
    protect("audit_entry", using="org_id = app_org() OR app_staff()", web="SELECT")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON audit_entry FROM courtier_worker")
    for signature in (
        "find_login(text)",
        "open_session(bigint, bytea, text, integer)",
        "find_session(bytea)",
        "close_session(bytea)",
        "find_api_key(text)",
        "mark_api_key_used(bigint)",
    ):
        definer(signature, to="courtier_web, courtier_worker")
    definer("append_audit(text, text, text, jsonb)", to="courtier_web, courtier_worker")
    definer(
        "audit_hash(bytea, bigint, timestamptz, bigint, bigint, text, text, text, text, jsonb)", to="courtier_worker"
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP FUNCTION append_audit(text, text, text, jsonb)")
    op.execute(
        "DROP FUNCTION find_login(text), open_session(bigint, bytea, text, integer), find_session(bytea)"
    )
    op.execute("DROP FUNCTION close_session(bytea), find_api_key(text), mark_api_key_used(bigint)")
    op.execute("DROP TABLE audit_entry, api_key, web_session, app_user, organisation")
    op.execute("DROP FUNCTION refuse_change(), join_audit_chain()")
    op.execute(
        "DROP FUNCTION audit_hash(bytea, bigint, timestamptz, bigint, bigint, text, text, text, text, jsonb)"
    )
