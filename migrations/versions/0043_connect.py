"""Connected accounts, saved means of payment, direct debits, the gateway's balance, the inbox of webhooks."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

JOBS = (
    "treat_webhook", "charge_means", "read_setup", "open_connect", "read_connect", "send_transfer", "reverse_transfer",
    "send_gateway_payout", "read_gateway", "book_gateway_line", "remove_means",
)  # fmt: skip

MEANS = """
-- Whom the gateway knows as a payer.
CREATE TABLE gateway_customer (
  org_id bigint PRIMARY KEY REFERENCES organisation,
  reference text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT app_now()
);
-- How an organisation may pay, where it differs from the settings; `debit`: while a direct debit is under way its order
-- waits, or goes on credit.
CREATE TABLE payment_rule (
  org_id bigint PRIMARY KEY REFERENCES organisation,
  methods text[] NOT NULL CHECK (methods <@ ARRAY['card', 'sepa_debit'] AND cardinality(methods) > 0),
  debit text NOT NULL CHECK (debit IN ('wait', 'credit')),
  set_by bigint REFERENCES app_user,
  set_at timestamptz NOT NULL DEFAULT app_now()
);
-- A card or a SEPA mandate that an organisation saved at the gateway; of its number nothing is here but the end.
CREATE TABLE payment_means (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  kind text NOT NULL CHECK (kind IN ('card', 'sepa_debit')),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'ready', 'failed', 'removing', 'removed')),
  setup_reference text UNIQUE,              -- the gateway's page where it is given
  gateway_reference text UNIQUE,
  label text NOT NULL DEFAULT '',
  expires_on date,
  mandate text NOT NULL DEFAULT '', mandate_url text NOT NULL DEFAULT '',
  asked_by bigint REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  ready_at timestamptz,
  removed_at timestamptz,
  CHECK (state NOT IN ('ready', 'removing') OR gateway_reference IS NOT NULL)
);
CREATE INDEX payment_means_org ON payment_means (org_id);
CREATE FUNCTION keep_means() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'courtier_web' THEN      -- what the gateway says of it, workers read there
    IF TG_OP = 'INSERT' THEN
      NEW.state := 'asked'; NEW.asked_by := app_user(); NEW.asked_at := app_now();
    ELSIF NOT (NEW.state = OLD.state OR OLD.state = 'ready' AND NEW.state = 'removing'
               OR OLD.state = 'asked' AND NEW.state = 'removed') THEN
      RAISE EXCEPTION 'a means of payment is removed, nothing else' USING ERRCODE = 'insufficient_privilege';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_means BEFORE INSERT OR UPDATE ON payment_means FOR EACH ROW EXECUTE FUNCTION keep_means();

-- processing: a debit that takes days; returned: taken back after it had succeeded, so that the payer owes again.
ALTER TABLE payment DROP CONSTRAINT payment_state_check;
ALTER TABLE payment
  ADD COLUMN method text NOT NULL DEFAULT 'checkout' CHECK (method IN ('checkout', 'card', 'sepa_debit')),
  ADD COLUMN means_id bigint REFERENCES payment_means,
  ADD COLUMN checkout_reference text UNIQUE,
  ADD COLUMN page smallint NOT NULL DEFAULT 0,   -- how many pages of the gateway lapsed before this one
  ADD COLUMN failure text NOT NULL DEFAULT '',
  ADD COLUMN debit_on date,                 -- what the payer was told: not before this day
  ADD COLUMN asked_at timestamptz,              -- of the gateway, first; then nobody but the gateway knows
  ADD COLUMN looked_at timestamptz,
  ADD CONSTRAINT payment_state_check CHECK (state IN ('pending', 'processing', 'captured', 'failed',
    'refunded', 'returned')),
  ADD CONSTRAINT payment_means_said CHECK ((method = 'checkout') = (means_id IS NULL));
