"""Invoicing: roles, mandates, platforms, opening balances."""

from __future__ import annotations

from alembic import op

from migrations.protect import definer, protect

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

CONTRACTS = """
-- In whose name we sell: a written contract with an owner or an advertiser makes us its agent; without one we are
-- principal. Only an agent may pay an owner when the advertiser has paid.
CREATE TABLE role_contract (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  role text NOT NULL CHECK (role IN ('principal', 'agent_of_owner', 'agent_of_advertiser')),
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 140),
  signatory text NOT NULL CHECK (length(signatory) BETWEEN 1 AND 140),
  signed_on date NOT NULL,
  ends_on date,
  pay_when_paid boolean NOT NULL DEFAULT false,
  recorded_by bigint REFERENCES app_user,
  recorded_at timestamptz NOT NULL DEFAULT app_now(),
  CONSTRAINT role_contract_days CHECK (ends_on >= signed_on),
  CONSTRAINT role_contract_pay_when_paid CHECK (NOT pay_when_paid OR role <> 'principal')
);
CREATE INDEX role_contract_org ON role_contract (org_id);

CREATE FUNCTION check_role_contract() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_kind text;
BEGIN
  PERFORM pg_advisory_xact_lock(7203821, NEW.org_id::integer);   -- two at once would not see each other
  SELECT kind INTO v_kind FROM organisation WHERE id = NEW.org_id;
  IF NEW.role = 'agent_of_owner' AND v_kind <> 'owner' OR NEW.role = 'agent_of_advertiser' AND v_kind <> 'advertiser'
     OR v_kind = 'broker' THEN
    RAISE EXCEPTION 'a contract of role % is not made with a %', NEW.role, v_kind
      USING ERRCODE = 'check_violation', CONSTRAINT = 'role_contract_party';
  END IF;
  IF EXISTS (SELECT 1 FROM role_contract c WHERE c.org_id = NEW.org_id AND c.id <> NEW.id
             AND daterange(c.signed_on, c.ends_on, '[]') && daterange(NEW.signed_on, NEW.ends_on, '[]')) THEN
    RAISE EXCEPTION 'another contract holds on some of these days'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'role_contract_once';
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.role, NEW.reference, NEW.signatory, NEW.signed_on, NEW.pay_when_paid)
     IS DISTINCT FROM (OLD.org_id, OLD.role, OLD.reference, OLD.signatory, OLD.signed_on, OLD.pay_when_paid) THEN
    RAISE EXCEPTION 'a signed contract only ends' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_role_contract AFTER INSERT OR UPDATE ON role_contract
  FOR EACH ROW EXECUTE FUNCTION check_role_contract();

-- What a sale between two parties is today, and where its owner stands as to VAT: an advertiser may not read the owner.
CREATE FUNCTION sale_terms(p_owner bigint, p_advertiser bigint)
RETURNS TABLE (role text, both_sides boolean, country text, postcode text, vat_number text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH day AS (SELECT CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date) AS today),
  held AS (SELECT c.role FROM role_contract c, day
           WHERE c.org_id IN (p_owner, p_advertiser) AND c.role <> 'principal'
             AND day.today BETWEEN c.signed_on AND coalesce(c.ends_on, 'infinity'))
  SELECT coalesce((SELECT min(held.role) FROM held), 'principal'), (SELECT count(*) > 1 FROM held),
         o.country, o.postcode, o.vat_number FROM organisation o WHERE o.id = p_owner AND o.kind = 'owner'
$$;

-- The role is the contracts' to say, whoever writes the order, and stays with it.
CREATE FUNCTION set_contract_role() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE v_terms record;
BEGIN
  IF TG_TABLE_NAME = 'mailing' THEN
    IF to_jsonb(NEW)->>'kind' <> 'affiliate' THEN RETURN NEW; END IF;   -- a rental's is its order's
  END IF;
  SELECT t.role, t.both_sides INTO v_terms FROM sale_terms(NEW.owner_id, NEW.advertiser_id) t;
  IF v_terms.both_sides THEN
    RAISE EXCEPTION 'owner and advertiser both made us their agent: we cannot act for both'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'role_contract_both';
  END IF;
  NEW.contract_role := coalesce(v_terms.role, 'principal');
  RETURN NEW;
END $$;
CREATE TRIGGER set_contract_role BEFORE INSERT ON rental_order FOR EACH ROW EXECUTE FUNCTION set_contract_role();
CREATE TRIGGER set_contract_role BEFORE INSERT ON mailing FOR EACH ROW EXECUTE FUNCTION set_contract_role();

-- An owner's word that we may invoice in its name (CGI art. 289, I-2), given before the first such invoice.
CREATE TABLE invoicing_mandate (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 140),
  signatory text NOT NULL CHECK (length(signatory) BETWEEN 1 AND 140),
  signed_on date NOT NULL,
  ends_on date CHECK (ends_on >= signed_on),
  contest_days smallint NOT NULL DEFAULT 30 CHECK (contest_days BETWEEN 1 AND 365),
  recorded_by bigint REFERENCES app_user,
  recorded_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX invoicing_mandate_org ON invoicing_mandate (org_id);
"""

