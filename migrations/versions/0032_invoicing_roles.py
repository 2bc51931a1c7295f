"""Invoicing: roles, mandates, platforms, opening balances."""

from __future__ import annotations

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
