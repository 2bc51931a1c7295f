"""Dunning, refunds, velocity."""

from __future__ import annotations

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Dunning, refunds, velocity."""


def downgrade() -> None:
    """Nothing to undo."""
