"""A mailing is frozen a day before it starts."""

from __future__ import annotations

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A mailing is frozen a day before it starts."""


def downgrade() -> None:
    """Nothing to undo."""
