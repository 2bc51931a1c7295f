"""Orders: what their users still missed."""

from __future__ import annotations

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Orders: what their users still missed."""


def downgrade() -> None:
    """Nothing to undo."""
