"""Orders: an owner's rules, agencies, signatures, the thread, subscribed suppression files."""

from __future__ import annotations

from alembic import op

from migrations.protect import columns_but, definer, protect

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

AGENCIES = """
ALTER TABLE organisation DROP CONSTRAINT organisation_kind_check, ADD CONSTRAINT organisation_kind_check
  CHECK (kind IN ('owner', 'advertiser', 'broker', 'agency'));
ALTER TABLE app_user DROP CONSTRAINT app_user_role_check, ADD CONSTRAINT app_user_role_check
  CHECK (role IN ('owner', 'advertiser', 'broker', 'accountant', 'agency'));

-- The agency that acts under a mandate: then `app.org` is the advertiser it acts for.
CREATE FUNCTION app_agency() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('app.agency', true), '')::bigint $$;

-- An advertiser's word that an agency may order in its name.
CREATE TABLE agency_mandate (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  agency_id bigint NOT NULL REFERENCES organisation,
  advertiser_id bigint NOT NULL REFERENCES organisation,
  bill_to text NOT NULL CHECK (bill_to IN ('advertiser', 'agency')),
  reference text NOT NULL DEFAULT '',       -- of the written mandate
  starts_on date NOT NULL,
  ends_on date CHECK (ends_on >= starts_on),           -- the last day; none: until it is ended
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended')),
  given_by bigint, given_at timestamptz NOT NULL DEFAULT app_now(),
  ended_by bigint, ended_at timestamptz
);
CREATE UNIQUE INDEX agency_mandate_pair ON agency_mandate (agency_id, advertiser_id) WHERE state = 'active';
CREATE INDEX agency_mandate_advertiser ON agency_mandate (advertiser_id);

CREATE FUNCTION check_mandate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT 1 FROM organisation o WHERE o.id = NEW.agency_id AND o.kind = 'agency')
       OR NOT EXISTS (SELECT 1 FROM organisation o WHERE o.id = NEW.advertiser_id AND o.kind = 'advertiser') THEN
      RAISE EXCEPTION 'a mandate is an advertiser''s, for an agency'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'mandate_parties';
    END IF;
  ELSIF OLD.state = 'ended' THEN
    RAISE EXCEPTION 'an ended mandate stays ended' USING ERRCODE = 'check_violation', CONSTRAINT = 'mandate_ended';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_mandate BEFORE INSERT OR UPDATE ON agency_mandate FOR EACH ROW EXECUTE FUNCTION check_mandate();

CREATE FUNCTION live_mandate(p_agency bigint, p_advertiser bigint) RETURNS agency_mandate
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m FROM agency_mandate m WHERE m.agency_id = p_agency AND m.advertiser_id = p_advertiser
    AND m.state = 'active' AND (app_now() AT TIME ZONE 'Europe/Paris')::date
        BETWEEN m.starts_on AND coalesce(m.ends_on, 'infinity'::date)
$$;
-- The advertiser for which a caller of an agency asks to act, by its code; nothing without a mandate of today.
CREATE FUNCTION mandated(p_agency bigint, p_code text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT (live_mandate(p_agency, o.id)).advertiser_id FROM organisation o WHERE o.code = p_code
$$;
-- The name and code of the other side of a mandate, while it stands or after.
CREATE FUNCTION mandate_party(p_org bigint) RETURNS TABLE (code text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.code, o.name FROM organisation o WHERE o.id = p_org AND (o.id = app_org() OR app_staff()
    OR app_role() = 'system' OR EXISTS (SELECT 1 FROM agency_mandate m
      WHERE (m.agency_id, m.advertiser_id) IN ((o.id, app_org()), (app_org(), o.id))))
$$;
-- An advertiser names the agency by the code that the agency told it.
CREATE FUNCTION agency_by_code(p_code text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT id FROM organisation WHERE code = p_code AND kind = 'agency'
$$;

-- A member of an agency chooses for which advertiser a session acts; the mandate is looked at again at each request.
ALTER TABLE web_session ADD COLUMN acting_for bigint REFERENCES organisation;
CREATE FUNCTION act_for(p_session uuid, p_advertiser bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE web_session s SET acting_for = p_advertiser FROM app_user u
  WHERE s.code = p_session AND s.user_id = app_user() AND u.id = s.user_id AND s.stage = 'open'
    AND (p_advertiser IS NULL OR (live_mandate(u.org_id, p_advertiser)).id IS NOT NULL);
  RETURN FOUND;
END $$;

-- Who pays for an order: the advertiser, or the agency where its mandate says so. Purchase-order number: the payer's.
ALTER TABLE rental_order
  ADD COLUMN agency_id bigint REFERENCES organisation,
  ADD COLUMN bill_to_id bigint REFERENCES organisation,
  ADD COLUMN purchase_order text CHECK (length(purchase_order) BETWEEN 1 AND 60);

CREATE FUNCTION fill_order_agency() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_mandate agency_mandate;
BEGIN
  NEW.agency_id := app_agency();
  NEW.bill_to_id := NULL;
  IF NEW.agency_id IS NOT NULL THEN
    v_mandate := live_mandate(NEW.agency_id, NEW.advertiser_id);
    IF v_mandate.id IS NULL THEN
      RAISE EXCEPTION 'the agency has no mandate of this advertiser'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_mandate';
    END IF;
    NEW.bill_to_id := CASE v_mandate.bill_to WHEN 'agency' THEN NEW.agency_id END;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fill_agency BEFORE INSERT ON rental_order FOR EACH ROW EXECUTE FUNCTION fill_order_agency();

-- The seat that VAT goes by of whoever pays what is ordered now: the acting advertiser, or its agency.
CREATE FUNCTION paying_seat() RETURNS TABLE (country text, postcode text, vat_number text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.country, o.postcode, o.vat_number FROM organisation o
  WHERE o.id = CASE WHEN (live_mandate(app_agency(), app_org())).bill_to = 'agency' THEN app_agency() ELSE app_org() END
$$;
"""

