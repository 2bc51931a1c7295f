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
  code uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),             -- names it to its user, opens nothing
  user_id bigint NOT NULL REFERENCES app_user,
  csrf_token text NOT NULL,
  stage text NOT NULL DEFAULT 'open' CHECK (stage IN ('open', 'code', 'enrol')),   -- waits for a second factor
  tries smallint NOT NULL DEFAULT 0,                               -- wrong codes
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX web_session_user ON web_session (user_id);

-- The secret that makes a user's one-time codes (RFC 6238), sealed under a key that only the front has. A step of time
-- counts once, so that a code read over a shoulder is worth nothing.
CREATE TABLE second_factor (
  user_id bigint PRIMARY KEY REFERENCES app_user,
  sealed bytea NOT NULL,
  last_step bigint NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,      -- wrong codes since the last right one
  blocked_until timestamptz,
  confirmed_at timestamptz
);
CREATE TABLE recovery_code (
  user_id bigint NOT NULL REFERENCES app_user,
  code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
  used_at timestamptz,
  PRIMARY KEY (user_id, code_hash)
);
-- A link by which somebody sets a password: an invitation, or a new password given by the broker.
CREATE TABLE user_invitation (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  user_id bigint NOT NULL UNIQUE REFERENCES app_user,
  expires_at timestamptz NOT NULL
);

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

# Whoever is not logged in yet has no organisation: these look-ups are all that crosses the policies.
FUNCTIONS = """
CREATE FUNCTION find_login(p_email text)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, password_hash text, language text,
               second_factor boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.org_id, u.role, u.name, u.password_hash, u.language,
         EXISTS (SELECT 1 FROM second_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)
  FROM app_user u WHERE u.email = lower(p_email) AND u.active
$$;

CREATE FUNCTION open_session(p_user bigint, p_token_hash bytea, p_csrf text, p_seconds integer, p_stage text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO web_session (token_hash, user_id, csrf_token, stage, expires_at)
  VALUES (p_token_hash, p_user, p_csrf, p_stage, now() + make_interval(secs => p_seconds))
$$;

CREATE FUNCTION find_session(p_token_hash bytea)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, org_name text, language text, csrf_token text,
               code uuid, stage text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.org_id, u.role, u.name, o.name, u.language, s.csrf_token, s.code, s.stage
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

# Sessions, second factors and passwords are reached through these alone: each says whose row it touches.
PEOPLE = """
CREATE FUNCTION find_second_factor(p_token_hash bytea)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, language text, sealed bytea, last_step bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.org_id, u.role, u.name, u.language, f.sealed, f.last_step
  FROM web_session s JOIN app_user u ON u.id = s.user_id JOIN second_factor f ON f.user_id = u.id
  WHERE s.token_hash = p_token_hash AND s.stage = 'code' AND s.expires_at > now() AND u.active
    AND f.confirmed_at IS NOT NULL AND coalesce(f.blocked_until, now()) <= now()