DROP INDEX payment_once;
CREATE UNIQUE INDEX payment_once ON payment (order_id)
  WHERE state IN ('pending', 'processing', 'captured');
ALTER TABLE gateway_movement DROP CONSTRAINT gateway_movement_kind_check;
ALTER TABLE gateway_movement ADD CONSTRAINT gateway_movement_kind_check CHECK (kind IN ('capture', 'refund',
  'refund_failed', 'dispute', 'dispute_won', 'dispute_lost', 'returned'));

-- A front gives a payment up that nobody has begun, or opens another page for it; all else the gateway says to workers.
CREATE FUNCTION keep_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'courtier_web' AND (OLD.state <> 'pending' OR OLD.method <> 'checkout') THEN
    RAISE EXCEPTION 'the payment is with the gateway' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_payment BEFORE UPDATE ON payment FOR EACH ROW EXECUTE FUNCTION keep_payment();

-- What may be asked of an organisation about an order: an approved one; or any whose debit was returned.
CREATE FUNCTION is_payable(p_order bigint, p_cents bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM rental_order o WHERE o.id = p_order AND o.advertiser_id = app_org()
    AND o.net_cents + o.vat_cents = p_cents
    AND (o.state = 'approved' OR EXISTS (SELECT 1 FROM payment p WHERE p.order_id = o.id AND p.state = 'returned')))
$$;
"""

FORMER_MEANS = """
DROP INDEX payment_once;
UPDATE payment SET state = 'failed' WHERE state IN ('processing', 'returned');
ALTER TABLE payment DROP CONSTRAINT payment_state_check, DROP CONSTRAINT payment_means_said, DROP COLUMN method,
  DROP COLUMN means_id, DROP COLUMN checkout_reference, DROP COLUMN page, DROP COLUMN failure, DROP COLUMN debit_on,
  DROP COLUMN asked_at, DROP COLUMN looked_at,
  ADD CONSTRAINT payment_state_check CHECK (state IN ('pending', 'captured', 'failed', 'refunded'));
CREATE UNIQUE INDEX payment_once ON payment (order_id) WHERE state IN ('pending', 'captured');
DELETE FROM gateway_movement WHERE kind = 'returned';
ALTER TABLE gateway_movement DROP CONSTRAINT gateway_movement_kind_check;
ALTER TABLE gateway_movement ADD CONSTRAINT gateway_movement_kind_check CHECK (kind IN ('capture', 'refund',
  'refund_failed', 'dispute', 'dispute_won', 'dispute_lost'));
DROP POLICY tenant ON payment;
CREATE POLICY tenant ON payment FOR ALL TO courtier_web USING (advertiser_id = app_org() OR app_staff())
  WITH CHECK (advertiser_id = app_org() AND state = 'pending' AND EXISTS (SELECT 1 FROM rental_order o
    WHERE o.id = payment.order_id AND o.advertiser_id = app_org() AND o.state = 'approved'
    AND o.net_cents + o.vat_cents = payment.amount_cents));
DROP FUNCTION is_payable(bigint, bigint);
DROP TRIGGER keep_payment ON payment;
DROP FUNCTION keep_payment();
"""

CONNECT = """
-- An owner's account at the gateway, as it was read last.
CREATE TABLE connect_account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL UNIQUE REFERENCES organisation,
  reference text UNIQUE,
  details_submitted boolean NOT NULL DEFAULT false,
  transfers_active boolean NOT NULL DEFAULT false,
  payouts_enabled boolean NOT NULL DEFAULT false,
  due text[] NOT NULL DEFAULT '{}',         -- papers that the gateway asks for
  disabled_reason text NOT NULL DEFAULT '',
  links integer NOT NULL DEFAULT 0,         -- how many addresses for giving papers were asked for
  asked_by bigint REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  read_at timestamptz
);
CREATE FUNCTION keep_connect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.org_id <> OLD.org_id OR OLD.reference IS NOT NULL AND NEW.reference IS DISTINCT FROM OLD.reference THEN
    RAISE EXCEPTION 'an owner keeps its account' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_connect BEFORE UPDATE ON connect_account FOR EACH ROW EXECUTE FUNCTION keep_connect();