FIND_SESSION = """
DROP FUNCTION find_session(bytea);
CREATE FUNCTION find_session(p_token_hash bytea)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, org_name text, language text, csrf_token text,
               code uuid, stage text, agency_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, o.id, CASE WHEN o.id <> u.org_id THEN 'advertiser' ELSE u.role END, u.name, o.name, u.language,
         s.csrf_token, s.code, s.stage, CASE WHEN o.id <> u.org_id THEN u.org_id END
  FROM web_session s JOIN app_user u ON u.id = s.user_id
  JOIN organisation o ON o.id = coalesce((live_mandate(u.org_id, s.acting_for)).advertiser_id, u.org_id)
  WHERE s.token_hash = p_token_hash AND s.expires_at > now() AND u.active
$$;
"""
FORMER_SESSION = """
DROP FUNCTION find_session(bytea);
CREATE FUNCTION find_session(p_token_hash bytea)
RETURNS TABLE (user_id bigint, org_id bigint, role text, name text, org_name text, language text, csrf_token text,
               code uuid, stage text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.org_id, u.role, u.name, o.name, u.language, s.csrf_token, s.code, s.stage
  FROM web_session s JOIN app_user u ON u.id = s.user_id JOIN organisation o ON o.id = u.org_id
  WHERE s.token_hash = p_token_hash AND s.expires_at > now() AND u.active
$$;
"""