INVOICES = """
ALTER TABLE invoice DROP CONSTRAINT invoice_kind_check, DROP CONSTRAINT invoice_type_code_check,
  DROP CONSTRAINT invoice_check2;
-- owner_invoice: the owner's own, in its series, issued by us as agent; fee: our commission alone; owner_credit: what
-- corrects a self-bill, issued by the owner (381) or by us (261).
ALTER TABLE invoice
  ADD COLUMN role text NOT NULL DEFAULT 'principal'
    CHECK (role IN ('principal', 'agent_of_owner', 'agent_of_advertiser')),
  ADD COLUMN mandate_id bigint REFERENCES invoicing_mandate,
  ADD CONSTRAINT invoice_kind_check CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note', 'owner_invoice',
    'fee', 'owner_credit')),
  ADD CONSTRAINT invoice_type_code_check CHECK (type_code IN (261, 380, 381, 386, 389)),
  ADD CONSTRAINT invoice_corrects CHECK ((kind IN ('credit_note', 'owner_credit')) = (corrects_id IS NOT NULL)),
  ADD CONSTRAINT invoice_role CHECK ((kind IN ('owner_invoice', 'fee')) <= (role <> 'principal')
                                     AND (kind = 'self_bill') <= (role = 'principal'));
-- A payout nets what a corrected bill took back.
ALTER TABLE payout_line DROP CONSTRAINT payout_line_amount_cents_check,
  ADD CONSTRAINT payout_line_amount_cents_check CHECK (amount_cents <> 0);
CREATE INDEX invoice_order ON invoice (order_id);
CREATE INDEX invoice_issued ON invoice (issued_on);
CREATE INDEX invoice_corrects_id ON invoice (corrects_id) WHERE corrects_id IS NOT NULL;

-- An owner does not agree with a document issued in its name, within the mandate's days. Upheld, it is corrected: the
-- owner signs the credit note that we prepared, or we issue it, as trade.corrections_by says.
CREATE TABLE invoice_contest (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  invoice_id bigint NOT NULL REFERENCES invoice,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'rejected', 'prepared', 'signed', 'corrected')),
  net_cents bigint CHECK (net_cents > 0),
  answer text NOT NULL DEFAULT '',
  raised_by bigint REFERENCES app_user,
  raised_at timestamptz NOT NULL DEFAULT app_now(),
  answered_at timestamptz,
  by_owner boolean NOT NULL DEFAULT false,  -- prepared for the owner's signature
  signed_by bigint REFERENCES app_user,
  credit_id bigint REFERENCES invoice,
  CHECK (state NOT IN ('prepared', 'signed', 'corrected') OR net_cents IS NOT NULL),
  CHECK ((state = 'corrected') = (credit_id IS NOT NULL))
);
CREATE UNIQUE INDEX invoice_contest_standing ON invoice_contest (invoice_id)
  WHERE state IN ('open', 'prepared', 'signed');
CREATE INDEX invoice_contest_org ON invoice_contest (org_id);

-- The house answers, the owner signs: nobody else takes these steps, and a worker issues the document.
CREATE FUNCTION answer_contest(p_code text, p_before text, p_after text, p_text text, p_net bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, jobs, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
  UPDATE invoice_contest SET state = p_after,
    answer = CASE p_text WHEN '' THEN answer ELSE p_text END, net_cents = coalesce(p_net, net_cents),
    answered_at = coalesce(answered_at, app_now()), by_owner = by_owner OR p_after = 'prepared',
    signed_by = CASE p_after WHEN 'signed' THEN app_user() ELSE signed_by END
  WHERE code = p_code AND state = p_before
    AND ((p_before, p_after) IN (('open', 'rejected'), ('open', 'prepared'), ('open', 'signed'))
           AND (app_staff() OR app_role() = 'system')
         OR (p_before, p_after) = ('prepared', 'signed') AND (org_id = app_org() OR app_role() = 'system'))
  RETURNING id INTO v_id;
  IF v_id IS NOT NULL AND p_after = 'signed' THEN PERFORM jobs.enqueue('issue_correction', v_id); END IF;
  RETURN v_id IS NOT NULL;
END $$;

-- What a register of VAT numbers answered, as evidence for supplies without VAT (CGI art. 262 ter, 283-2).
CREATE TABLE vat_answer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES organisation,
  vat_number text NOT NULL,
  valid boolean NOT NULL,
  name text NOT NULL DEFAULT '', address text NOT NULL DEFAULT '',
  consultation text NOT NULL DEFAULT '',    -- the register's own number of this question, the proof of it
  source text NOT NULL CHECK (source IN ('vies', 'fake')),
  asked_at timestamptz NOT NULL DEFAULT app_now()
);
CREATE INDEX vat_answer_org ON vat_answer (org_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON vat_answer FOR EACH ROW EXECUTE FUNCTION refuse_change();
INSERT INTO jobs.kind VALUES ('check_vat', 'billing'), ('issue_correction', 'billing');
"""

