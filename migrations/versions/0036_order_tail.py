"""Orders: what their users still missed.

An order ends with its mailing and never beside it; functions that speak of an organisation ask who calls.
"""

from __future__ import annotations

from alembic import op

from migrations.protect import definer

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

BOTH = "courtier_web, courtier_worker"

MAILING = """
-- Whoever ordered on credit withdraws as long as nothing is planned: no money has come.
UPDATE order_transition SET parties = '{advertiser,owner}' WHERE (from_state, to_state) = ('on_credit', 'cancelled');

-- A planned order ends with its mailing, whoever stops that: the first use takes the order with it, a further one ends
-- alone. One of which nothing has left is still the advertiser's to take on another day. (A mailing that could not be
-- frozen is `failed`; its worker moves the order, with the sentence of what was wrong.)
CREATE FUNCTION order_ends_with_mailing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  v_order bigint;
  v_use bigint;
BEGIN
  SELECT d.order_id, u.id INTO v_order, v_use
  FROM dispatch d LEFT JOIN order_use u ON u.dispatch_id = d.id WHERE d.id = NEW.dispatch_id;
  IF v_order IS NULL THEN
    RETURN NULL;
  END IF;
  IF v_use IS NOT NULL AND NEW.started_at IS NULL THEN
    UPDATE order_use SET dispatch_id = NULL, send_on = NULL, chosen_at = NULL WHERE id = v_use;
  END IF;
  UPDATE rental_order SET state = CASE WHEN v_use IS NULL THEN 'cancelled' ELSE 'sent' END
  WHERE id = v_order AND state IN ('scheduled', 'sending');
  RETURN NULL;
END $$;
CREATE TRIGGER order_ends AFTER UPDATE OF state ON mailing FOR EACH ROW
  WHEN (OLD.state <> 'cancelled' AND NEW.state = 'cancelled') EXECUTE FUNCTION order_ends_with_mailing();

-- And never without it: an order that reads cancelled while its mail leaves would be a lie.
CREATE FUNCTION order_keeps_mailing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id WHERE d.order_id = NEW.id
             AND m.state NOT IN ('sent', 'cancelled', 'failed')) THEN
    RAISE EXCEPTION 'a planned order is cancelled by stopping its mailing'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'order_mailing';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER order_mailing BEFORE UPDATE OF state ON rental_order FOR EACH ROW
  WHEN (OLD.state IN ('scheduled', 'sending') AND NEW.state = 'cancelled') EXECUTE FUNCTION order_keeps_mailing();

-- As before, and: what was stopped on its way counts until it is invoiced.
CREATE OR REPLACE FUNCTION credit_used(p_advertiser bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN app_staff() OR app_role() = 'system' OR app_org() = p_advertiser THEN (
    coalesce((SELECT sum(greatest(0, o.net_cents + o.vat_cents - coalesce((
        SELECT sum(i.total_cents) FROM invoice i WHERE i.order_id = o.id AND i.kind = 'invoice'), 0)))
      FROM rental_order o JOIN order_event e ON e.order_id = o.id AND e.state = 'on_credit'
      WHERE o.advertiser_id = p_advertiser AND (o.state IN ('on_credit', 'scheduled', 'sending', 'sent')
        OR o.state = 'cancelled' AND EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
             WHERE d.order_id = o.id AND m.started_at IS NOT NULL AND m.closed_at IS NULL))), 0)
    + coalesce((SELECT sum(greatest(0, i.total_cents - i.deposit_cents - coalesce((
        SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)))
      FROM invoice i WHERE i.buyer_id = p_advertiser AND i.kind = 'invoice'), 0))::bigint END
$$;
-- As before, and: an order that was stopped on its way did go ahead.
CREATE OR REPLACE FUNCTION has_prepaid(p_advertiser bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT (app_staff() OR app_role() = 'system' OR app_org() = p_advertiser) AND EXISTS (
    SELECT 1 FROM payment p JOIN rental_order o ON o.id = p.order_id
    WHERE p.advertiser_id = p_advertiser AND p.state = 'captured' AND (o.state <> 'cancelled'
      OR EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id
                 WHERE d.order_id = o.id AND m.started_at IS NOT NULL)))
$$;
"""