APPROVAL = """
-- What an owner lets the platform answer by itself. Empty conditions ask nothing; a rule is stopped, never edited, so
-- that a decision can be read by the rule that made it.
CREATE TABLE approval_rule (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  owner_id bigint NOT NULL REFERENCES organisation,
  base_id bigint REFERENCES base,                       -- none: all the owner's bases
  effect text NOT NULL CHECK (effect IN ('refuse', 'approve')),
  title text NOT NULL,
  advertisers text[] NOT NULL DEFAULT '{}',             -- codes of organisations
  sectors text[] NOT NULL DEFAULT '{}',
  domains text[] NOT NULL DEFAULT '{}',                 -- of landing pages and of the advertiser: refusals only
  least_price_micros bigint CHECK (least_price_micros > 0),   -- a send: approvals only
  most_volume integer CHECK (most_volume > 0),          -- approvals only
  reason text NOT NULL DEFAULT '',                      -- read by the advertiser: refusals only
  active boolean NOT NULL DEFAULT true,
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  stopped_at timestamptz,
  CHECK (effect = 'approve' OR (num_nonnulls(least_price_micros, most_volume) = 0 AND reason <> ''
         AND cardinality(advertisers || sectors || domains) > 0)),
  CHECK (effect = 'refuse' OR (cardinality(domains) = 0 AND reason = ''))
);
CREATE INDEX approval_rule_owner ON approval_rule (owner_id) WHERE active;
CREATE FUNCTION keep_approval_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT OLD.active OR NEW.active OR to_jsonb(NEW) - 'active' - 'stopped_at' <> to_jsonb(OLD) - 'active' - 'stopped_at'
  THEN
    RAISE EXCEPTION 'a rule is stopped, never edited' USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_rule';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON approval_rule FOR EACH ROW EXECUTE FUNCTION keep_approval_rule();

CREATE TABLE approval_policy (
  owner_id bigint PRIMARY KEY REFERENCES organisation,
  signed_orders boolean NOT NULL DEFAULT false,         -- only signed orders are approved
  grace_days smallint NOT NULL DEFAULT 3 CHECK (grace_days BETWEEN 0 AND 30),   -- working days from due to expired
  set_by bigint, set_at timestamptz NOT NULL DEFAULT app_now()
);

-- Until when an order is to be answered, and by whom: the owner, or the advertiser while a change is asked for.
CREATE TABLE order_review (
  order_id bigint PRIMARY KEY REFERENCES rental_order,
  owner_id bigint NOT NULL REFERENCES organisation,
  answer_days smallint NOT NULL CHECK (answer_days BETWEEN 0 AND 30),
  due_on date NOT NULL,
  expires_on date NOT NULL CHECK (expires_on >= due_on),
  reminded_on date,
  reminders smallint NOT NULL DEFAULT 0,
  change_text text CHECK (length(change_text) BETWEEN 1 AND 2000),   -- a change is asked for while it stands
  change_asked_at timestamptz,
  rounds smallint NOT NULL DEFAULT 0,
  looked_at timestamptz,                                -- when the rules were tried
  CHECK ((change_text IS NULL) = (change_asked_at IS NULL))
);
INSERT INTO order_review (order_id, owner_id, answer_days, due_on, expires_on)   -- those that wait already
  SELECT id, owner_id, 2, app_now()::date + 4, app_now()::date + 8 FROM rental_order WHERE state = 'ordered';
CREATE FUNCTION check_order_review() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.order_id <> OLD.order_id OR NEW.owner_id <> OLD.owner_id
     OR (current_user = 'courtier_web' AND app_org() IS DISTINCT FROM OLD.owner_id
         AND (NEW.change_text IS NOT NULL AND NEW.change_text IS DISTINCT FROM OLD.change_text)) THEN
    RAISE EXCEPTION 'only the owner asks for a change' USING ERRCODE = 'check_violation', CONSTRAINT = 'order_party';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_review BEFORE UPDATE ON order_review FOR EACH ROW EXECUTE FUNCTION check_order_review();

-- What an owner, or a rule of its, decided; the owner's own.
CREATE TABLE order_decision (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES rental_order,
  owner_id bigint NOT NULL REFERENCES organisation,
  decision text NOT NULL CHECK (decision IN ('approved', 'refused', 'change', 'left')),  -- left: to a person
  made_by text NOT NULL CHECK (made_by IN ('person', 'rule')),
  rule text NOT NULL DEFAULT '',
  user_id bigint,
  reason text NOT NULL DEFAULT '',
  creative_id bigint REFERENCES creative,
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX order_decision_order ON order_decision (order_id, id);
INSERT INTO jobs.kind VALUES ('answer_order', 'mailing');

-- For a rule about whoever sent this order.
CREATE FUNCTION advertiser_code_of(p_order bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.code FROM rental_order o JOIN organisation a ON a.id = o.advertiser_id WHERE o.id = p_order
    AND ((o.owner_id = app_org() AND o.state <> 'quote') OR o.advertiser_id = app_org() OR app_staff()
         OR app_role() = 'system')
$$;
"""

