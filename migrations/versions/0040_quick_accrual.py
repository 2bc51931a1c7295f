"""Accrual in sets."""

from __future__ import annotations

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accrual in sets."""


def downgrade() -> None:
    """Nothing to undo."""