-- A payout goes to a bank account, or as a transfer to the owner's account at the gateway.
ALTER TABLE payout ALTER COLUMN bank_account_id DROP NOT NULL;
ALTER TABLE payout
  ADD COLUMN connect_account_id bigint REFERENCES connect_account,
  ADD COLUMN transfer_reference text UNIQUE,
  ADD COLUMN transfer_line text UNIQUE,     -- its line on the gateway's balance
  ADD COLUMN transfer_problem text NOT NULL DEFAULT '',
  ADD COLUMN transfer_asked_at timestamptz, -- since then the gateway may have made it
  ADD COLUMN transfer_looked_at timestamptz,
  ADD COLUMN transfer_tries smallint NOT NULL DEFAULT 0,   -- how often the gateway refused it: each try has its key
  ADD CONSTRAINT payout_asked_stands CHECK (state <> 'failed' OR transfer_asked_at IS NULL),
  ADD CONSTRAINT payout_one_way CHECK ((bank_account_id IS NULL) <> (connect_account_id IS NULL));

-- Money of a transfer taken back: what the owner was paid and has since been credited (returned mail, corrections).
CREATE TABLE transfer_reversal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  payout_id bigint NOT NULL REFERENCES payout,
  owner_id bigint NOT NULL REFERENCES organisation,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'approved', 'done', 'failed')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  reference text UNIQUE,
  line text UNIQUE,
  problem text NOT NULL DEFAULT '',
  proposed_by bigint NOT NULL REFERENCES app_user,
  proposed_at timestamptz NOT NULL DEFAULT app_now(),
  approved_by bigint REFERENCES app_user,
  approved_at timestamptz,
  asked_at timestamptz,
  tries smallint NOT NULL DEFAULT 0,
  looked_at timestamptz,
  done_on date,
  CONSTRAINT reversal_four_eyes CHECK (approved_by <> proposed_by),
  CHECK (state IN ('proposed', 'failed') OR approved_by IS NOT NULL)
);
CREATE INDEX transfer_reversal_payout ON transfer_reversal (payout_id);
CREATE TABLE transfer_reversal_line (
  reversal_id bigint NOT NULL REFERENCES transfer_reversal,
  invoice_id bigint NOT NULL REFERENCES invoice,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  live boolean NOT NULL DEFAULT true,       -- false once its reversal failed
  PRIMARY KEY (reversal_id, invoice_id)
);
CREATE UNIQUE INDEX reversal_once ON transfer_reversal_line (invoice_id) WHERE live;
CREATE FUNCTION keep_reversal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_paid bigint; v_taken bigint;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF app_role() <> 'system' THEN
      NEW.state := 'proposed'; NEW.proposed_by := app_user(); NEW.proposed_at := app_now();
      NEW.approved_by := NULL; NEW.approved_at := NULL;
    END IF;
    SELECT amount_cents INTO v_paid FROM payout WHERE id = NEW.payout_id AND owner_id = NEW.owner_id
      AND state = 'paid' AND connect_account_id IS NOT NULL FOR UPDATE;
    SELECT coalesce(sum(amount_cents), 0) INTO v_taken FROM transfer_reversal
      WHERE payout_id = NEW.payout_id AND state <> 'failed';
    IF NEW.amount_cents + v_taken > coalesce(v_paid, 0) THEN
      RAISE EXCEPTION 'more than is left of the transfer'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_exceeds';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.payout_id, NEW.owner_id, NEW.amount_cents, NEW.proposed_by, NEW.code) IS DISTINCT FROM
     (OLD.payout_id, OLD.owner_id, OLD.amount_cents, OLD.proposed_by, OLD.code) THEN
    RAISE EXCEPTION 'a reversal never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN
     (('proposed', 'approved'), ('proposed', 'failed'), ('approved', 'done'), ('approved', 'failed')) THEN
    RAISE EXCEPTION 'a reversal cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF app_role() <> 'system' THEN
    IF NEW.state = 'approved' AND OLD.state = 'proposed' THEN
      NEW.approved_by := app_user(); NEW.approved_at := app_now();
    ELSE
      NEW.approved_by := OLD.approved_by; NEW.approved_at := OLD.approved_at;
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_reversal BEFORE INSERT OR UPDATE ON transfer_reversal
  FOR EACH ROW EXECUTE FUNCTION keep_reversal();
