"""Sends: fewer round trips."""

from __future__ import annotations

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Sends: fewer round trips."""


def downgrade() -> None:
    """Nothing to undo."""
