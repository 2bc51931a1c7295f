"""What people and programs are told: events, notifications with their mails, webhooks with their deliveries."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLES = """
-- Something that happened, told to one organisation. The row is written in the transaction that made it happen.
CREATE TABLE notification_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  kind text NOT NULL CHECK (kind ~ '^[a-z_]+[.][a-z_0-9]+$'),
  object_kind text NOT NULL,
  object_code text NOT NULL,
  facts jsonb NOT NULL CHECK (pg_column_size(facts) < 8000),   -- codes, words and figures; never a contact's data
  once text,                                                   -- told once only under this key
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE UNIQUE INDEX notification_event_once ON notification_event (org_id, kind, object_code, once)
  WHERE once IS NOT NULL;
CREATE INDEX notification_event_org ON notification_event (org_id, id);

-- One person's copy, and the mail that is owed for it. `attempting` is committed before the mail leaves: whatever is
-- killed, it leaves at most once, and a mail that may or may not have left is `uncertain` and told again in a digest.
CREATE TABLE notification (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  event_id bigint NOT NULL REFERENCES notification_event ON DELETE CASCADE,
  org_id bigint NOT NULL REFERENCES organisation,
  user_id bigint NOT NULL REFERENCES app_user,
  kind text NOT NULL,
  read_at timestamptz,
  mail text NOT NULL CHECK (mail IN ('none', 'digest', 'waiting', 'attempting', 'sent', 'refused', 'uncertain')),
  tries smallint NOT NULL DEFAULT 0,
  next_try_at timestamptz,                                     -- of the wall clock, like leases
  mailed_at timestamptz,
  digest_id bigint,
  at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (event_id, user_id)
);
CREATE INDEX notification_user ON notification (user_id, id);
CREATE INDEX notification_unread ON notification (user_id) WHERE read_at IS NULL;
CREATE INDEX notification_mail ON notification (id) WHERE mail IN ('waiting', 'attempting', 'digest', 'uncertain');

-- One mail of a day's notifications to one person; its own outbox, by the same rule.
CREATE TABLE notification_digest (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES app_user,
  day date NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'attempting', 'sent', 'refused', 'uncertain')),
  tries smallint NOT NULL DEFAULT 0,
  next_try_at timestamptz,
  mailed_at timestamptz,
  UNIQUE (user_id, day)
);
ALTER TABLE notification ADD FOREIGN KEY (digest_id) REFERENCES notification_digest;

-- How a person wants to be told of a kind, where it is not as the catalogue has it.
CREATE TABLE notification_choice (
  user_id bigint NOT NULL REFERENCES app_user,
  kind text NOT NULL CHECK (length(kind) <= 60),
  channel text NOT NULL CHECK (channel IN ('product', 'mail', 'digest', 'off')),
  PRIMARY KEY (user_id, kind)
);

-- Where an organisation's programs are told.
CREATE TABLE webhook_endpoint (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  url text NOT NULL CHECK (length(url) <= 2000),
  label text NOT NULL CHECK (length(label) <= 100),
  kinds text[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 200),     -- '*' stands for all
  state text NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'off', 'disabled')),   -- disabled by us, after long failure
  failures integer NOT NULL DEFAULT 0,                         -- in a row
  failing_since timestamptz,
  resting_until timestamptz,
  leased_until timestamptz,                                    -- of the wall clock: one worker at a time
  created_at timestamptz NOT NULL DEFAULT app_now(),
  deleted_at timestamptz
);
CREATE INDEX webhook_endpoint_org ON webhook_endpoint (org_id) WHERE deleted_at IS NULL;

-- Sealed for the workers; the front seals and cannot open. After a rotation the old one signs too until it ends.
CREATE TABLE webhook_secret (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint_id bigint NOT NULL REFERENCES webhook_endpoint,
  org_id bigint NOT NULL REFERENCES organisation,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  ends_at timestamptz
);
CREATE INDEX webhook_secret_endpoint ON webhook_secret (endpoint_id);