PAPERS = """
-- An order signed by its advertiser: the terms as they were read, the document, who signed it, how and when.
CREATE TABLE order_signature (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  order_id bigint NOT NULL REFERENCES rental_order,
  version smallint NOT NULL CHECK (version > 0),
  content jsonb NOT NULL,
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  pdf bytea NOT NULL,
  pdf_hash bytea NOT NULL CHECK (length(pdf_hash) = 32),
  signed_by bigint NOT NULL REFERENCES app_user,
  signer_name text NOT NULL,
  signer_org text NOT NULL,
  proof text NOT NULL CHECK (proof IN ('password', 'one_time_code')),
  signed_at timestamptz NOT NULL DEFAULT app_now(),
  superseded_at timestamptz,
  UNIQUE (order_id, version)
);
CREATE UNIQUE INDEX order_signature_standing ON order_signature (order_id) WHERE superseded_at IS NULL;
CREATE FUNCTION keep_signature() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
     OR to_jsonb(NEW) - 'superseded_at' <> to_jsonb(OLD) - 'superseded_at' THEN
    RAISE EXCEPTION 'a signature does not change' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON order_signature FOR EACH ROW EXECUTE FUNCTION keep_signature();
CREATE FUNCTION check_signature() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM rental_order o WHERE o.id = NEW.order_id AND o.state IN ('ordered', 'approved')) THEN
    RAISE EXCEPTION 'only a placed order is signed' USING ERRCODE = 'check_violation', CONSTRAINT = 'order_signable';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_signature BEFORE INSERT ON order_signature FOR EACH ROW EXECUTE FUNCTION check_signature();
-- The document shows the advertiser's prices with VAT: for its own side and the staff; the owner has a version of its.
CREATE FUNCTION signed_paper(p_order bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.pdf FROM order_signature s JOIN rental_order o ON o.id = s.order_id
  WHERE s.order_id = p_order AND s.superseded_at IS NULL
    AND (o.advertiser_id = app_org() OR app_staff() OR app_role() = 'system')
$$;

-- Agency, payer and a signed order's purchase-order number stay as they are.
CREATE FUNCTION keep_signed_order() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF (NEW.agency_id, NEW.bill_to_id) IS DISTINCT FROM (OLD.agency_id, OLD.bill_to_id) THEN
    RAISE EXCEPTION 'the parties and terms of an order do not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_terms';
  END IF;
  IF NEW.purchase_order IS DISTINCT FROM OLD.purchase_order AND (OLD.state NOT IN ('quote', 'ordered', 'approved')
      OR (app_org() IS NOT NULL AND app_org() <> OLD.advertiser_id)
      OR EXISTS (SELECT 1 FROM order_signature s WHERE s.order_id = OLD.id AND s.superseded_at IS NULL)) THEN
    RAISE EXCEPTION 'a signed or paid order does not change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_signed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE ON rental_order FOR EACH ROW EXECUTE FUNCTION keep_signed_order();

-- A placed order gets another creative only while its owner asks for one, and no signature stands on the former.
CREATE FUNCTION may_change_creative(p_order bigint, p_creative bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM rental_order o JOIN order_review r ON r.order_id = o.id
    JOIN creative c ON c.id = p_creative AND c.org_id = o.advertiser_id AND c.state = 'signed'
    WHERE o.id = p_order AND r.change_text IS NOT NULL
      AND (app_role() = 'system' OR app_org() = o.advertiser_id)
      AND NOT EXISTS (SELECT 1 FROM order_signature s WHERE s.order_id = o.id AND s.superseded_at IS NULL))
$$;
"""

