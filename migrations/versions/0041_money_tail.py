"""Money: what accountants still missed."""

from __future__ import annotations

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Money: what accountants still missed."""


def downgrade() -> None:
    """Nothing to undo."""
