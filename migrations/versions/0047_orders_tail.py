"""A further use that its advertiser stops before it leaves may be taken again, but not for ever."""

from __future__ import annotations

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

ENDS = r"""
CREATE OR REPLACE FUNCTION order_ends_with_mailing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
    UPDATE order_use SET dispatch_id = NULL, send_on = NULL, chosen_at = NULLSTOPS WHERE id = v_use;
  END IF;
  UPDATE rental_order SET state = CASE WHEN v_use IS NULL THEN 'cancelled' ELSE 'sent' END
  WHERE id = v_order AND state IN ('scheduled', 'sending');
  RETURN NULL;
END $$;
"""
# Each stop kept contacts from others for days. The owner's and the broker's stops do not count against the advertiser.
STOPS = """,
      stops = stops + (NEW.advertiser_id IS NOT DISTINCT FROM app_org())::integer,
      given_up = stops + (NEW.advertiser_id IS NOT DISTINCT FROM app_org())::integer >= 3"""


def upgrade() -> None:
    op.execute("ALTER TABLE order_use ADD COLUMN stops smallint NOT NULL DEFAULT 0 CHECK (stops BETWEEN 0 AND 3)")
    op.execute(ENDS.replace("STOPS", STOPS))


def downgrade() -> None:
    op.execute(ENDS.replace("STOPS", ""))
    op.execute("ALTER TABLE order_use DROP COLUMN stops")