# The step before this one may have written the function anew: one condition of it is widened, whatever else it says.
CREATIVE_RULE = "NEW.creative_id IS DISTINCT FROM OLD.creative_id AND OLD.state <> 'quote'"
WIDER_RULE = (
    f"{CREATIVE_RULE} AND NOT (OLD.state = 'ordered' AND NEW.state = 'ordered'"
    " AND may_change_creative(OLD.id, NEW.creative_id))"
)

THREAD = """
-- One thread an order. What is written while it is a quote is between advertiser and broker.
CREATE TABLE order_message (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  order_id bigint NOT NULL REFERENCES rental_order,
  party text NOT NULL CHECK (party IN ('advertiser', 'owner', 'broker')),
  org_id bigint NOT NULL REFERENCES organisation,
  user_id bigint,
  writer text NOT NULL DEFAULT '',
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
  for_owner boolean NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX order_message_order ON order_message (order_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON order_message FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TABLE order_read (
  order_id bigint NOT NULL REFERENCES rental_order,
  user_id bigint NOT NULL REFERENCES app_user,
  last_id bigint NOT NULL,
  PRIMARY KEY (order_id, user_id)
);

-- As what the acting organisation is a party of an order: it may write and read as that, and nobody else may.
CREATE FUNCTION party_in(p_order bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN app_role() IN ('broker', 'system') THEN 'broker' WHEN o.advertiser_id = app_org() THEN 'advertiser'
              WHEN o.owner_id = app_org() AND o.state <> 'quote' THEN 'owner' END
  FROM rental_order o WHERE o.id = p_order
$$;
CREATE FUNCTION write_message(p_code text, p_order bigint, p_text text, p_writer text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO order_message (code, order_id, party, org_id, user_id, writer, text, for_owner)
  SELECT p_code, o.id, party_in(o.id), coalesce(app_org(), (SELECT min(id) FROM organisation WHERE kind = 'broker')),
         app_user(), p_writer, p_text, o.state <> 'quote'
  FROM rental_order o WHERE o.id = p_order AND party_in(o.id) IS NOT NULL RETURNING id
$$;
-- Cards are anonymous: until the owner has approved, the other side's people have no names.
CREATE FUNCTION order_thread(p_order bigint)
RETURNS TABLE (id bigint, code text, party text, writer text, text text, at timestamptz, own boolean, unread boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.id, m.code, m.party,
    CASE WHEN m.party IN ('broker', v.party) OR v.party = 'broker'
           OR EXISTS (SELECT 1 FROM order_event e WHERE e.order_id = m.order_id AND e.state = 'approved')
         THEN m.writer ELSE '' END,
    m.text, m.at, m.party = v.party,
    m.party <> v.party AND m.id > coalesce((SELECT r.last_id FROM order_read r
      WHERE r.order_id = m.order_id AND r.user_id = app_user()), 0)
  FROM order_message m, (SELECT party_in(p_order) AS party) v
  WHERE m.order_id = p_order AND v.party IS NOT NULL AND (v.party <> 'owner' OR m.for_owner) ORDER BY m.id
$$;
CREATE FUNCTION mark_thread_read(p_order bigint, p_last bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO order_read (order_id, user_id, last_id) SELECT p_order, app_user(), p_last
  WHERE app_user() IS NOT NULL AND party_in(p_order) IS NOT NULL
  ON CONFLICT (order_id, user_id) DO UPDATE SET last_id = greatest(order_read.last_id, EXCLUDED.last_id)
$$;
-- Orders with messages that the acting person has not read, and how many.
CREATE FUNCTION unread_threads() RETURNS TABLE (order_code text, card_title text, unread bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.code, o.card_title, count(*) FROM order_message m JOIN rental_order o ON o.id = m.order_id
  LEFT JOIN order_read r ON r.order_id = o.id AND r.user_id = app_user()
  WHERE (app_role() = 'broker' OR o.advertiser_id = app_org() OR (o.owner_id = app_org() AND o.state <> 'quote'))
    AND m.party <> party_in(o.id) AND (party_in(o.id) <> 'owner' OR m.for_owner) AND m.id > coalesce(r.last_id, 0)
    AND app_user() IS NOT NULL
  GROUP BY o.id, o.code, o.card_title ORDER BY max(m.id) DESC LIMIT 50
$$;
"""