PLATFORM = """
-- What went to a platform of electronic invoicing, or came from it. `flow`: sales, self_billed (we issue for the
-- supplier: the reverse flow), received.
CREATE TABLE platform_document (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  flow text NOT NULL CHECK (flow IN ('sales', 'self_billed', 'received')),
  invoice_id bigint UNIQUE REFERENCES invoice,
  number text NOT NULL,
  supplier_name text NOT NULL DEFAULT '', supplier_siren text NOT NULL DEFAULT '',
  org_id bigint REFERENCES organisation,    -- the supplier, where we know it
  issued_on date NOT NULL, due_on date,
  net_cents bigint NOT NULL, vat_cents bigint NOT NULL, total_cents bigint NOT NULL,
  currency text NOT NULL DEFAULT 'EUR',
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  content bytea,                            -- of what was received; ours is the invoice's
  state text NOT NULL DEFAULT 'deposited' CHECK (state IN ('deposited', 'issued', 'received', 'made_available', 'taken',
    'approved', 'partly_approved', 'disputed', 'suspended', 'completed', 'refused', 'payment_sent', 'collected',
    'rejected')),
  entry_id bigint REFERENCES ledger_entry,
  created_at timestamptz NOT NULL DEFAULT app_now(),
  CHECK ((flow = 'received') = (invoice_id IS NULL)),
  CHECK (total_cents = net_cents + vat_cents)
);
CREATE UNIQUE INDEX platform_document_once ON platform_document (supplier_siren, number, issued_on)
  WHERE flow = 'received';
CREATE TABLE platform_status (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document_id bigint NOT NULL REFERENCES platform_document,
  status integer NOT NULL CHECK (status BETWEEN 200 AND 299),   -- the reform's codes: 200 deposited … 213 rejected
  state text NOT NULL,
  reason text NOT NULL DEFAULT '',
  reference text NOT NULL,                  -- the platform's own: the same message once
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT app_now(),
  UNIQUE (document_id, reference)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON platform_status FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

LEDGER = """
INSERT INTO ledger_journal VALUES ('AN', 'À nouveaux', 'Opening balances');
INSERT INTO ledger_account VALUES
  ('101', 'Capital', 'Share capital'), ('110', 'Report à nouveau', 'Retained earnings'),
  ('445711', 'TVA à décaisser', 'VAT payable'), ('606', 'Achats non stockés', 'Supplies')
  ON CONFLICT DO NOTHING;

