"""Mailings: what their users still missed.

A person ends a subject test by hand: the owner of the base, the author of the message, or the broker.
"""

from __future__ import annotations

from alembic import op

from migrations.protect import definer

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

# One choice, the first: a worker that decides in the same second finds the winner there, or was first itself.
FUNCTION = """
CREATE FUNCTION choose_mailing_variant(p_mailing bigint, p_winner smallint, p_decision jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM mailing m JOIN creative c ON c.id = m.creative_id WHERE m.id = p_mailing
    AND m.state IN ('sending', 'paused') AND m.started_at IS NOT NULL
    AND (app_role() IN ('broker', 'system') OR (app_role() = 'owner' AND m.owner_id = app_org())
         OR (app_role() = 'advertiser' AND c.org_id = app_org()));
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE mailing_progress SET winner = p_winner, decided_at = app_now(), decision = p_decision
  WHERE mailing_id = p_mailing AND winner IS NULL AND test_size > 0 AND p_winner >= 0 AND p_winner < variants;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE mailing_wave SET opens_at = app_now() WHERE mailing_id = p_mailing AND number = 1 AND opens_at IS NULL;
  RETURN true;
END $$;
"""
SIGNATURE = "choose_mailing_variant(bigint, smallint, jsonb)"


def upgrade() -> None:
    """A function by which people end a subject test."""
    op.execute("SET LOCAL ROLE courtier_owner")
    op.execute(FUNCTION)
    definer(SIGNATURE, to="courtier_web, courtier_worker")
    op.execute("RESET ROLE")


def downgrade() -> None:
    """Only the worker ends one."""
    op.execute(f"DROP FUNCTION {SIGNATURE}")