CREDIT_BEFORE = """
CREATE OR REPLACE FUNCTION credit_used(p_advertiser bigint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN app_staff() OR app_role() = 'system' OR app_org() = p_advertiser THEN (
    coalesce((SELECT sum(greatest(0, o.net_cents + o.vat_cents - coalesce((
        SELECT sum(i.total_cents) FROM invoice i WHERE i.order_id = o.id AND i.kind = 'invoice'), 0)))
      FROM rental_order o JOIN order_event e ON e.order_id = o.id AND e.state = 'on_credit'
      WHERE o.advertiser_id = p_advertiser AND o.state IN ('on_credit', 'scheduled', 'sending', 'sent')), 0)
    + coalesce((SELECT sum(greatest(0, i.total_cents - i.deposit_cents - coalesce((
        SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id), 0)))
      FROM invoice i WHERE i.buyer_id = p_advertiser AND i.kind = 'invoice'), 0))::bigint END
$$;
CREATE OR REPLACE FUNCTION has_prepaid(p_advertiser bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
  SELECT (app_staff() OR app_role() = 'system' OR app_org() = p_advertiser) AND EXISTS (
    SELECT 1 FROM payment p JOIN rental_order o ON o.id = p.order_id
    WHERE p.advertiser_id = p_advertiser AND p.state = 'captured' AND o.state <> 'cancelled')
$$;
"""

# What the front may ask of an organisation that is not its caller's. A placeholder is what differs before and after.
SALE_TERMS = """
CREATE OR REPLACE FUNCTION sale_terms(p_owner bigint, p_advertiser bigint)
RETURNS TABLE (role text, both_sides boolean, country text, postcode text, vat_number text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH day AS (SELECT CAST(app_now() AT TIME ZONE 'Europe/Paris' AS date) AS today),
  held AS (SELECT c.role FROM role_contract c, day
           WHERE c.org_id IN (p_owner, p_advertiser) AND c.role <> 'principal'
             AND day.today BETWEEN c.signed_on AND coalesce(c.ends_on, 'infinity'))
  SELECT coalesce((SELECT min(held.role) FROM held), 'principal'), (SELECT count(*) > 1 FROM held),
         o.country, {postcode}, {vat_number} FROM organisation o WHERE o.id = p_owner AND o.kind = 'owner'{caller}
$$;
"""
# Its parties alone; an advertiser only of an owner whose card it can book. Of the owner's seat no more than VAT goes by
# (broker/ledger/vat.py): a department, and whether there is a number, by which one would know who the owner is.
ASKED = {
    "postcode": "left(o.postcode, 3)",
    "vat_number": "left(o.vat_number, 2)",
    "caller": """
    AND (app_role() = 'system' OR app_staff() OR app_org() = p_owner OR app_org() = p_advertiser
         AND EXISTS (SELECT 1 FROM data_card c WHERE c.org_id = p_owner AND c.state = 'published'))""",
}
UNASKED = {"postcode": "o.postcode", "vat_number": "o.vat_number", "caller": ""}

NAMED = """
CREATE OR REPLACE FUNCTION advertiser_named(p_code text) RETURNS TABLE (id bigint, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.id, o.name FROM organisation o WHERE o.code = p_code AND o.kind = 'advertiser'{caller}
$$;
"""
OWNERS = """
    AND (app_staff() OR app_role() = 'system' OR EXISTS (
      SELECT 1 FROM organisation me WHERE me.id = app_org() AND me.kind = 'owner'))"""

MANDATED = """
CREATE OR REPLACE FUNCTION mandated(p_agency bigint, p_code text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT (live_mandate(p_agency, o.id)).advertiser_id FROM organisation o WHERE o.code = p_code{caller}
$$;
"""

