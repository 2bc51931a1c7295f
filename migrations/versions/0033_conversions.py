"""Affiliation: participation, clicks, conversions, validation."""

from __future__ import annotations

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
