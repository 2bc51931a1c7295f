"""Mailings: subject tests, waves, thresholds, reports."""

from __future__ import annotations

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