-- Debits and credits by account, party and month: added to by each statement that writes postings, in one order, so
-- that two of them never wait for each other in a ring.
CREATE TABLE ledger_balance (
  account text NOT NULL REFERENCES ledger_account,
  org_id bigint NOT NULL,                   -- 0: no party
  month date NOT NULL,
  debit_cents bigint NOT NULL, credit_cents bigint NOT NULL,
  PRIMARY KEY (account, org_id, month)
);
CREATE FUNCTION add_to_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger_balance
  SELECT n.account, coalesce(n.org_id, 0), date_trunc('month', e.day)::date, sum(n.debit_cents), sum(n.credit_cents)
  FROM new_postings n JOIN ledger_entry e ON e.id = n.entry_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (account, org_id, month) DO UPDATE SET debit_cents = ledger_balance.debit_cents + excluded.debit_cents,
    credit_cents = ledger_balance.credit_cents + excluded.credit_cents;
  RETURN NULL;
END $$;
INSERT INTO ledger_balance
SELECT p.account, coalesce(p.org_id, 0), date_trunc('month', e.day)::date, sum(p.debit_cents), sum(p.credit_cents)
FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id GROUP BY 1, 2, 3;
CREATE TRIGGER add_to_balances AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS new_postings
  FOR EACH STATEMENT EXECUTE FUNCTION add_to_balances();

-- Money asked for and not there yet: pending, then captured or released, once.
CREATE TABLE ledger_hold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  idempotency_key text NOT NULL UNIQUE,
  org_id bigint NOT NULL REFERENCES organisation,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'captured', 'released')),
  placed_at timestamptz NOT NULL DEFAULT app_now(),
  ended_at timestamptz,
  CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE FUNCTION keep_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.state <> 'pending' OR NEW.state = 'pending'
     OR (NEW.idempotency_key, NEW.org_id, NEW.amount_cents, NEW.placed_at)
        IS DISTINCT FROM (OLD.idempotency_key, OLD.org_id, OLD.amount_cents, OLD.placed_at) THEN
    RAISE EXCEPTION 'a hold is captured or released once, and never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  NEW.ended_at := app_now();
  RETURN NEW;
END $$;
CREATE TRIGGER keep_hold BEFORE UPDATE OR DELETE ON ledger_hold FOR EACH ROW EXECUTE FUNCTION keep_hold();

-- A payment that is asked for is a hold; what becomes of the one becomes of the other.
CREATE FUNCTION hold_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO ledger_hold (idempotency_key, org_id, amount_cents)
    VALUES ('payment:' || NEW.code, NEW.advertiser_id, NEW.amount_cents);
  END IF;
  IF NEW.state IN ('captured', 'failed') THEN
    UPDATE ledger_hold SET state = CASE NEW.state WHEN 'captured' THEN 'captured' ELSE 'released' END
    WHERE idempotency_key = 'payment:' || NEW.code AND state = 'pending';
  END IF;
  RETURN NULL;