"""

FORMER_CONNECT = """
-- The step before knows no other way to pay than a bank account: its owner would be paid a second time.
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM payout WHERE connect_account_id IS NOT NULL
             AND (state IN ('paid', 'returned') OR transfer_asked_at IS NOT NULL)) THEN
    RAISE EXCEPTION 'owners were paid at the gateway: this step is not taken back' USING ERRCODE = 'restrict_violation';
  END IF;
END $$;
DROP TABLE transfer_reversal_line, transfer_reversal;
DELETE FROM payout_line l USING payout p WHERE p.id = l.payout_id AND p.connect_account_id IS NOT NULL;
DELETE FROM payout WHERE connect_account_id IS NOT NULL;
ALTER TABLE payout DROP CONSTRAINT payout_one_way, DROP CONSTRAINT payout_asked_stands,
  DROP COLUMN connect_account_id, DROP COLUMN transfer_reference,
  DROP COLUMN transfer_line, DROP COLUMN transfer_problem, DROP COLUMN transfer_asked_at,
  DROP COLUMN transfer_tries, DROP COLUMN transfer_looked_at;
ALTER TABLE payout ALTER COLUMN bank_account_id SET NOT NULL;
DROP TABLE connect_account;
DROP FUNCTION keep_connect(), keep_reversal();
"""

BALANCE = """
-- The gateway's balance, line by line, as it was read: what the gateway says never changes, but becomes available.
CREATE TABLE gateway_line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  reference text NOT NULL UNIQUE,
  kind text NOT NULL,
  amount_cents bigint NOT NULL,
  fee_cents bigint NOT NULL,
  currency text NOT NULL,
  about text NOT NULL DEFAULT '',
  moved_on date NOT NULL,
  available_on date NOT NULL,
  available boolean NOT NULL,
  read_at timestamptz NOT NULL DEFAULT app_now(),
  explained_account text REFERENCES ledger_account,  -- where a line belongs that nothing of ours made
  explained_org bigint REFERENCES organisation,
  explained_by bigint REFERENCES app_user,
  booked_at timestamptz
);
CREATE INDEX gateway_line_day ON gateway_line (moved_on);
CREATE FUNCTION keep_gateway_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (NEW.code, NEW.reference, NEW.kind, NEW.amount_cents, NEW.currency, NEW.about, NEW.moved_on)
     IS DISTINCT FROM (OLD.code, OLD.reference, OLD.kind, OLD.amount_cents, OLD.currency, OLD.about, OLD.moved_on)
     OR OLD.explained_account IS NOT NULL AND (NEW.explained_account, NEW.explained_org) IS DISTINCT FROM
     (OLD.explained_account, OLD.explained_org) THEN
    RAISE EXCEPTION 'what the gateway said never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  IF current_user = 'courtier_web' AND OLD.explained_account IS NULL AND NEW.explained_account IS NOT NULL THEN
    NEW.explained_by := app_user();
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_gateway_line BEFORE UPDATE OR DELETE ON gateway_line
  FOR EACH ROW EXECUTE FUNCTION keep_gateway_line();