$$;
-- Who knows the password could log in again and again to guess: twice `p_most` wrong codes in a row block for a while.
CREATE FUNCTION count_wrong_code(p_token_hash bytea, p_most integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE second_factor f SET failures = failures + 1,
    blocked_until = CASE WHEN (f.failures + 1) % (2 * p_most) = 0 THEN now() + interval '15 minutes' END
  FROM web_session s WHERE s.token_hash = p_token_hash AND s.stage = 'code' AND f.user_id = s.user_id;
  UPDATE web_session SET tries = tries + 1 WHERE token_hash = p_token_hash AND stage = 'code';
  DELETE FROM web_session WHERE token_hash = p_token_hash AND stage = 'code' AND tries >= p_most
$$;
-- Of two who bring the same code at once one gets in.
CREATE FUNCTION use_second_factor(p_user bigint, p_step bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE second_factor SET last_step = p_step, failures = 0 WHERE user_id = p_user AND last_step < p_step;
  RETURN FOUND;
END $$;
CREATE FUNCTION use_recovery_code(p_user bigint, p_code_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE recovery_code SET used_at = now() WHERE user_id = p_user AND code_hash = p_code_hash AND used_at IS NULL;
  RETURN FOUND;
END $$;

-- The acting user's own. A confirmed factor is not replaced without being removed first.
CREATE FUNCTION start_second_factor(p_sealed bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO second_factor (user_id, sealed) VALUES (app_user(), p_sealed)
  ON CONFLICT (user_id) DO UPDATE SET sealed = p_sealed, last_step = 0 WHERE second_factor.confirmed_at IS NULL;
  RETURN FOUND;
END $$;
CREATE FUNCTION own_second_factor() RETURNS TABLE (sealed bytea, last_step bigint, confirmed boolean, codes_left bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT f.sealed, f.last_step, f.confirmed_at IS NOT NULL,
         (SELECT count(*) FROM recovery_code c WHERE c.user_id = f.user_id AND c.used_at IS NULL)
  FROM second_factor f WHERE f.user_id = app_user()
$$;
CREATE FUNCTION confirm_second_factor(p_step bigint, p_code_hashes bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE second_factor SET confirmed_at = now(), last_step = p_step
  WHERE user_id = app_user() AND confirmed_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM recovery_code WHERE user_id = app_user();
  INSERT INTO recovery_code (user_id, code_hash) SELECT app_user(), unnest(p_code_hashes);
  UPDATE web_session SET stage = 'open', expires_at = created_at + interval '12 hours'
  WHERE user_id = app_user() AND stage = 'enrol';
  RETURN true;
END $$;
-- One's own; somebody else's only by the broker, for whoever lost telephone and codes.
CREATE FUNCTION remove_second_factor(p_user bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() NOT IN ('broker', 'system') AND app_user() IS DISTINCT FROM p_user THEN RETURN false; END IF;
  DELETE FROM recovery_code WHERE user_id = p_user;
  DELETE FROM web_session WHERE user_id = p_user AND app_user() IS DISTINCT FROM p_user;
  DELETE FROM second_factor WHERE user_id = p_user;
  RETURN FOUND;
END $$;

CREATE FUNCTION own_sessions() RETURNS TABLE (code uuid, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT code, created_at, expires_at FROM web_session
  WHERE user_id = app_user() AND stage = 'open' AND expires_at > now() ORDER BY created_at DESC
$$;
CREATE FUNCTION close_own_session(p_code uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM web_session WHERE user_id = app_user() AND code = p_code;
  RETURN FOUND;
END $$;
CREATE FUNCTION own_password_hash() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT password_hash FROM app_user WHERE id = app_user() AND active
$$;
-- Whoever may have had the old password is out: every session but the one that changes it is closed.
CREATE FUNCTION change_own_password(p_hash text, p_keep uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE app_user SET password_hash = p_hash WHERE id = app_user();
  DELETE FROM web_session WHERE user_id = app_user() AND code IS DISTINCT FROM p_keep
$$;

-- The broker's: a person who cannot log in until the link is used; and whether a person may log in at all.
CREATE FUNCTION invite_user(p_org bigint, p_email text, p_name text, p_role text, p_language text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_user bigint;
BEGIN
  IF app_role() NOT IN ('broker', 'system') THEN
    RAISE EXCEPTION 'only the broker invites' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO app_user (org_id, email, name, role, password_hash, language)
  VALUES (p_org, p_email, p_name, p_role, '', p_language) RETURNING id INTO v_user;
  RETURN v_user;
END $$;
CREATE FUNCTION give_password_link(p_user bigint, p_token_hash bytea, p_seconds integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() NOT IN ('broker', 'system') OR NOT EXISTS (SELECT 1 FROM app_user WHERE id = p_user AND active) THEN
    RETURN false;
  END IF;
  INSERT INTO user_invitation VALUES (p_token_hash, p_user, now() + make_interval(secs => p_seconds))
  ON CONFLICT (user_id) DO UPDATE SET token_hash = p_token_hash, expires_at = EXCLUDED.expires_at;
  RETURN true;
END $$;
CREATE FUNCTION use_password_link(p_token_hash bytea, p_hash text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_user bigint;
BEGIN
  DELETE FROM user_invitation i USING app_user u WHERE i.token_hash = p_token_hash AND i.expires_at > now()
    AND u.id = i.user_id AND u.active RETURNING i.user_id INTO v_user;
  IF v_user IS NOT NULL THEN
    UPDATE app_user SET password_hash = p_hash WHERE id = v_user;
    DELETE FROM web_session WHERE user_id = v_user;
  END IF;
  RETURN v_user;
END $$;
CREATE FUNCTION set_user_active(p_user bigint, p_active boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() NOT IN ('broker', 'system') OR app_user() IS NOT DISTINCT FROM p_user THEN RETURN false; END IF;
  UPDATE app_user SET active = p_active WHERE id = p_user AND active <> p_active;
  IF NOT FOUND THEN RETURN false; END IF;
  IF NOT p_active THEN
    DELETE FROM web_session WHERE user_id = p_user;
    DELETE FROM user_invitation WHERE user_id = p_user;
    UPDATE api_key SET revoked_at = now() WHERE user_id = p_user AND revoked_at IS NULL;
  END IF;
  RETURN true;
END $$;
"""
PEOPLE_FUNCTIONS = (
    "find_second_factor(bytea)",
    "count_wrong_code(bytea, integer)",
    "use_second_factor(bigint, bigint)",
    "use_recovery_code(bigint, bytea)",
    "start_second_factor(bytea)",
    "own_second_factor()",
    "confirm_second_factor(bigint, bytea[])",
    "remove_second_factor(bigint)",
    "own_sessions()",
    "close_own_session(uuid)",
    "own_password_hash()",
    "change_own_password(text, uuid)",
    "invite_user(bigint, text, text, text, text)",
    "give_password_link(bigint, bytea, integer)",
    "use_password_link(bytea, text)",
    "set_user_active(bigint, boolean)",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(PEOPLE)
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
    for table in ("web_session", "second_factor", "recovery_code", "user_invitation"):
        protect(table, using="false")
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
        "open_session(bigint, bytea, text, integer, text)",
        "find_session(bytea)",
        "close_session(bytea)",
        "find_api_key(text)",
        "mark_api_key_used(bigint)",
        *PEOPLE_FUNCTIONS,
    ):
        definer(signature, to="courtier_web, courtier_worker")
    definer("append_audit(text, text, text, jsonb)", to="courtier_web, courtier_worker")
    definer(
        "audit_hash(bytea, bigint, timestamptz, bigint, bigint, text, text, text, text, jsonb)", to="courtier_worker"
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP FUNCTION append_audit(text, text, text, jsonb)")
    op.execute("DROP FUNCTION find_login(text), open_session(bigint, bytea, text, integer, text), find_session(bytea)")
    op.execute("DROP FUNCTION close_session(bytea), find_api_key(text), mark_api_key_used(bigint)")
    op.execute(f"DROP FUNCTION {', '.join(PEOPLE_FUNCTIONS)}")
    op.execute(
        "DROP TABLE audit_entry, api_key, user_invitation, recovery_code, second_factor, web_session, app_user,"
        " organisation"
    )
    op.execute("DROP FUNCTION refuse_change(), join_audit_chain()")
    op.execute("DROP FUNCTION audit_hash(bytea, bigint, timestamptz, bigint, bigint, text, text, text, text, jsonb)")