CREATE TABLE webhook_delivery (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,                                   -- webhook-id: the same at each attempt
  endpoint_id bigint NOT NULL REFERENCES webhook_endpoint,
  org_id bigint NOT NULL REFERENCES organisation,
  event_id bigint NOT NULL REFERENCES notification_event ON DELETE CASCADE,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
  attempts integer NOT NULL DEFAULT 0,                         -- since it was made or replayed
  next_attempt_at timestamptz NOT NULL DEFAULT app_now(),
  delivered_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (endpoint_id, event_id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_attempt_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_org ON webhook_delivery (org_id, id);

CREATE TABLE webhook_attempt (
  delivery_id bigint NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
  number integer NOT NULL,                                     -- over all replays
  org_id bigint NOT NULL REFERENCES organisation,
  at timestamptz NOT NULL DEFAULT app_now(),
  status integer,                                              -- of the reply, if there was one
  problem text NOT NULL DEFAULT '',                            -- else a code: no_answer, not_public …
  milliseconds integer,
  PRIMARY KEY (delivery_id, number)
);

-- The one way by which an event is told: to the people of an organisation whose role it concerns, each as it chose,
-- and to the endpoints that asked for it. Without an organisation it is told to the broker. The acting person knows.
CREATE FUNCTION notify_organisation(p_kind text, p_org bigint, p_object_kind text, p_object_code text, p_facts jsonb,
                                    p_once text, p_roles text[], p_channel text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_org bigint;
  v_event bigint;
  v_row bigint;
BEGIN
  FOR v_org IN SELECT id FROM organisation WHERE CASE WHEN p_org IS NULL THEN kind = 'broker' ELSE id = p_org END LOOP
    INSERT INTO notification_event (code, org_id, kind, object_kind, object_code, facts, once)
    VALUES ('evt_' || replace(gen_random_uuid()::text, '-', ''), v_org, p_kind, p_object_kind, p_object_code, p_facts,
            nullif(p_once, ''))
    ON CONFLICT (org_id, kind, object_code, once) WHERE once IS NOT NULL DO NOTHING RETURNING id INTO v_event;
    CONTINUE WHEN v_event IS NULL;
    FOR v_row IN
      INSERT INTO notification (code, event_id, org_id, user_id, kind, mail)
      SELECT 'ntf_' || replace(gen_random_uuid()::text, '-', ''), v_event, v_org, u.id, p_kind,
             CASE coalesce(c.channel, p_channel) WHEN 'mail' THEN 'waiting' WHEN 'digest' THEN 'digest' ELSE 'none' END
      FROM app_user u LEFT JOIN notification_choice c ON c.user_id = u.id AND c.kind = p_kind
      WHERE u.org_id = v_org AND u.active AND u.role = ANY (p_roles) AND u.id IS DISTINCT FROM app_user()
        AND coalesce(c.channel, p_channel) <> 'off'
      RETURNING CASE mail WHEN 'waiting' THEN id END
    LOOP
      IF v_row IS NOT NULL THEN PERFORM jobs.enqueue('post_notification', v_row); END IF;
    END LOOP;
    FOR v_row IN
      INSERT INTO webhook_delivery (code, endpoint_id, org_id, event_id)
      SELECT 'msg_' || replace(gen_random_uuid()::text, '-', ''), e.id, v_org, v_event
      FROM webhook_endpoint e
      WHERE e.org_id = v_org AND e.state = 'on' AND e.deleted_at IS NULL AND e.kinds && ARRAY['*', p_kind]
      RETURNING endpoint_id
    LOOP
      PERFORM jobs.enqueue('deliver_webhooks', v_row);
    END LOOP;
  END LOOP;
END $$;

-- A test for one endpoint of the acting organisation, whichever kinds it asked for.
CREATE FUNCTION test_webhook(p_endpoint bigint, p_facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_event bigint;
BEGIN
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint AND org_id = app_org() AND state = 'on';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such endpoint' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO notification_event (code, org_id, kind, object_kind, object_code, facts)
  VALUES ('evt_' || replace(gen_random_uuid()::text, '-', ''), v_endpoint.org_id, 'webhook.test', 'webhook',
          v_endpoint.code, p_facts) RETURNING id INTO v_event;
  INSERT INTO webhook_delivery (code, endpoint_id, org_id, event_id)
  VALUES ('msg_' || replace(gen_random_uuid()::text, '-', ''), v_endpoint.id, v_endpoint.org_id, v_event);
  PERFORM jobs.enqueue('deliver_webhooks', v_endpoint.id);
END $$;

-- The link in a mail: whoever holds it wants no more mails of a kind (all its digests, where the mail was one).
CREATE FUNCTION notification_mail_named(p_user bigint, p_id bigint, p_digest boolean)
RETURNS TABLE (kind text, language text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT n.kind, u.language, u.role FROM notification n JOIN app_user u ON u.id = n.user_id
  WHERE NOT p_digest AND n.id = p_id AND n.user_id = p_user
  UNION ALL SELECT '', u.language, u.role FROM notification_digest d JOIN app_user u ON u.id = d.user_id
  WHERE p_digest AND d.id = p_id AND d.user_id = p_user
$$;
CREATE FUNCTION stop_notification_mail(p_user bigint, p_kinds text[], p_digest boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO notification_choice (user_id, kind, channel) SELECT p_user, unnest(p_kinds), 'product'
  ON CONFLICT (user_id, kind) DO UPDATE SET channel = 'product'
    WHERE notification_choice.channel = CASE WHEN p_digest THEN 'digest' ELSE notification_choice.channel END
      AND notification_choice.channel <> 'off';
  UPDATE notification_choice SET channel = 'product' WHERE p_digest AND user_id = p_user AND channel = 'digest';
  UPDATE notification SET mail = 'none'
  WHERE user_id = p_user AND mail IN ('waiting', 'digest') AND (kind = ANY (p_kinds) OR (p_digest AND mail = 'digest'))
$$;

-- A call of a program under a key of its own: carried out once, its reply kept for a day.
CREATE TABLE api_once (
  user_id bigint NOT NULL REFERENCES app_user,
  org_id bigint NOT NULL REFERENCES organisation,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  call text NOT NULL,
  body_hash bytea NOT NULL,
  done boolean NOT NULL DEFAULT false,                         -- written in the transaction of the work
  status integer,
  reply text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);

-- What changed its state, whoever changed it and from where: a worker tells whom it concerns (operate/tell_news.py).
CREATE TABLE state_news (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text NOT NULL,                                       -- the table
  row_id bigint NOT NULL,
  former text, state text,
  user_id bigint,                                              -- who did it, if it was a person
  at timestamptz NOT NULL DEFAULT app_now(),
  told_at timestamptz
);
CREATE INDEX state_news_waiting ON state_news (id) WHERE told_at IS NULL;
CREATE FUNCTION note_state_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_news bigint;
BEGIN
  INSERT INTO state_news (subject, row_id, former, state, user_id)
  VALUES (TG_TABLE_NAME, NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) ->> 'state' END,
          coalesce(to_jsonb(NEW) ->> 'state', 'made'), app_user()) RETURNING id INTO v_news;
  PERFORM jobs.enqueue('tell_news', v_news);
  RETURN NULL;
END $$;
CREATE TRIGGER tells AFTER UPDATE OF state ON mailing FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells AFTER UPDATE OF state ON import_run FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('done', 'failed')) EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells AFTER UPDATE OF state ON data_card FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells_new AFTER INSERT ON data_card FOR EACH ROW EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells AFTER UPDATE OF state ON creative FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state = 'signed') EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells AFTER UPDATE OF state ON payout FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state = 'paid') EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells_new AFTER INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells_new AFTER INSERT ON participation FOR EACH ROW EXECUTE FUNCTION note_state_news();
CREATE TRIGGER tells_new AFTER INSERT ON leak_case FOR EACH ROW EXECUTE FUNCTION note_state_news();

INSERT INTO jobs.kind VALUES
  ('tell_news', 'notice'), ('post_notification', 'notice'), ('post_digest', 'notice'), ('deliver_webhooks', 'notice');
"""

NOTIFY = "notify_organisation(text, bigint, text, text, jsonb, text, text[], text)"

MAIL_NAMED = "notification_mail_named(bigint, bigint, boolean)"
TEST = "test_webhook(bigint, jsonb)"
STOP_MAIL = "stop_notification_mail(bigint, text[], boolean)"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(TABLES)
    protect("notification_event", using="org_id = app_org()", web="SELECT")
    protect("notification", using="user_id = app_user()", web="SELECT, UPDATE (read_at)")
    protect("notification_digest", using="false")
    protect("notification_choice", using="user_id = app_user()", web="SELECT, INSERT, UPDATE, DELETE")
    protect(
        "webhook_endpoint",
        using="org_id = app_org()",
        web="SELECT, INSERT (code, org_id, url, label, kinds),"
        " UPDATE (url, label, kinds, state, failures, failing_since, resting_until, deleted_at)",
    )
    own_endpoint = "EXISTS (SELECT 1 FROM webhook_endpoint e WHERE e.id = endpoint_id AND e.org_id = app_org())"
    protect(
        "webhook_secret",
        using="org_id = app_org()",
        check=f"org_id = app_org() AND {own_endpoint}",
        web="SELECT (id, endpoint_id, org_id, created_at, ends_at), INSERT (endpoint_id, org_id, sealed),"
        " UPDATE (ends_at)",
    )
    protect(
        "webhook_delivery",
        using="org_id = app_org()",
        check=f"org_id = app_org() AND {own_endpoint}",
        web="SELECT, UPDATE (state, attempts, next_attempt_at)",
    )
    protect(
        "api_once",
        using="user_id = app_user()",
        check="user_id = app_user() AND org_id = app_org()",
        web="SELECT, INSERT (user_id, org_id, key, call, body_hash), UPDATE (done, status, reply), DELETE",
    )
    protect("state_news", using="false")
    definer("note_state_news()", to="courtier_web, courtier_worker")
    protect("webhook_attempt", using="org_id = app_org()", web="SELECT")
    definer(NOTIFY, to="courtier_web, courtier_worker")
    definer(TEST, to="courtier_web, courtier_worker")
    definer(MAIL_NAMED, to="courtier_public")
    definer(STOP_MAIL, to="courtier_public")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DELETE FROM jobs.kind WHERE kind IN ('tell_news', 'post_notification', 'post_digest', 'deliver_webhooks')"
    )
    for table in ("mailing", "import_run", "data_card", "creative", "payout"):
        op.execute(f"DROP TRIGGER tells ON {table}")
    for table in ("data_card", "invoice", "participation", "leak_case"):
        op.execute(f"DROP TRIGGER tells_new ON {table}")
    op.execute("DROP FUNCTION note_state_news()")
    op.execute(f"DROP FUNCTION {NOTIFY}, {TEST}, {MAIL_NAMED}, {STOP_MAIL}")
    op.execute(
        "DROP TABLE api_once, state_news, webhook_attempt, webhook_delivery, webhook_secret, webhook_endpoint,"
        " notification_choice, notification, notification_digest, notification_event"
    )
