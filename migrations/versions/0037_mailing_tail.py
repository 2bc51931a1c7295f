"""Mailings: what their users still missed."""

from __future__ import annotations

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mailings: what their users still missed."""


def downgrade() -> None:
    """Nothing to undo."""