END $$;
INSERT INTO ledger_hold (idempotency_key, org_id, amount_cents, state, placed_at, ended_at)
SELECT 'payment:' || code, advertiser_id, amount_cents,
  CASE state WHEN 'pending' THEN 'pending' WHEN 'failed' THEN 'released' ELSE 'captured' END, created_at,
  CASE state WHEN 'pending' THEN NULL ELSE coalesce(captured_at, app_now()) END FROM payment;
CREATE TRIGGER hold_payment AFTER INSERT OR UPDATE OF state ON payment FOR EACH ROW EXECUTE FUNCTION hold_payment();
"""

ACCRUALS = """
-- One index in place of two: the mailing names its dispatch, and sums are asked for by mailing.
ALTER TABLE accrual DROP CONSTRAINT accrual_pkey, ADD PRIMARY KEY (mailing_id, position, kind);
DROP INDEX accrual_mailing;

-- Sums of what each statement added: appended and never updated, so that two workers of one mailing do not wait for
-- each other. A month, a report and a close read these; checks hold them to the sends.
CREATE TABLE accrual_sum (
  mailing_id bigint NOT NULL, kind text NOT NULL, sends bigint NOT NULL,
  gross_micros bigint NOT NULL, owner_micros bigint NOT NULL, commission_micros bigint NOT NULL,
  at timestamptz NOT NULL
);
INSERT INTO accrual_sum SELECT mailing_id, kind, count(*), sum(gross_micros), sum(owner_micros),
  sum(commission_micros), at FROM accrual GROUP BY mailing_id, kind, at;