FEEDS = """
-- From where an advertiser's suppression files may be fetched: hosts that the broker has looked at.
CREATE TABLE suppression_host (
  org_id bigint NOT NULL REFERENCES organisation,
  host text NOT NULL CHECK (host = lower(host) AND host ~ '^[a-z0-9.-]{1,253}$'),
  allowed_by bigint,
  allowed_at timestamptz NOT NULL DEFAULT app_now(),
  PRIMARY KEY (org_id, host)
);
CREATE TABLE suppression_feed (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  url text NOT NULL CHECK (length(url) <= 2000),
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'read', 'failed', 'removed')),
  problem text,                             -- a code: why the last reading failed
  etag text, last_modified text,
  failures smallint NOT NULL DEFAULT 0,     -- in a row
  list_id bigint REFERENCES suppression_list,   -- what counts now: the last good reading
  checked_at timestamptz,                   -- the last try
  fresh_at timestamptz,                     -- the last time its host said that this is the newest
  created_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX suppression_feed_org ON suppression_feed (org_id) WHERE state <> 'removed';
ALTER TABLE suppression_list ADD COLUMN feed_id bigint REFERENCES suppression_feed;
INSERT INTO jobs.kind VALUES ('read_suppression_feed', 'import');
"""

# The agency that ordered for an advertiser, while its mandate stands: it is told what the advertiser is told.
AGENCY_TO_TELL = """
CREATE FUNCTION agency_to_tell(p_order text, p_advertiser bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.agency_id FROM rental_order o
  WHERE o.code = p_order AND o.advertiser_id = p_advertiser AND o.agency_id IS NOT NULL
    AND (live_mandate(o.agency_id, o.advertiser_id)).id IS NOT NULL
    AND (app_org() IN (o.owner_id, o.advertiser_id) OR app_role() IN ('broker', 'accountant', 'system'))
$$;
"""

