"""A mailing is `planned` until the day before it starts; its recipients are drawn then, not weeks ahead."""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# Three functions name the state (what a restore holds, who may cut waves, what a frozen organisation stops).
RENAME = """
ALTER TABLE mailing DROP CONSTRAINT mailing_state_check;
ALTER TABLE mailing DISABLE TRIGGER USER;
UPDATE mailing SET state = '{new}' WHERE state = '{old}';
ALTER TABLE mailing ENABLE TRIGGER USER;
ALTER TABLE mailing ALTER state SET DEFAULT '{new}';
ALTER TABLE mailing ADD CONSTRAINT mailing_state_check
  CHECK (state IN ('{new}', 'frozen', 'sending', 'paused', 'sent', 'cancelled', 'failed'));
UPDATE mailing_transition SET from_state = '{new}' WHERE from_state = '{old}';
DO $$
DECLARE
  v_function regprocedure;
BEGIN
  FOR v_function IN SELECT oid FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND position('''{old}''' IN prosrc) > 0
  LOOP
    EXECUTE replace(pg_get_functiondef(v_function), '''{old}''', '''{new}''');
  END LOOP;
END $$;
"""


def upgrade() -> None:
    """`freezing` becomes `planned`."""
    op.execute(RENAME.format(old="freezing", new="planned"))


def downgrade() -> None:
    """The word of before; what was planned is drawn at once there."""
    op.execute(RENAME.format(old="planned", new="freezing"))