CREATE INDEX accrual_sum_mailing ON accrual_sum (mailing_id);
CREATE INDEX accrual_sum_at ON accrual_sum USING brin (at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accrual_sum FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION sum_accruals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accrual_sum SELECT mailing_id, kind, count(*), sum(gross_micros), sum(owner_micros),
    sum(commission_micros), at FROM new_accruals GROUP BY mailing_id, kind, at;
  RETURN NULL;
END $$;
CREATE TRIGGER sum_accruals AFTER INSERT ON accrual REFERENCING NEW TABLE AS new_accruals
  FOR EACH STATEMENT EXECUTE FUNCTION sum_accruals();

CREATE OR REPLACE FUNCTION share_of_mailing(p_mailing bigint)
RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint FROM accrual_sum a
  JOIN mailing m ON m.id = a.mailing_id
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;

-- What accrued in a span of time, by mailing: for staff all, for an owner its own. Prices are split here: an advertiser
-- gets nothing.
CREATE FUNCTION accrued_between(p_start timestamptz, p_end timestamptz)
RETURNS TABLE (mailing_id bigint, kind text, day date, events bigint, gross_micros bigint, owner_micros bigint,
               commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.mailing_id, a.kind, CAST(a.at AT TIME ZONE 'Europe/Paris' AS date), sum(a.sends)::bigint,
    sum(a.gross_micros)::bigint, sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint
  FROM accrual_sum a JOIN mailing m ON m.id = a.mailing_id
  WHERE a.at >= p_start AND a.at < p_end AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
  GROUP BY 1, 2, 3
$$;

-- What is still to leave before an instant, at its price and volume; the split is for staff.
CREATE FUNCTION planned_revenue(p_end timestamptz)
RETURNS TABLE (mailings bigint, micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*), coalesce(sum(x.volume * m.price_micros), 0)::bigint,
    coalesce(sum(x.volume * m.price_micros * m.commission_bp / 10000), 0)::bigint
  FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id LEFT JOIN rental_order o ON o.id = d.order_id
  LEFT JOIN participation_send t ON t.id = d.participation_send_id
  CROSS JOIN LATERAL (SELECT greatest(0, coalesce(o.volume, t.volume, 0) - coalesce((SELECT sum(a.sends)
    FROM accrual_sum a WHERE a.mailing_id = m.id AND a.kind = 'send'), 0)) AS volume) x
  WHERE m.kind <> 'own' AND m.state IN ('freezing', 'frozen', 'sending', 'paused') AND m.closed_at IS NULL
    AND coalesce(m.starts_at, m.created_at) < p_end AND (app_staff() OR app_role() = 'system')
$$;

-- A settled mailing on its documents and in the ledger, whatever the role: what the advertiser was charged, the owner's
-- part of it, and the same read from the entries. Runs with the asker's rights: nobody sees others' documents.
CREATE FUNCTION money_of_mailing(p_mailing bigint)
RETURNS TABLE (invoice text, invoice_cents bigint, bill text, owner_cents bigint, ledger_cents bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  WITH papers AS (
    SELECT i.number, i.kind, i.role, i.net_cents, i.vat_cents,
      (SELECT coalesce(sum(p.credit_cents - p.debit_cents) FILTER (WHERE p.account LIKE '706%'), 0)
            + CASE WHEN i.kind = 'owner_invoice' THEN
                coalesce(sum(p.credit_cents) FILTER (WHERE p.account = '467' AND p.org_id = i.seller_id), 0)
                - i.vat_cents ELSE 0 END
       FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id
       WHERE e.idempotency_key = 'invoice:' || i.number) AS posted
    FROM invoice i WHERE i.mailing_id = p_mailing AND i.kind IN ('invoice', 'self_bill', 'owner_invoice', 'fee'))
  SELECT coalesce(min(number) FILTER (WHERE kind IN ('invoice', 'owner_invoice')), ''),
    coalesce(sum(net_cents) FILTER (WHERE kind IN ('invoice', 'owner_invoice')
                                    OR kind = 'fee' AND role = 'agent_of_advertiser'), 0)::bigint,
    coalesce(min(number) FILTER (WHERE kind IN ('self_bill', 'fee')), ''),
    (coalesce(sum(net_cents) FILTER (WHERE kind IN ('self_bill', 'owner_invoice')), 0)
     - coalesce(sum(net_cents) FILTER (WHERE kind = 'fee' AND role = 'agent_of_owner'), 0))::bigint,
    coalesce(sum(posted) FILTER (WHERE kind IN ('invoice', 'owner_invoice')
                                 OR kind = 'fee' AND role = 'agent_of_advertiser'), 0)::bigint
  FROM papers
$$;
"""

SHARE_BEFORE = """
CREATE OR REPLACE FUNCTION share_of_mailing(p_mailing bigint)
RETURNS TABLE (owner_micros bigint, commission_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT sum(a.owner_micros)::bigint, sum(a.commission_micros)::bigint FROM accrual a
  JOIN mailing m ON m.id = a.mailing_id AND m.dispatch_id = a.dispatch_id
  WHERE m.id = p_mailing AND (app_staff() OR app_role() = 'system' OR m.owner_id = app_org())
$$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    for part in (CONTRACTS, INVOICES, PLATFORM, LEDGER, ACCRUALS):
        op.execute(part)
    own = "org_id = app_org() OR app_staff()"
    protect("role_contract", using=own, check="app_staff()", web="SELECT, INSERT, UPDATE (ends_on)")
    protect("invoicing_mandate", using=own, web="SELECT, INSERT, UPDATE (ends_on)")
    protect(
        "invoice_contest",
        using=own,
        check="app_staff() OR org_id = app_org() AND EXISTS (SELECT 1 FROM invoice i"
        " WHERE i.id = invoice_contest.invoice_id AND i.seller_id = app_org())",
        web="SELECT, INSERT (code, org_id, invoice_id, reason, raised_by)",
    )
    protect("vat_answer", using=own, web="SELECT")
    protect("platform_document", using="app_staff()", web="SELECT")
    protect("platform_status", using="app_staff()", web="SELECT")
    protect("ledger_hold", using=own, web="SELECT")
    protect("ledger_balance", using="app_staff()", web="SELECT")
    protect(
        "accrual_sum",
        using="EXISTS (SELECT 1 FROM mailing m WHERE m.id = accrual_sum.mailing_id)",
        web="SELECT (mailing_id, kind, sends, gross_micros, at)",
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON accrual_sum, vat_answer, platform_status FROM courtier_worker")
    op.execute("REVOKE DELETE, TRUNCATE ON ledger_balance FROM courtier_worker")
    definer("sale_terms(bigint, bigint)", to="courtier_web, courtier_worker")
    definer("answer_contest(text, text, text, text, bigint)", to="courtier_web, courtier_worker")
    for function in ("check_role_contract()", "set_contract_role()", "hold_payment()"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    definer("money_of_mailing(bigint)", to="courtier_web, courtier_worker")
    definer("planned_revenue(timestamptz)", to="courtier_web, courtier_worker")
    definer("accrued_between(timestamptz, timestamptz)", to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION money_of_mailing(bigint), planned_revenue(timestamptz),"
        " accrued_between(timestamptz, timestamptz)"
    )
    op.execute(SHARE_BEFORE)
    op.execute("DROP TRIGGER sum_accruals ON accrual")
    op.execute("DROP TABLE accrual_sum")
    op.execute("DROP FUNCTION sum_accruals()")
    op.execute(
        "ALTER TABLE accrual DROP CONSTRAINT accrual_pkey, ADD PRIMARY KEY (dispatch_id, mailing_id, position, kind)"
    )
    op.execute("CREATE INDEX accrual_mailing ON accrual (mailing_id)")
    op.execute("DROP TRIGGER hold_payment ON payment")
    op.execute("DROP TABLE ledger_hold")
    op.execute("DROP FUNCTION hold_payment(), keep_hold()")
    op.execute("DROP TRIGGER add_to_balances ON ledger_posting")
    op.execute("DROP TABLE ledger_balance")
    op.execute("DROP FUNCTION add_to_balances()")
    op.execute("DROP FUNCTION answer_contest(text, text, text, text, bigint)")
    op.execute("DROP TABLE platform_status, platform_document, vat_answer, invoice_contest")
    op.execute("DELETE FROM jobs.kind WHERE kind IN ('check_vat', 'issue_correction')")
    op.execute("DROP INDEX invoice_order, invoice_issued, invoice_corrects_id")
    op.execute(
        "ALTER TABLE payout_line DROP CONSTRAINT payout_line_amount_cents_check,"
        " ADD CONSTRAINT payout_line_amount_cents_check CHECK (amount_cents > 0)"
    )
    op.execute(
        "ALTER TABLE invoice DROP CONSTRAINT invoice_kind_check, DROP CONSTRAINT invoice_type_code_check,"
        " DROP CONSTRAINT invoice_corrects, DROP COLUMN role, DROP COLUMN mandate_id,"
        " ADD CONSTRAINT invoice_kind_check CHECK (kind IN ('invoice', 'deposit', 'self_bill', 'credit_note')),"
        " ADD CONSTRAINT invoice_type_code_check CHECK (type_code IN (380, 381, 386, 389)),"
        " ADD CONSTRAINT invoice_check2 CHECK ((kind = 'credit_note') = (corrects_id IS NOT NULL))"
    )
    op.execute("DROP TRIGGER set_contract_role ON mailing")
    op.execute("DROP TRIGGER set_contract_role ON rental_order")
    op.execute("DROP TABLE invoicing_mandate, role_contract")
    op.execute("DROP FUNCTION set_contract_role(), sale_terms(bigint, bigint), check_role_contract()")
    op.execute("DELETE FROM ledger_account WHERE number IN ('101', '110', '445711', '606')")
    op.execute("DELETE FROM ledger_journal WHERE code = 'AN'")