FUNCTIONS = (
    "app_agency()",
    "live_mandate(bigint, bigint)",
    "mandated(bigint, text)",
    "mandate_party(bigint)",
    "agency_by_code(text)",
    "act_for(uuid, bigint)",
    "paying_seat()",
    "find_session(bytea)",
    "signed_paper(bigint)",
    "advertiser_code_of(bigint)",
    "may_change_creative(bigint, bigint)",
    "party_in(bigint)",
    "write_message(text, bigint, text, text)",
    "order_thread(bigint)",
    "agency_to_tell(text, bigint)",
    "mark_thread_read(bigint, bigint)",
    "unread_threads()",
)
TRIGGER_FUNCTIONS = (
    "check_mandate()",
    "fill_order_agency()",
    "keep_approval_rule()",
    "check_order_review()",
    "keep_signature()",
    "check_signature()",
    "keep_signed_order()",
)
TABLES = (
    "agency_mandate",
    "approval_rule",
    "approval_policy",
    "order_review",
    "order_decision",
    "order_signature",
    "order_message",
    "order_read",
    "suppression_host",
    "suppression_feed",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (AGENCIES, FIND_SESSION, APPROVAL, PAPERS, THREAD, FEEDS):
        op.execute(part)
    op.execute(_rewritten("check_order_transition()", CREATIVE_RULE, WIDER_RULE))
    op.execute("GRANT SELECT (agency_id, bill_to_id, purchase_order), UPDATE (purchase_order)"
               " ON rental_order TO courtier_web")  # fmt: skip
    op.execute("GRANT SELECT (feed_id) ON suppression_list TO courtier_web")
    op.execute(AGENCY_TO_TELL)
    _protect()
    for signature in FUNCTIONS:
        definer(signature, to="courtier_web, courtier_worker")
    op.execute("GRANT EXECUTE ON FUNCTION app_agency() TO courtier_public")
    op.execute("RESET ROLE")


def _protect() -> None:
    protect(
        "agency_mandate",
        using="advertiser_id = app_org() OR agency_id = app_org() OR app_staff()",
        web="SELECT, INSERT (code, agency_id, advertiser_id, bill_to, reference, starts_on, ends_on, given_by),"
        " UPDATE (state, ended_by, ended_at)",
    )
    # An agency gives no mandate to itself, least of all in the name of the advertiser it acts for.
    op.execute(
        "CREATE POLICY given_by_the_advertiser ON agency_mandate AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK ("
        "app_agency() IS NULL AND (app_role() = 'broker' OR (app_role() = 'advertiser' AND advertiser_id = app_org())))"
    )
    # Under a mandate an agency reads and ends its own, not those of its competitors.
    op.execute(
        "CREATE POLICY own_of_an_agency ON agency_mandate AS RESTRICTIVE FOR ALL TO courtier_web"
        " USING (app_agency() IS NULL OR agency_id = app_agency())"
    )
    # The broker lets organisations in; another house of brokers comes by the operator's hand only.
    op.execute(
        "GRANT INSERT (code, kind, name, siren, vat_number, street, postcode, city, country, language)"
        " ON organisation TO courtier_web"
    )
    op.execute(
        "CREATE POLICY let_in_by_the_broker ON organisation AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK ("
        "app_role() = 'broker' AND app_agency() IS NULL AND kind IN ('owner', 'advertiser', 'agency'))"
    )
    protect(
        "approval_rule",
        using="owner_id = app_org() OR app_staff()",
        check="owner_id = app_org() AND app_role() = 'owner' AND (base_id IS NULL OR EXISTS"
        " (SELECT 1 FROM base b WHERE b.id = approval_rule.base_id AND b.org_id = app_org()))",
        web="SELECT, INSERT, UPDATE (active, stopped_at)",
    )
    protect(
        "approval_policy",
        using="owner_id = app_org() OR app_staff() OR EXISTS (SELECT 1 FROM rental_order o"
        " WHERE o.owner_id = approval_policy.owner_id AND o.advertiser_id = app_org())",
        check="owner_id = app_org() AND app_role() = 'owner'",
        web="SELECT, INSERT, UPDATE",
    )
    order = "EXISTS (SELECT 1 FROM rental_order o WHERE o.id = {table}.order_id{more})"
    protect(
        "order_review",
        using=order.format(table="order_review", more=""),
        check=order.format(
            table="order_review",
            more=" AND o.owner_id = order_review.owner_id AND app_org() IN (o.owner_id, o.advertiser_id)",
        ),
        web="SELECT, INSERT (order_id, owner_id, answer_days, due_on, expires_on),"
        " UPDATE (due_on, expires_on, reminded_on, reminders, change_text, change_asked_at, rounds, looked_at)",
    )
    op.execute(
        "CREATE POLICY opened_by_the_advertiser ON order_review AS RESTRICTIVE FOR INSERT TO courtier_web WITH CHECK ("
        "EXISTS (SELECT 1 FROM rental_order o WHERE o.id = order_review.order_id AND o.advertiser_id = app_org()))"
    )
    protect(
        "order_decision",
        using="owner_id = app_org() OR app_staff()",
        check="owner_id = app_org() AND app_role() = 'owner' AND made_by = 'person'"
        " AND EXISTS (SELECT 1 FROM rental_order o WHERE o.id = order_decision.order_id AND o.owner_id = app_org())",
        web="SELECT, INSERT",
    )
    protect(
        "order_signature",
        using=order.format(table="order_signature", more=""),
        check=order.format(table="order_signature", more=" AND o.advertiser_id = app_org()"),
        web=f"SELECT ({columns_but('order_signature', 'content', 'pdf')}),"
        " INSERT (code, order_id, version, content, content_hash, pdf, pdf_hash, signed_by, signer_name, signer_org,"
        " proof)",
    )
    op.execute(
        "CREATE POLICY signed_by_oneself ON order_signature AS RESTRICTIVE FOR INSERT TO courtier_web"
        " WITH CHECK (signed_by = app_user())"
    )
    # Another member of the same side may set a former signature aside: only signing is bound to the person.
    op.execute("GRANT UPDATE (superseded_at) ON order_signature TO courtier_web")
    protect("order_message", using="false")
    protect("order_read", using="false")
    protect(
        "suppression_host",
        using="org_id = app_org() OR app_role() = 'broker'",
        check="app_role() = 'broker'",
        web="SELECT, INSERT, DELETE",
    )
    op.execute(
        "CREATE POLICY brokers_hosts ON suppression_host AS RESTRICTIVE FOR DELETE TO courtier_web"
        " USING (app_role() = 'broker')"
    )
    protect(
        "suppression_feed",
        using="org_id = app_org()",
        check="org_id = app_org() AND app_role() = 'advertiser'",
        web="SELECT, INSERT (code, org_id, name, url), UPDATE (state)",
    )


def _rewritten(signature: str, before: str, after: str) -> str:
    """The text of a function with one condition exchanged; fails where the condition is not there once."""
    text = op.get_bind().exec_driver_sql(f"SELECT pg_get_functiondef('{signature}'::regprocedure)").scalar_one()
    if text.count(before) != 1:
        raise RuntimeError(f"{signature} does not hold the condition that this step exchanges")
    return str(text.replace(before, after))


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(_rewritten("check_order_transition()", WIDER_RULE, CREATIVE_RULE))
    op.execute("ALTER TABLE suppression_list DROP COLUMN feed_id CASCADE")
    op.execute("DROP TRIGGER keep_signed ON rental_order")
    op.execute("DROP TRIGGER fill_agency ON rental_order")
    op.execute(FORMER_SESSION)
    definer("find_session(bytea)", to="courtier_web, courtier_worker")
    op.execute("DROP POLICY let_in_by_the_broker ON organisation")
    op.execute(f"DROP TABLE {', '.join(TABLES)} CASCADE")
    gone = [signature for signature in (*FUNCTIONS, *TRIGGER_FUNCTIONS) if not signature.startswith("find_session")]
    op.execute(f"DROP FUNCTION IF EXISTS {', '.join(gone)}")
    op.execute("ALTER TABLE web_session DROP COLUMN acting_for")
    op.execute("ALTER TABLE rental_order DROP COLUMN agency_id, DROP COLUMN bill_to_id, DROP COLUMN purchase_order")
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('answer_order', 'read_suppression_feed')")
    # Agencies are unknown below: their people become advertisers' with nothing to order for.
    op.execute("UPDATE app_user SET role = 'advertiser' WHERE role = 'agency'")
    op.execute("REVOKE INSERT (code, kind, name, siren, vat_number, street, postcode, city, country, language)"
               " ON organisation FROM courtier_web")  # fmt: skip
    op.execute("UPDATE organisation SET kind = 'advertiser' WHERE kind = 'agency'")
    op.execute(
        "ALTER TABLE organisation DROP CONSTRAINT organisation_kind_check, ADD CONSTRAINT organisation_kind_check"
        " CHECK (kind IN ('owner', 'advertiser', 'broker'))"
    )
    op.execute(
        "ALTER TABLE app_user DROP CONSTRAINT app_user_role_check, ADD CONSTRAINT app_user_role_check"
        " CHECK (role IN ('owner', 'advertiser', 'broker', 'accountant'))"
    )
    op.execute("RESET ROLE")
