"""Feedback and keys: what their users still missed."""

from __future__ import annotations

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Feedback and keys: what their users still missed."""


def downgrade() -> None:
    """Nothing to undo."""
