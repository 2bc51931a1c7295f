"""Payments: statements, disputes, dunning, holds."""

from __future__ import annotations

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