-- Each time the balance is read, or asked to be.
CREATE TABLE gateway_reading (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  asked_by bigint REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  read_at timestamptz,
  available_cents bigint,
  pending_cents bigint,
  new_lines integer,
  CHECK ((read_at IS NULL) = (available_cents IS NULL) AND (read_at IS NULL) = (pending_cents IS NULL))
);
CREATE INDEX gateway_reading_at ON gateway_reading (read_at);

-- Money of the balance sent to our own bank.
CREATE TABLE gateway_payout (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'sent', 'failed')),
  reference text UNIQUE,
  line text UNIQUE,
  problem text NOT NULL DEFAULT '',
  asked_by bigint REFERENCES app_user,
  asked_at timestamptz NOT NULL DEFAULT app_now(),
  tried_at timestamptz,
  sent_on date
);
"""

INBOX = """
-- The inbox: each event once, by the gateway's own id; a job takes it by its number and reads the object again.
ALTER TABLE webhook_event
  ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  ADD COLUMN account text NOT NULL DEFAULT '',
  ADD COLUMN outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'unknown'));
CREATE INDEX webhook_event_waiting ON webhook_event (number) WHERE processed_at IS NULL;
DROP FUNCTION receive_webhook(text, text, text);
CREATE FUNCTION receive_webhook(p_event text, p_kind text, p_reference text, p_account text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_number bigint;
BEGIN
  INSERT INTO webhook_event (id, kind, object_reference, account)
  VALUES (left(p_event, 255), left(p_kind, 255), left(p_reference, 255), left(p_account, 255))
  ON CONFLICT (id) DO NOTHING RETURNING number INTO v_number;
  IF v_number IS NULL THEN RETURN false; END IF;
  PERFORM jobs.enqueue('treat_webhook', v_number);
  RETURN true;
END $$;

-- The fake gateway keeps Stripe's objects in Stripe's form, and the answers that its idempotency keys repeat.
CREATE TABLE fake_gateway_object (
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id text PRIMARY KEY,
  kind text NOT NULL,
  body jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX fake_gateway_object_kind ON fake_gateway_object (kind);
CREATE TABLE fake_gateway_call (
  key text PRIMARY KEY,
  request jsonb NOT NULL,
  status integer,
  reply jsonb,
  at timestamptz NOT NULL DEFAULT app_now()
);
DROP TABLE fake_gateway_movement, fake_payment_intent;
"""

FORMER_INBOX = """
DROP FUNCTION receive_webhook(text, text, text, text);
ALTER TABLE webhook_event DROP COLUMN number, DROP COLUMN account, DROP COLUMN outcome;
CREATE FUNCTION receive_webhook(p_event text, p_kind text, p_reference text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_payment payment;
BEGIN
  INSERT INTO webhook_event (id, kind, object_reference) VALUES (p_event, p_kind, p_reference) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT * INTO v_payment FROM payment WHERE gateway_reference = p_reference;
  IF v_payment.id IS NULL THEN RETURN false; END IF;
  PERFORM jobs.enqueue(CASE v_payment.state WHEN 'captured' THEN 'book_card_money' ELSE 'book_payment' END,
                       v_payment.id);
  RETURN true;
END $$;
DROP TABLE fake_gateway_object, fake_gateway_call;
CREATE TABLE fake_payment_intent (
  id text PRIMARY KEY,
  idempotency_key text NOT NULL UNIQUE,
  params jsonb NOT NULL,
  status text NOT NULL DEFAULT 'requires_payment_method'
    CHECK (status IN ('requires_payment_method', 'succeeded', 'canceled')),
  amount_received bigint NOT NULL DEFAULT 0
);
CREATE TABLE fake_gateway_movement (
  id text PRIMARY KEY,
  intent_id text NOT NULL REFERENCES fake_payment_intent,
  kind text NOT NULL CHECK (kind IN ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_won',
    'dispute_lost')),
  object_id text NOT NULL,
  amount_cents bigint NOT NULL,
  fee_cents bigint NOT NULL DEFAULT 0,
  at timestamptz NOT NULL DEFAULT app_now()
);
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for kind in JOBS:
        op.execute(f"INSERT INTO jobs.kind VALUES ('{kind}', 'billing')")  # noqa: S608 - names of ours
    for part in (MEANS, CONNECT, BALANCE, INBOX):
        op.execute(part)
    mine, staff = "org_id = app_org() OR app_staff()", "app_staff()"
    protect("gateway_customer", using=mine, web="SELECT, INSERT (org_id, reference)")
    protect("payment_rule", using=mine, check=staff, web="SELECT, INSERT, UPDATE")
    protect(
        "payment_means",
        using=mine,
        check="org_id = app_org()",
        web="SELECT, INSERT (code, org_id, kind, setup_reference, asked_by), UPDATE (state)",
    )
    op.execute("DROP POLICY tenant ON payment")
    op.execute(
        "CREATE POLICY tenant ON payment FOR ALL TO courtier_web USING (advertiser_id = app_org() OR app_staff())"
        " WITH CHECK (advertiser_id = app_org() AND state IN ('pending', 'failed')"
        " AND is_payable(order_id, amount_cents))"
    )
    op.execute("GRANT UPDATE (checkout_reference, page, state, failure) ON payment TO courtier_web")
    protect(
        "connect_account",
        using=mine,
        check="org_id = app_org()",
        web="SELECT, INSERT (code, org_id, asked_by), UPDATE (links)",
    )
    op.execute("GRANT INSERT (connect_account_id) ON payout TO courtier_web")
    protect(
        "transfer_reversal",
        using="owner_id = app_org() OR app_staff()",
        check=staff,
        web="SELECT, INSERT (code, payout_id, owner_id, amount_cents, reason, proposed_by),"
        " UPDATE (state, approved_by, approved_at)",
    )
    protect(
        "transfer_reversal_line",
        using="EXISTS (SELECT 1 FROM transfer_reversal r WHERE r.id = transfer_reversal_line.reversal_id)",
        check=staff,
        web="SELECT, INSERT, UPDATE (live)",
    )
    protect("gateway_line", using=staff, web="SELECT, UPDATE (explained_account, explained_org, explained_by)")
    protect("gateway_reading", using=staff, web="SELECT, INSERT (code, asked_by)")
    protect("gateway_payout", using=staff, web="SELECT, INSERT (code, amount_cents, asked_by)")
    protect("fake_gateway_object", using="is_demo()", web="SELECT, INSERT (id, kind, body), UPDATE (body)")
    protect("fake_gateway_call", using="is_demo()", web="SELECT, INSERT (key, request), UPDATE (status, reply)")
    definer("receive_webhook(text, text, text, text)", to="courtier_web, courtier_worker")
    definer("is_payable(bigint, bigint)", to="courtier_web, courtier_worker")
    definer("keep_reversal()", to="courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FORMER_INBOX)
    protect("fake_payment_intent", using="is_demo()", web="SELECT, INSERT, UPDATE (status, amount_received)")
    protect("fake_gateway_movement", using="is_demo()", web="SELECT, INSERT")
    definer("receive_webhook(text, text, text)", to="courtier_web, courtier_worker")
    op.execute("DROP TABLE gateway_line, gateway_reading, gateway_payout")
    op.execute("DROP FUNCTION keep_gateway_line()")
    op.execute("REVOKE INSERT (connect_account_id) ON payout FROM courtier_web")
    op.execute(FORMER_CONNECT)
    op.execute("REVOKE UPDATE (checkout_reference, page, state, failure) ON payment FROM courtier_web")
    op.execute(FORMER_MEANS)
    op.execute("DROP TABLE payment_means, payment_rule, gateway_customer")
    op.execute("DROP FUNCTION keep_means()")
    for kind in JOBS:
        op.execute(f"DELETE FROM jobs.kind WHERE kind = '{kind}'")  # noqa: S608 - names of ours
    op.execute("RESET ROLE")
