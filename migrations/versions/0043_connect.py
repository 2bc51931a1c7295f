"""Connected accounts, saved means of payment, the gateway's balance."""

from __future__ import annotations

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Connected accounts, saved means of payment, the gateway's balance."""


def downgrade() -> None:
    """Nothing to undo."""