# Others are told of what they share with the caller, and of nothing else.
MAY_TELL = """
CREATE FUNCTION may_tell(p_org bigint, p_object_kind text, p_object_code text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p_org IS NULL OR coalesce(p_org = app_org(), false) OR app_staff() OR app_role() = 'system'
  OR CASE p_object_kind
    WHEN 'order' THEN EXISTS (SELECT 1 FROM rental_order o WHERE o.code = p_object_code
      AND app_org() IN (o.owner_id, o.advertiser_id) AND p_org IN (o.owner_id, o.advertiser_id, o.agency_id))
    WHEN 'programme' THEN EXISTS (SELECT 1 FROM programme g JOIN participation p ON p.programme_id = g.id
      WHERE g.code = p_object_code AND (p.owner_id, p.advertiser_id) IN ((app_org(), p_org), (p_org, app_org())))
    WHEN 'participation' THEN EXISTS (SELECT 1 FROM participation p WHERE p.code = p_object_code
      AND (p.owner_id, p.advertiser_id) IN ((app_org(), p_org), (p_org, app_org())))
    WHEN 'private_offer' THEN EXISTS (SELECT 1 FROM private_offer f WHERE f.code = p_object_code
      AND (f.owner_id, f.advertiser_id) IN ((app_org(), p_org), (p_org, app_org())))
    ELSE false END
$$;
"""
TELL_SIGNATURE = "notify_organisation(text, bigint, text, text, jsonb, text, text[], text)"
TELL_BEFORE = "BEGIN\n  FOR v_org IN SELECT id FROM organisation"
TELL_AFTER = """BEGIN
  IF NOT may_tell(p_org, p_object_kind, p_object_code) THEN
    RAISE EXCEPTION 'that organisation is no party of this' USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOR v_org IN SELECT id FROM organisation"""


# A letter with a link for its person leaves outside of any transaction: this marks it while it does.
LETTERS = "ALTER TABLE account_letter ADD COLUMN leaving_since timestamptz"


def upgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(LETTERS)
    op.execute(MAILING)
    for function in ("order_ends_with_mailing()", "order_keeps_mailing()"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(SALE_TERMS.format(**ASKED))
    op.execute(NAMED.format(caller=OWNERS))
    # Who logs in by a key has no organisation yet.
    op.execute(MANDATED.format(caller=" AND (app_org() IS NULL OR p_agency IN (app_org(), app_agency()))"))
    op.execute("REVOKE ALL ON FUNCTION live_mandate(bigint, bigint) FROM courtier_web, courtier_worker")
    op.execute(MAY_TELL)
    op.execute("REVOKE ALL ON FUNCTION may_tell(bigint, text, text) FROM PUBLIC")
    op.execute(_rewritten(TELL_SIGNATURE, TELL_BEFORE, TELL_AFTER))
    op.execute("RESET ROLE")


def _rewritten(signature: str, before: str, after: str) -> str:
    """The text of a function with one part exchanged; fails where that part is not there once."""
    text = op.get_bind().exec_driver_sql(f"SELECT pg_get_functiondef('{signature}'::regprocedure)").scalar_one()
    if text.count(before) != 1:
        raise RuntimeError(f"{signature} does not hold the part that this step exchanges")
    return str(text.replace(before, after))


def downgrade() -> None:
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute("ALTER TABLE account_letter DROP COLUMN leaving_since")
    op.execute(_rewritten(TELL_SIGNATURE, TELL_AFTER, TELL_BEFORE))
    op.execute("DROP FUNCTION may_tell(bigint, text, text)")
    definer("live_mandate(bigint, bigint)", to=BOTH)
    op.execute(MANDATED.format(caller=""))
    op.execute(NAMED.format(caller=""))
    op.execute(SALE_TERMS.format(**UNASKED))
    op.execute(CREDIT_BEFORE)
    op.execute("DROP TRIGGER order_mailing ON rental_order; DROP TRIGGER order_ends ON mailing")
    op.execute("DROP FUNCTION order_keeps_mailing(), order_ends_with_mailing()")
    op.execute("UPDATE order_transition SET parties = '{}' WHERE (from_state, to_state) = ('on_credit', 'cancelled')")
    op.execute("RESET ROLE")
