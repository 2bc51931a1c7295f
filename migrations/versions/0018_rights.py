"""Rights of the person, partner policies and notices."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SIGNERS = """
-- Who may sign for the controller: given by the broker, who has seen the mandate. It decides who changes a policy.
ALTER TABLE app_user ADD COLUMN may_sign boolean NOT NULL DEFAULT false;

CREATE FUNCTION let_sign(p_user bigint, p_may boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF app_role() NOT IN ('broker', 'system') THEN RETURN false; END IF;
  UPDATE app_user SET may_sign = p_may WHERE id = p_user AND role = 'owner' AND may_sign <> p_may;
  RETURN FOUND;
END $$;

-- Each change with the text that was signed. Appended to, never changed.
CREATE TABLE partner_policy_change (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  base_id bigint NOT NULL REFERENCES base,
  from_policy text NOT NULL,
  to_policy text NOT NULL CHECK (to_policy IN ('named_at_consent', 'named_after_notice', 'category')),
  statement text NOT NULL,
  signed_by bigint NOT NULL REFERENCES app_user,
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX partner_policy_change_base ON partner_policy_change (base_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON partner_policy_change
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The only way from the front to a base's policy. Answers with the former one; null where the actor may not sign.
CREATE FUNCTION change_partner_policy(p_base bigint, p_policy text, p_statement text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE v_former text;
BEGIN
  SELECT b.partner_policy INTO v_former FROM base b JOIN app_user u ON u.org_id = b.org_id
  WHERE b.id = p_base AND b.org_id = app_org() AND u.id = app_user() AND u.may_sign AND u.active FOR UPDATE OF b;
  IF v_former IS NULL THEN RETURN NULL; END IF;
  INSERT INTO partner_policy_change (base_id, from_policy, to_policy, statement, signed_by)
  VALUES (p_base, v_former, p_policy, p_statement, app_user());
  UPDATE base SET partner_policy = p_policy WHERE id = p_base;
  RETURN v_former;
END $$;
"""

NOTICES = """
-- A mailing of the owner to those whose consent does not know a version's new names yet. `wait_days` is the setting of
-- its day: so long after the acceptance of their copy may people hear from the added partners.
CREATE TABLE partner_notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  base_id bigint NOT NULL,
  version integer NOT NULL,
  creative_id bigint NOT NULL REFERENCES creative,
  starts_at timestamptz NOT NULL,
  wait_days smallint NOT NULL DEFAULT 30 CHECK (wait_days >= 0),
  mailing_id bigint REFERENCES mailing,     -- NULL until a worker has planned it
  created_by bigint DEFAULT app_user(),
  created_at timestamptz NOT NULL DEFAULT app_now(),
  FOREIGN KEY (base_id, version) REFERENCES partner_list
);
CREATE INDEX partner_notice_base ON partner_notice (base_id, version);

ALTER TABLE dispatch ADD COLUMN partner_notice_id bigint REFERENCES partner_notice;
ALTER TABLE dispatch DROP CONSTRAINT dispatch_check;
ALTER TABLE dispatch ADD CONSTRAINT dispatch_check
  CHECK (num_nonnulls(order_id, participation_send_id, partner_notice_id) = 1);

-- For the public page of a base's partners: by which rule names are added, and which versions were announced.
CREATE FUNCTION public_partner_policy(p_base text) RETURNS TABLE (policy text, announced integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT b.partner_policy, ARRAY(SELECT DISTINCT n.version FROM partner_notice n JOIN mailing m ON m.id = n.mailing_id
                                 WHERE n.base_id = b.id AND m.state = 'sent' ORDER BY 1)
  FROM base b WHERE b.code = p_base
$$;

-- Dispatch and mailing of a notice, once; the owner is its own advertiser and nothing is paid.
CREATE FUNCTION schedule_notice(p_notice bigint, p_code text, p_seed bigint, p_wait integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_notice partner_notice;
  v_owner bigint;
  v_hash bytea;
  v_dispatch bigint;
  v_mailing bigint;
BEGIN
  SELECT * INTO v_notice FROM partner_notice WHERE id = p_notice AND mailing_id IS NULL FOR UPDATE;
  SELECT org_id INTO v_owner FROM base WHERE id = v_notice.base_id;
  SELECT content_hash INTO v_hash FROM creative
  WHERE id = v_notice.creative_id AND state = 'signed' AND org_id = v_owner;
  IF v_notice.id IS NULL OR v_hash IS NULL THEN RETURN NULL; END IF;
  v_dispatch := next_dispatch(to_char(v_notice.starts_at AT TIME ZONE 'Europe/Paris', 'YYYYMM')::integer);
  INSERT INTO dispatch (id, partner_notice_id, owner_id, advertiser_id)
  VALUES (v_dispatch, p_notice, v_owner, v_owner);
  INSERT INTO mailing (code, kind, dispatch_id, owner_id, advertiser_id, base_id, creative_id, content_hash,
                       price_micros, commission_bp, draw_seed, starts_at)
  VALUES (p_code, 'own', v_dispatch, v_owner, v_owner, v_notice.base_id, v_notice.creative_id, v_hash, 0, 0, p_seed,
          v_notice.starts_at)
  RETURNING id INTO v_mailing;
  UPDATE partner_notice SET mailing_id = v_mailing, wait_days = p_wait WHERE id = p_notice;
  RETURN v_mailing;
END $$;
"""

# As in 0011, with the notices among what a restore holds.
HOLD = """
CREATE OR REPLACE FUNCTION hold_after_restore() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_restored timestamptz := (SELECT restored_at FROM instance);
BEGIN
  IF v_restored IS NOT NULL AND NEW.state = 'freezing' AND NEW.starts_at <= app_now() AND EXISTS (
      SELECT 1 FROM dispatch d LEFT JOIN rental_order o ON o.id = d.order_id
      LEFT JOIN participation_send s ON s.id = d.participation_send_id{join}
      WHERE d.id = NEW.dispatch_id AND coalesce(o.created_at, s.created_at{also}) <= v_restored) THEN
    NEW.starts_at := '2999-01-01';          -- until a person starts it: courtier mailing start
    NEW.problem := 'Planned before the restore: look whether it was sent already, then start it by hand.';
  END IF;
  RETURN NEW;
END $$;
"""
HOLD_NOTICES = HOLD.format(
    join="\n      LEFT JOIN partner_notice n ON n.id = d.partner_notice_id", also=", n.created_at"
)
HOLD_BEFORE = HOLD.format(join="", also="")

REQUESTS = """
ALTER TABLE typed_request DROP CONSTRAINT typed_request_kind_check;
ALTER TABLE typed_request ADD CONSTRAINT typed_request_kind_check
  CHECK (kind IN ('objection', 'access', 'portability', 'correction', 'erasure'));
-- A request that came by the link of a mail names the send; the address is sealed once a worker has looked it up.
ALTER TABLE typed_request
  ADD COLUMN scope text NOT NULL DEFAULT 'everywhere' CHECK (scope IN ('base', 'advertiser', 'everywhere')),
  ADD COLUMN partner text NOT NULL DEFAULT '',
  ADD COLUMN dispatch_id bigint, ADD COLUMN mailing_id bigint, ADD COLUMN position integer;
ALTER TABLE letter_answer DROP CONSTRAINT letter_answer_kind_check;
ALTER TABLE letter_answer ADD CONSTRAINT letter_answer_kind_check
  CHECK (kind IN ('letter', 'access', 'portability', 'correction', 'erasure'));

CREATE FUNCTION store_person_request(p_kind text, p_scope text, p_base text, p_partner text, p_sealed bytea,
                                     p_dispatch bigint, p_mailing bigint, p_position integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  INSERT INTO typed_request (kind, scope, base_code, partner, sealed, dispatch_id, mailing_id, position)
  VALUES (p_kind, p_scope, left(p_base, 60), left(p_partner, 200), p_sealed, p_dispatch, p_mailing, p_position)
  RETURNING id INTO v_id;
  PERFORM jobs.enqueue('match_request', v_id);
END $$;

-- Requests that came by a public page stand in each concerned controller's log, answered by the job that answers.
ALTER TABLE rights_request ADD COLUMN typed_request_id bigint;
CREATE UNIQUE INDEX rights_request_typed ON rights_request (typed_request_id, org_id)
  WHERE typed_request_id IS NOT NULL;
"""

PROFILES = """
-- What a person may complete or correct of its own row: the owner chooses.
ALTER TABLE base ADD COLUMN profile_fields text[] NOT NULL DEFAULT '{}';

-- What a person typed on its page, sealed in the request handler; NULL once a worker has applied it.
CREATE TABLE profile_update (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id bigint NOT NULL REFERENCES typed_request,
  base_id bigint NOT NULL REFERENCES base,
  sealed bytea,
  at timestamptz NOT NULL DEFAULT app_now(),
  applied_at timestamptz
);
CREATE INDEX profile_update_waiting ON profile_update (id) WHERE applied_at IS NULL;

-- Which fields a contact supplied itself. Values of traits stand here and win over the owner's files in each snapshot
-- (art. 16 GDPR); of what is sealed in the vault only the field's name does.
CREATE TABLE supplied_field (
  contact_id bigint NOT NULL REFERENCES contact ON DELETE CASCADE,
  base_id bigint NOT NULL REFERENCES base,
  field text NOT NULL,
  value text,
  at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (contact_id, field)
);
CREATE INDEX supplied_field_base ON supplied_field (base_id, field);

-- For the owner's page: how many contacts supplied each field. Nobody in particular.
CREATE FUNCTION count_supplied(p_base bigint) RETURNS TABLE (field text, contacts bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.field, count(*) FROM supplied_field s JOIN base b ON b.id = s.base_id
  WHERE s.base_id = p_base AND (b.org_id = app_org() OR app_staff() OR app_role() = 'system')
  GROUP BY s.field ORDER BY s.field
$$;

-- What the page of a mailed link shows: names of the base and of its open fields, nothing of the person.
CREATE FUNCTION profile_page(p_request bigint, p_base bigint)
RETURNS TABLE (owner_name text, base_name text, base_code text, fields jsonb, version integer, partners text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.name, b.name, b.code,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('name', f.name, 'type', (
        SELECT c ->> 'type' FROM jsonb_array_elements(s.columns) c WHERE c ->> 'name' = f.name LIMIT 1))
        ORDER BY f.place), '[]')
     FROM unnest(b.profile_fields) WITH ORDINALITY AS f(name, place)),
    coalesce((SELECT max(l.version) FROM partner_list l WHERE l.base_id = b.id), 0),
    ARRAY(SELECT p.name FROM partner p WHERE p.base_id = b.id
          AND p.version = (SELECT max(l.version) FROM partner_list l WHERE l.base_id = b.id) ORDER BY p.name)
  FROM typed_request r, base b JOIN organisation o ON o.id = b.org_id
  LEFT JOIN snapshot s ON s.id = b.current_snapshot_id
  WHERE b.id = p_base AND r.id = p_request AND r.kind = 'correction' AND r.sealed IS NOT NULL
    AND r.mailed_at > app_now() - interval '7 days'
$$;

CREATE FUNCTION store_profile(p_request bigint, p_base bigint, p_sealed bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM profile_page(p_request, p_base))
     OR (SELECT count(*) FROM profile_update WHERE request_id = p_request) >= 20 THEN
    RETURN false;
  END IF;
  INSERT INTO profile_update (request_id, base_id, sealed) VALUES (p_request, p_base, p_sealed) RETURNING id INTO v_id;
  PERFORM jobs.enqueue('apply_profile', v_id);
  RETURN true;
END $$;
"""

LETTERS = """
-- A mail with a link to set a password: the link is sealed for the workers, who alone may send.
CREATE TABLE account_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES app_user,
  kind text NOT NULL CHECK (kind IN ('invitation', 'password')),
  sealed bytea,                             -- NULL once mailed or over
  at timestamptz NOT NULL DEFAULT app_now(),
  done_at timestamptz
);
CREATE INDEX account_letter_waiting ON account_letter (id) WHERE done_at IS NULL;

CREATE FUNCTION queue_account_letter(p_user bigint, p_kind text, p_sealed bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  IF app_role() NOT IN ('broker', 'system') OR NOT EXISTS (SELECT 1 FROM app_user WHERE id = p_user AND active) THEN
    RETURN false;
  END IF;
  INSERT INTO account_letter (user_id, kind, sealed) VALUES (p_user, p_kind, p_sealed) RETURNING id INTO v_id;
  PERFORM jobs.enqueue('post_account_letter', v_id);
  RETURN true;
END $$;
"""

CLOSINGS = """
CREATE FUNCTION keep_ledger_close() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'courtier_web' THEN        -- no statement of a front chooses who asked, or when
    NEW.asked_by := app_user(); NEW.asked_at := app_now();
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_ledger_close BEFORE INSERT ON ledger_close
  FOR EACH ROW EXECUTE FUNCTION keep_ledger_close();
"""

OWN = "EXISTS (SELECT 1 FROM base b WHERE b.id = {table}.base_id AND b.org_id = app_org())"
OWN_CREATIVE = "EXISTS (SELECT 1 FROM creative c WHERE c.id = partner_notice.creative_id AND c.org_id = app_org())"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (SIGNERS, NOTICES, HOLD_NOTICES, REQUESTS, PROFILES, LETTERS, CLOSINGS):
        op.execute(part)
    op.execute("INSERT INTO jobs.kind VALUES ('plan_notice', 'mailing'), ('apply_profile', 'feedback')")
    op.execute("INSERT INTO jobs.kind VALUES ('post_account_letter', 'feedback'), ('renew_base', 'import')")
    op.execute("GRANT SELECT (may_sign) ON app_user TO courtier_web")
    op.execute("GRANT UPDATE (profile_fields) ON base TO courtier_web")
    own = OWN.format(table="partner_policy_change")
    protect("partner_policy_change", using=f"{own} OR app_staff()", check="false", web="SELECT")
    own = OWN.format(table="partner_notice")
    protect(
        "partner_notice",
        using=f"{own} OR app_staff()",
        check=f"{own} AND app_role() = 'owner' AND {OWN_CREATIVE}",
        web="SELECT, INSERT (code, base_id, version, creative_id, starts_at)",
    )
    protect("profile_update", using="false")
    protect("supplied_field", using="false")
    protect("account_letter", using="false")
    front = "courtier_web, courtier_worker"
    definer("let_sign(bigint, boolean)", to=front)
    definer("change_partner_policy(bigint, text, text)", to=front)
    definer("schedule_notice(bigint, text, bigint, integer)", to="courtier_worker")
    definer("count_supplied(bigint)", to=front)
    definer("queue_account_letter(bigint, text, bytea)", to=front)
    public = "courtier_public, courtier_worker"
    definer("public_partner_policy(text)", to=public)
    definer("store_person_request(text, text, text, text, bytea, bigint, bigint, integer)", to=public)
    definer("profile_page(bigint, bigint)", to=public)
    definer("store_profile(bigint, bigint, bytea)", to=public)
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_ledger_close ON ledger_close")
    op.execute("DROP FUNCTION keep_ledger_close()")
    op.execute(
        "DROP FUNCTION queue_account_letter(bigint, text, bytea), store_profile(bigint, bigint, bytea),"
        " profile_page(bigint, bigint), count_supplied(bigint)"
    )
    op.execute("DROP TABLE account_letter, supplied_field, profile_update")
    op.execute("REVOKE UPDATE (profile_fields) ON base FROM courtier_web")
    op.execute("ALTER TABLE base DROP COLUMN profile_fields")
    op.execute("DROP INDEX rights_request_typed")
    op.execute("ALTER TABLE rights_request DROP COLUMN typed_request_id")
    op.execute("DROP FUNCTION store_person_request(text, text, text, text, bytea, bigint, bigint, integer)")
    op.execute("DELETE FROM typed_request WHERE kind IN ('portability', 'correction')")
    op.execute(
        "ALTER TABLE typed_request DROP COLUMN scope, DROP COLUMN partner, DROP COLUMN dispatch_id,"
        " DROP COLUMN mailing_id, DROP COLUMN position"
    )
    op.execute("DELETE FROM letter_answer WHERE kind IN ('portability', 'correction')")
    for table, kinds in (("typed_request", "'objection'"), ("letter_answer", "'letter'")):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_kind_check")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_kind_check CHECK (kind IN ({kinds}, 'access', 'erasure'))"
        )
    op.execute(HOLD_BEFORE)
    op.execute("DROP FUNCTION schedule_notice(bigint, text, bigint, integer), public_partner_policy(text)")
    # A notice's dispatch means nothing without it: mailings of the kind go, their sends with them.
    op.execute("UPDATE partner_notice SET mailing_id = NULL")
    op.execute("DELETE FROM send s USING dispatch d WHERE s.dispatch_id = d.id AND d.partner_notice_id IS NOT NULL")
    op.execute("DELETE FROM mailing m USING dispatch d WHERE m.dispatch_id = d.id AND d.partner_notice_id IS NOT NULL")
    op.execute("DELETE FROM dispatch WHERE partner_notice_id IS NOT NULL")
    op.execute("ALTER TABLE dispatch DROP CONSTRAINT dispatch_check")
    op.execute("ALTER TABLE dispatch DROP COLUMN partner_notice_id")
    op.execute(
        "ALTER TABLE dispatch ADD CONSTRAINT dispatch_check CHECK (num_nonnulls(order_id, participation_send_id) = 1)"
    )
    op.execute("DROP TABLE partner_notice, partner_policy_change")
    op.execute("DROP FUNCTION change_partner_policy(bigint, text, text), let_sign(bigint, boolean)")
    op.execute("REVOKE SELECT (may_sign) ON app_user FROM courtier_web")
    op.execute("ALTER TABLE app_user DROP COLUMN may_sign")
    op.execute(
        "DELETE FROM jobs.kind WHERE kind IN ('plan_notice', 'apply_profile', 'post_account_letter', 'renew_base')"
    )
